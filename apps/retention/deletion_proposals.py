"""What a proposed first deletion means: exactly the rows that a dry run counted, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane.errors import Invalid, NotFound

from .models import Enforcement, RetentionRule

ACTION = "retention.propose"


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """`{dry_run, before, counts}`: a dry run of this team's rule in its active version, and what it counted.

    Raises Invalid naming `dry_run`.
    """
    if not isinstance(proposal, Mapping) or "dry_run" not in proposal:
        raise Invalid(_("A first deletion is an object of dry_run, the id of what was counted."), field="dry_run")
    run = _dry_run(proposal["dry_run"], team_id)
    counts = [
        {key: one[key] for key in ("dataset", "rows", "oldest", "newest")}
        for one in run.outcomes
        if one["state"] == "COUNTED"
    ]
    return {"dry_run": str(run.id), "before": run.before.isoformat(), "counts": counts}


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    return f"retention/{Enforcement.objects.get(id=proposal['dry_run']).rule_id}/deletion"


def current(target: str) -> Current:
    """The version of the rule that the deletion stands on; a rule that changes meanwhile voids the approval."""
    row = RetentionRule.objects.filter(id=target.split("/")[1]).first()
    if row is None:
        raise NotFound(_("There is no such retention rule."))
    return Current(row.active_version, None)


def text(proposal: Mapping[str, Any]) -> str:
    lines = [f"rows dated before: {proposal['before']}"]
    for one in proposal["counts"]:
        dates = f", {one['oldest']} to {one['newest']}" if one["oldest"] else ""
        lines.append(f"{one['dataset']}: {one['rows']} rows{dates}")
    return "\n".join(lines) + "\n"


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    run = Enforcement.objects.select_related("rule").get(id=after["dry_run"])
    rows = sum(one["rows"] for one in after["counts"])
    sentence = ngettext(
        "After approval, %(rows)s row dated before %(day)s is deleted for ever; later ones follow by the schedule.",
        "After approval, %(rows)s rows dated before %(day)s are deleted for ever; later ones follow by the schedule.",
        rows,
    ) % {"rows": f"{rows:,}", "day": run.before.date().isoformat()}
    reasons = tuple(
        _("%(dataset)s loses %(rows)s rows.") % {"dataset": one["dataset"], "rows": f"{one['rows']:,}"}
        for one in after["counts"]
    )
    title = _("First deletion by %(name)s") % {"name": run.rule.name}
    return Consequence(title, sentence, "HIGH", reasons or (_("No row is due now."),))


def _dry_run(value: object, team_id: Id) -> Enforcement:
    try:
        run = Enforcement.objects.select_related("rule").filter(id=UUID(str(value)), rule__team_id=team_id).first()
    except ValueError:
        run = None
    if run is None or run.mode != Enforcement.DRY_RUN or run.state != Enforcement.DONE:
        raise Invalid(_("There is no such finished dry run in this team."), field="dry_run")
    if run.rule_version != run.rule.active_version:
        raise Invalid(
            _("The rule changed since this dry run."), field="dry_run", remedy=_("Make a dry run of what is active.")
        )
    return run
