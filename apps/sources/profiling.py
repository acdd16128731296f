"""Profiles datasets: asked for by people, carried out by the extract worker, values of sensitive columns never kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.db import connection as database
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane import profile as counting
from apps.dataplane.errors import Fenced, LockgateError, NotFound, Refused
from apps.dataplane.plan import ColumnSchema, TableRef, TableSchema

from . import selectors, services
from .models import Dataset, Profile

MOST_ROWS = 10_000
MOST_BYTES = 64 * 1024 * 1024
MOST_COLUMNS = 400
FIRST_ROWS = 100


def request_profile(*, actor: Actor, dataset_id: Id) -> Profile:
    """Have the rows of a dataset counted; a profile that is under way already is the answer to a second request."""
    row = selectors.dataset(actor, dataset_id)
    access.require(actor, "dataset.profile", row.connection.team_id)
    if row.gone_at is not None:
        raise Refused(
            _("The dataset %(name)s is no longer there, so there is nothing to look at.") % {"name": row},
            remedy=_("Discover the connection again."),
        )
    with transaction.atomic():
        _one_at_a_time(f"profile/{row.id}")
        running = Profile.objects.filter(dataset=row, state=Profile.RUNNING).first()
        if running:
            return running
        profile = Profile(dataset=row)
        profile.save(force_insert=True)
        jobs.enqueue("connection.profile", subject=f"profile/{profile.id}")
        audit.append(
            actor=actor,
            action="dataset.profile_requested",
            subject=f"dataset/{row.id}",
            summary=_("asked for a profile of %(name)s") % {"name": row},
            team_id=row.connection.team_id,
        )
    return profile


def run_profile(*, lease: jobs.Lease) -> None:
    """Carry out one profile. An expected failure is written into its row, as a sentence, and ends the job."""
    profile = (
        Profile.objects.filter(id=lease.subject_id, state=Profile.RUNNING).select_related("dataset__connection").first()
    )
    if profile is None:
        return
    try:
        schema, rows, whole = _look(profile.dataset)
    except Fenced:
        raise
    except LockgateError as error:
        give_up_profile(profile_id=str(profile.id), outcome=f"{error.sentence} {error.remedy}".strip())
        return
    lease.check()
    with transaction.atomic():
        _write(profile, schema.columns, rows, whole=whole)
        lease.check()
        audit.append(
            actor=system("extract"),
            action="dataset.profiled",
            subject=f"dataset/{profile.dataset_id}",
            summary=_("counted %(rows)s rows of %(name)s") % {"rows": rows.num_rows, "name": profile.dataset},
            team_id=profile.dataset.connection.team_id,
            detail={"rows": rows.num_rows, "sampled": not whole},
        )


def give_up_profile(*, profile_id: str, outcome: str) -> None:
    """The look failed for good; the profile before stays."""
    running = Profile.objects.filter(id=profile_id, state=Profile.RUNNING)
    running.update(state=Profile.FAILED, failure=outcome, ended_at=Now())


def forget_values(columns: Iterable[tuple[UUID, str]]) -> None:
    """Take the values of these columns (dataset id, name) out of stored profiles: they became sensitive.

    In the transaction that classifies them; a profile that is being written waits for it and then sees the new tags.
    """
    wanted: dict[UUID, set[str]] = {}
    for dataset_id, name in columns:
        wanted.setdefault(dataset_id, set()).add(name)
    for profile in Profile.objects.filter(dataset_id__in=wanted, state=Profile.DONE).exclude(body={}):
        body = selectors.hiding(profile.body, wanted[profile.dataset_id])
        if body != profile.body:
            Profile.objects.filter(id=profile.id).update(body=body)


def _look(dataset: Dataset) -> tuple[TableSchema, pa.Table, bool]:
    """The live schema, at most so many rows and bytes of it, and whether these are all rows there are."""
    opened = services.open_connection(dataset.connection_id, "read")
    ref = TableRef(dataset.schema, dataset.table)
    schema = opened.connector.inspect(opened.settings, opened.credentials, (ref,))[ref]
    if schema is None:
        raise NotFound(_("There is no table %(name)s.") % {"name": ref}, remedy=_("Discover the connection again."))
    names = [column.name for column in schema.columns][:MOST_COLUMNS]
    sample = partial(opened.connector.sample, opened.settings, opened.credentials, ref, names)
    first = sample(FIRST_ROWS)
    limit = _bounded(first)
    rows = sample(limit) if first.num_rows == FIRST_ROWS else first
    # Fewer rows than were asked for are all of them, unless the connector drew its pages from a large table.
    return schema, rows, rows.num_rows < limit and schema.estimated_rows <= MOST_ROWS


def _bounded(first: pa.Table) -> int:
    """How many rows like the first ones are looked at: the widest tables give fewer."""
    width = first.nbytes / max(first.num_rows, 1)
    return int(max(FIRST_ROWS, min(MOST_ROWS, MOST_BYTES / max(width, 1))))


def _write(profile: Profile, columns: Sequence[ColumnSchema], rows: pa.Table, *, whole: bool) -> None:
    """Under the lock that classification takes: what becomes sensitive meanwhile is counted as sensitive."""
    _one_at_a_time(f"classification/{profile.dataset.connection_id}")
    readable = {name for name, tags in selectors.classification_of(profile.dataset).items() if tags == ()}
    body: dict[str, Any] = {
        "rows": rows.num_rows,
        "sampled": not whole,
        "at": now().isoformat(),
        "columns": [_plain(one) for one in counting.profile(columns, rows, readable=readable)],
    }
    Profile.objects.filter(dataset=profile.dataset, state=Profile.DONE).exclude(body={}).update(body={})
    Profile.objects.filter(id=profile.id, state=Profile.RUNNING).update(state=Profile.DONE, body=body, ended_at=Now())


def _plain(column: counting.ColumnProfile) -> dict[str, Any]:
    """As it comes back from JSON."""
    found = asdict(column)
    return found | {"patterns": [list(pair) for pair in column.patterns], "histogram": list(column.histogram)}


def _one_at_a_time(what: str) -> None:
    """There may be no row to lock yet."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])
