"""Keeps the differences that discovery finds until they are settled: classified, seen, or gone back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Invalid

from . import drifted
from .drift import Drift
from .models import Column, Connection, Dataset, Difference

MOST_AT_ONCE = 500


def keep(connection: Connection, changes: Sequence[Drift], datasets: Mapping[str, Dataset]) -> None:
    """Write down what one discovery found to differ, in its transaction; `datasets` by `schema.table`.

    Of one column there is one open difference: a second one continues it, or takes it back.
    """
    found = [(datasets[change.dataset], change) for change in changes if change.dataset in datasets]
    open_ = {
        (one.dataset_id, one.column): one
        for one in Difference.objects.filter(dataset__in={row.id for row, _one in found}, settled_at=None)
    }
    fresh, reverted = [], []
    for row, change in found:
        before = open_.get((row.id, change.column))
        now = _continued(before, change)
        if before is None:
            fresh.append(_difference(connection, row, change))
        elif now is None:
            reverted.append(before.id)
        else:
            Difference.objects.filter(id=before.id).update(what=now.what, before=now.before, after=now.after)
    _settle(reverted, Difference.REVERTED, "extract")
    Difference.objects.bulk_create(fresh, batch_size=1000)


def classified(columns: Iterable[Column]) -> None:
    """What was added or retyped and is classified now is settled; in the transaction that classifies it."""
    wanted = {(column.dataset_id, column.name) for column in columns}
    rows = Difference.objects.filter(dataset_id__in={id for id, _name in wanted}, settled_at=None)
    known = list(rows.exclude(what="dropped").values_list("id", "dataset_id", "column"))
    ids = [id for id, dataset, name in known if (dataset, name) in wanted]
    whole = {dataset for _id, dataset, name in known if not name}
    ready = whole - drifted.with_unclassified(whole)
    ids += [id for id, dataset, name in known if not name and dataset in ready]
    _settle(ids, Difference.CLASSIFIED, "applier")


def settle(*, actor: Actor, difference_ids: Sequence[Id]) -> int:
    """Somebody has seen these differences and they need no more. What is unclassified stays refused all the same.

    Raises Conflict where one of them was settled meanwhile.
    """
    access.require(actor, "drift.settle")
    if not difference_ids or len(difference_ids) > MOST_AT_ONCE:
        raise Invalid(_("Choose between 1 and %(most)s differences.") % {"most": MOST_AT_ONCE}, field="difference")
    rows = list(drifted.visible(actor).filter(id__in=list(difference_ids)).select_related("connection", "dataset"))
    if len(rows) != len(set(difference_ids)) or any(row.settled_at for row in rows):
        raise Conflict(
            _("Somebody has settled one of these differences meanwhile, or it went; nothing was written."),
            remedy=_("Look at the list again."),
        )
    for team in {row.connection.team_id for row in rows}:
        access.require(actor, "drift.settle", team)
    with transaction.atomic():
        for connection in {row.connection for row in rows}:
            here = [row for row in rows if row.connection_id == connection.id]
            _settle([row.id for row in here], Difference.SEEN, actor.name[:120])
            audit.append(
                actor=actor,
                action="drift.seen",
                subject=f"connection/{connection.id}",
                summary=_("has seen %(count)s differences of %(slug)s") % {"count": len(here), "slug": connection.slug},
                team_id=connection.team_id,
                detail={"differences": [f"{row.what} {row.dataset} {row.column}".strip() for row in here]},
            )
    return len(rows)


def _continued(before: Difference | None, change: Drift) -> Drift | None:
    """The difference from what was before the open one to what is now; None: back to what it was."""
    if before is None:
        return change
    if (before.what, change.what) == ("added", "dropped"):
        return None
    if (before.what, change.what) == ("dropped", "added"):
        # A dataset that came back is the same one; a column that came back is a new one, which nobody has classified.
        return change if change.column else None
    if before.what == "added":
        return replace(change, what="added", before="")
    if change.what == "retyped" and before.before == change.after:
        return None
    return replace(change, before=before.before)


def _difference(connection: Connection, row: Dataset, change: Drift) -> Difference:
    return Difference(
        connection=connection,
        dataset=row,
        column=change.column,
        what=change.what,
        before=change.before[:200],
        after=change.after[:200],
    )


def _settle(ids: Sequence[UUID], how: str, by: str) -> None:
    Difference.objects.filter(id__in=ids, settled_at=None).update(settled_at=Now(), settled_how=how, settled_by=by)
