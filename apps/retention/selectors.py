"""Reads retention rules, what they say, and what was counted and deleted, each only for who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.core.paging import Page, page
from apps.dataplane import retention as rules
from apps.dataplane.errors import NotFound
from apps.dataplane.plan import TableRef
from apps.dataplane.retention import RetentionDefinition
from apps.grants import selectors as holds
from apps.sources import selectors as sources

from . import reach
from .models import Enforcement, RetentionRule, RetentionRuleVersion


@dataclass(frozen=True)
class RuleRow:
    """A rule of the list with what its active version says and its newest enforcement."""

    rule: RetentionRule
    definition: RetentionDefinition
    connection: str
    last: Enforcement | None


@dataclass(frozen=True)
class Reached:
    """A dataset that a rule reaches, and the legal holds in force on it."""

    ref: TableRef
    holds: tuple[str, ...]


def rules_of(actor: Actor) -> QuerySet[RetentionRule]:
    """Every rule that the actor may see."""
    rows = RetentionRule.objects.select_related("team")
    if access.everywhere(actor, "retention.view"):
        return rows
    return rows.filter(team_id__in=access.teams(actor, "retention.view"))


def paged(actor: Actor, *, cursor: str = "", size: int = 50) -> Page[RetentionRule]:
    """Newest first."""
    return page(rules_of(actor), by="id", cursor=cursor, size=size)


def rows(found: Sequence[RetentionRule]) -> tuple[RuleRow, ...]:
    """What the list shows of each rule, in three queries."""
    active = RetentionRuleVersion.objects.filter(rule__in=found, number=F("rule__active_version"))
    said = {row.rule_id: rules.parse(row.definition) for row in active}
    newest = Enforcement.objects.filter(rule__in=found).order_by("rule", "-number").distinct("rule")
    last = {row.rule_id: row for row in newest}
    ids = {one.connection for one in said.values()}
    names = {
        str(id): name for id, name in sources.connections(reach.PLANNER).filter(id__in=ids).values_list("id", "name")
    }
    return tuple(RuleRow(row, said[row.id], names.get(said[row.id].connection, ""), last.get(row.id)) for row in found)


def rule_named(actor: Actor, team: str, slug: str) -> RetentionRule:
    """By the slugs of its team and its own. Raises NotFound."""
    return _one(rules_of(actor).filter(team__slug=team, slug=slug).first())


def rule(actor: Actor, id: Id) -> RetentionRule:
    """Raises NotFound."""
    return _one(rules_of(actor).filter(id=id).first())


def definition_of(rule: RetentionRule, version: int | None = None) -> RetentionDefinition:
    row = RetentionRuleVersion.objects.get(rule=rule, number=version or rule.active_version)
    return rules.parse(row.definition)


def versions(rule: RetentionRule) -> list[RetentionRuleVersion]:
    """Newest first."""
    return list(RetentionRuleVersion.objects.filter(rule=rule).order_by("-number")[:50])


def reached(definition: RetentionDefinition) -> tuple[Reached, ...]:
    """The datasets that a rule reaches, each with the titles of its legal holds."""
    refs = reach.reached(definition)
    held = holds.held(definition.connection, refs)
    return tuple(Reached(ref, held.get(ref, ())) for ref in refs)


def enforcements(rule: RetentionRule, *, cursor: str = "", size: int = 20) -> Page[Enforcement]:
    """Newest first."""
    return page(Enforcement.objects.filter(rule=rule), by="number", cursor=cursor, size=size)


def enforcement(actor: Actor, number: int) -> Enforcement:
    """Raises NotFound."""
    found = Enforcement.objects.select_related("rule__team", "dry_run").filter(number=number).first()
    if found is None or not rules_of(actor).filter(id=found.rule_id).exists():
        raise NotFound(_("There is no such count or deletion, or none that you may see."))
    return found


def newest_dry_run(rule: RetentionRule) -> Enforcement | None:
    """The last finished dry run of the active version that was not carried out yet."""
    done = Enforcement.objects.filter(
        rule=rule, rule_version=rule.active_version, mode=Enforcement.DRY_RUN, state=Enforcement.DONE
    )
    newest = done.order_by("-number").first()
    carried_out = newest and newest.deletions.exclude(state__in=(Enforcement.REFUSED, Enforcement.FAILED)).exists()
    return None if carried_out else newest


def is_released(rule: RetentionRule) -> bool:
    """Whether a first deletion of the active version was approved and carried out: the schedule may go on by itself."""
    return Enforcement.objects.filter(
        rule=rule, rule_version=rule.active_version, mode=Enforcement.DELETION, state=Enforcement.DONE
    ).exists()


def due(at: datetime) -> list[RetentionRule]:
    return list(RetentionRule.objects.filter(paused_at=None, next_due_at__lte=at).order_by("next_due_at")[:100])


def _one(found: RetentionRule | None) -> RetentionRule:
    if found is None:
        raise NotFound(_("There is no such retention rule, or none that you may see."))
    return found
