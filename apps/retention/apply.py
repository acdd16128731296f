"""Carries out an approved change to a retention rule. Imported by the changes app alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.utils.translation import gettext as _

from apps.core.clock import now
from apps.dataplane import retention as rules
from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Conflict
from apps.pipelines import scheduling

from .models import RetentionRule, RetentionRuleVersion


@transaction.atomic
def apply(*, proposal: Mapping[str, Any], target: str, base_version: int, change: str) -> str:
    """The next version of the rule, or its first. Raises Conflict when another change was faster."""
    row = _new(target, base_version) if target.startswith("retention/new/") else _next(target, base_version)
    schedule = rules.parse(proposal["definition"]).schedule
    row.name, row.active_version = proposal["name"], base_version + 1
    row.next_due_at = None if row.paused_at else scheduling.next_due(schedule, after=now())
    row.save()
    RetentionRuleVersion(
        rule=row,
        number=row.active_version,
        definition=proposal["definition"],
        hash=canonical_hash(proposal["definition"]),
        change=change,
    ).save(force_insert=True)
    return f"retention/{row.id}"


def _new(target: str, base_version: int) -> RetentionRule:
    team_id, _slash, slug = target.removeprefix("retention/new/").partition("/")
    with database.cursor() as cursor:
        # Two first versions of one name at once: there is no row to lock yet.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [target])
    if base_version != 0 or RetentionRule.objects.filter(team_id=UUID(team_id), slug=slug).exists():
        raise _moved(slug)
    return RetentionRule(team_id=UUID(team_id), slug=slug)


def _next(target: str, base_version: int) -> RetentionRule:
    row = RetentionRule.objects.select_for_update().filter(id=UUID(target.partition("/")[2])).first()
    if row is None or row.active_version != base_version:
        raise _moved(row.name if row else target)
    return row


def _moved(what: str) -> Conflict:
    return Conflict(
        _("The retention rule %(what)s changed after this was proposed; nothing was written.") % {"what": what},
        remedy=_("Propose again on what is active now."),
    )
