"""What a proposed retention rule means: its canonical form, what is active, its text, and its consequence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import yaml
from django.utils.translation import gettext as _

from apps.core.governed import Consequence, Current
from apps.core.ids import Id
from apps.dataplane import policy as masking
from apps.dataplane import retention as rules
from apps.dataplane.errors import Invalid, NotFound
from apps.dataplane.retention import Keep, RetentionDefinition
from apps.pipelines import scheduling
from apps.sources import definition as names
from apps.sources import selectors as sources
from apps.sources.definition import KNOWN_TAGS

from . import reach
from .models import RetentionRule, RetentionRuleVersion

ACTION = "retention.propose"
SUPPORTED = ("postgresql",)
# Only to compare two periods with each other.
_ANY_DAY = datetime(2024, 3, 1, tzinfo=UTC)


def normalise(proposal: Mapping[str, Any], *, team_id: Id) -> dict[str, Any]:
    """The canonical `{slug, name, definition}`. Raises Invalid naming the field."""
    if not isinstance(proposal, Mapping):
        raise Invalid(_("A retention rule is an object of slug, name and definition."))
    unknown = next((key for key in proposal if key not in ("slug", "name", "definition")), None)
    if unknown is not None:
        raise Invalid(_("`%(key)s` is unknown here.") % {"key": unknown}, field=str(unknown))
    definition = rules.parse(proposal.get("definition") or {})
    _require_connection(definition.connection, team_id)
    _require_tag(definition.tag)
    _require_schedule(definition)
    return {
        "slug": names.slug(proposal.get("slug")),
        "name": names.name(proposal.get("name")),
        "definition": definition.as_document(),
    }


def _require_connection(connection_id: str, team_id: Id) -> None:
    row = sources.connections(reach.PLANNER).filter(id=UUID(connection_id), team_id=str(team_id)).first()
    if row is None:
        raise Invalid(_("Choose a connection of this team."), field="connection")
    if row.kind not in SUPPORTED:
        raise Invalid(
            _("Rows of %(name)s cannot be deleted by age: it is no PostgreSQL connection.") % {"name": row.name},
            field="connection",
        )
    if "write" not in sources.active(row).credentials:
        raise Invalid(
            _("Connection %(name)s has no write credential, so nothing can be deleted there.") % {"name": row.name},
            field="connection",
            remedy=_("Edit the connection and add a user that may delete."),
        )


def _require_tag(tag: str) -> None:
    if tag and not any(masking.under(known, tag) for known in KNOWN_TAGS):
        raise Invalid(_("There is no tag %(tag)s.") % {"tag": tag}, field="tag")


def _require_schedule(definition: RetentionDefinition) -> None:
    if definition.schedule:
        try:
            scheduling.validate(definition.schedule)
        except Invalid as error:
            raise Invalid(error.sentence, remedy=error.remedy, field="cron") from None


def target(proposal: Mapping[str, Any], *, team_id: Id) -> str:
    found = RetentionRule.objects.filter(team_id=str(team_id), slug=proposal["slug"]).first()
    return f"retention/{found.id}" if found else f"retention/new/{team_id}/{proposal['slug']}"


def current(target: str) -> Current:
    """What is active, as a proposal; version 0 for a rule that does not exist yet."""
    if target.startswith("retention/new/"):
        return Current(0, None)
    row = RetentionRule.objects.filter(id=target.partition("/")[2]).first()
    if row is None:
        raise NotFound(_("There is no such retention rule."))
    version = RetentionRuleVersion.objects.get(rule=row, number=row.active_version)
    return Current(row.active_version, {"slug": row.slug, "name": row.name, "definition": version.definition})


def at(target: str, version: int) -> dict[str, Any] | None:
    """An earlier version as a proposal; None before the first."""
    row = RetentionRule.objects.filter(id=target.partition("/")[2]).first() if version else None
    if row is None:
        return None
    found = RetentionRuleVersion.objects.get(rule=row, number=version)
    return {"slug": row.slug, "name": row.name, "definition": found.definition}


def text(proposal: Mapping[str, Any]) -> str:
    """Stable YAML for the diff; the connection by its name."""
    definition = dict(proposal["definition"])
    connection = sources.connections(reach.PLANNER).filter(id=definition["connection"]).first()
    definition["connection"] = connection.slug if connection else definition["connection"]
    document = {"retention": proposal["slug"], "name": proposal["name"], **definition}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def consequence(before: Mapping[str, Any] | None, after: Mapping[str, Any], *, team_id: Id) -> Consequence:
    """A rule that keeps rows for a shorter time, or reaches others, is high risk.

    Nothing goes before a first deletion was approved by itself.
    """
    new = rules.parse(after["definition"])
    title = (_("Change retention rule %(name)s") if before else _("New retention rule %(name)s")) % after
    sentence = _(
        "After approval, rows of %(what)s whose %(column)s is more than %(keep)s ago become due for deletion; "
        "the first deletion is counted and approved by itself."
    ) % {"what": _what(new), "column": new.age_column, "keep": str(new.keep)}
    if before is None:
        rows = reach.estimated_rows(new)
        counted = (_("It reaches datasets of about %(rows)s rows.") % {"rows": f"{rows:,}"},) if rows else ()
        return Consequence(title, sentence, "MEDIUM", (_("Rows that go do not come back."), *counted))
    reasons = tuple(_reasons(rules.parse(before["definition"]), new))
    return Consequence(title, sentence, "HIGH" if reasons else "LOW", reasons or (_("No row goes earlier."),))


def _reasons(old: RetentionDefinition, new: RetentionDefinition) -> list[str]:
    found = []
    if _length(new.keep) < _length(old.keep):
        found.append(_("It keeps rows for %(new)s instead of %(old)s.") % {"new": str(new.keep), "old": str(old.keep)})
    if (new.connection, new.dataset, new.tag) != (old.connection, old.dataset, old.tag):
        found.append(_("It reaches %(what)s.") % {"what": _what(new)})
    if new.age_column != old.age_column:
        found.append(_("It tells the age of a row by %(column)s.") % {"column": new.age_column})
    return found


def _length(keep: Keep) -> timedelta:
    return _ANY_DAY - rules.cutoff(keep, "UTC", _ANY_DAY)


def _what(definition: RetentionDefinition) -> str:
    if definition.dataset:
        return str(definition.dataset)
    return _("every dataset with a column tagged %(tag)s") % {"tag": definition.tag}
