"""Shapes pipelines for pages: columns with their treatment and why, conditions in words, remedies as links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from cron_descriptor import FormatException, MissingFieldException, WrongArgumentException, get_description
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.ids import Id
from apps.dataplane import treatments
from apps.dataplane.definition import PipelineDefinition, Schedule, StreamDefinition
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import ColumnPlan, OutputCheck, RowRule, SettleRule
from apps.dataplane.quality import wording

from . import remedies, scheduling
from .planning import Planned

TIMES_SHOWN = 5


@dataclass(frozen=True)
class ColumnLine:
    """One column: its treatment and why; or why it is refused, with where to mend that."""

    name: str
    type: str = ""
    tags: tuple[str, ...] = ()
    kind: str = ""
    treatment: str = ""
    why: str = ""
    remedy: str = ""
    url: str = ""
    action: str = ""

    @property
    def refused(self) -> bool:
        return not self.kind


@dataclass(frozen=True)
class Condition:
    """A filter, rule or check in words, and what comes of a row or set that does not satisfy it."""

    id: str
    words: str
    effect: str


@dataclass(frozen=True)
class StreamCard:
    """One stream on the pipeline's page."""

    stream: StreamDefinition
    columns: tuple[ColumnLine, ...]
    conditions: tuple[Condition, ...]
    checks: tuple[Condition, ...]

    @property
    def refused(self) -> int:
        return sum(1 for column in self.columns if column.refused)


@dataclass(frozen=True)
class ScheduleLine:
    """When a pipeline runs, in words, and its next times: `local` in the schedule's own zone, beside the instants.

    `shift` tells of clocks that change on the way.
    """

    words: str
    cron: str
    zone: str
    times: tuple[datetime, ...]
    local: tuple[tuple[str, datetime], ...] = ()
    shift: str = ""


def sentence(
    definition: PipelineDefinition, planned: Mapping[str, Planned], *, source: str, destination: str, zone: str
) -> str:
    """What the pipeline does, in two sentences."""
    tables = len(definition.streams)
    copies = ngettext(
        "%(when)s it copies %(count)s table from %(source)s to %(destination)s, zone %(zone)s.",
        "%(when)s it copies %(count)s tables from %(source)s to %(destination)s, zone %(zone)s.",
        tables,
    ) % {
        "when": _when(definition.schedule),
        "count": tables,
        "source": source,
        "destination": destination,
        "zone": zone,
    }
    return f"{copies} {_fate(definition, planned)}"


def _when(held: Schedule | None) -> str:
    if held is None:
        return _("When somebody starts it,")
    return _("%(words)s (%(zone)s)") % {"words": in_words(held.cron), "zone": held.zone}


def _fate(definition: PipelineDefinition, planned: Mapping[str, Planned]) -> str:
    columns = [column for listed in planned.values() for column in listed if not isinstance(column, Refusal)]
    dropped = sum(1 for column in columns if column.dropped)
    treated = sum(1 for column in columns if not column.dropped and column.treatment.kind != "pass")
    conditions = sum(len((*one.filters, *one.row_checks, *one.settle)) for one in definition.streams)
    return _(
        "Of %(columns)s columns %(treated)s are treated on the way and %(dropped)s dropped; "
        "conditions on rows: %(conditions)s, checks at the gate: %(checks)s."
    ) % {
        "columns": sum(map(len, planned.values())),
        "treated": treated,
        "dropped": dropped,
        "conditions": conditions,
        "checks": len(definition.output_checks),
    }


def remedy(code: str, *, source_id: Id, edit_url: str, subject: str = "") -> tuple[str, str]:
    """Where a refusal is mended, and the word on the button."""
    return remedies.remedy(code, remedies.Place(source_id, subject=subject, edit_url=edit_url, load_url=edit_url))


def cards(
    definition: PipelineDefinition, planned: Mapping[str, Planned], *, source_id: Id, edit_url: str = ""
) -> list[StreamCard]:
    """Every stream with its columns, conditions and checks."""
    return [
        StreamCard(
            stream,
            tuple(_column(column, stream, source_id, edit_url) for column in planned.get(stream.name, ())),
            tuple(_conditions(stream)),
            tuple(_check(check) for check in definition.output_checks if check.stream == stream.name),
        )
        for stream in definition.streams
    ]


def _column(column: ColumnPlan | Refusal, stream: StreamDefinition, source_id: Id, edit_url: str) -> ColumnLine:
    if isinstance(column, Refusal):
        url, action = remedy(column.code, source_id=source_id, edit_url=edit_url, subject=column.subject)
        name = column.subject.removeprefix(f"{stream.source}.")
        return ColumnLine(name, why=column.sentence, remedy=column.remedy, url=url, action=action)
    return ColumnLine(
        column.name,
        column.type,
        column.tags,
        column.treatment.kind,
        str(column.treatment),
        column.why.sentence or treatments.describe(column.treatment),
    )


def _conditions(stream: StreamDefinition) -> list[Condition]:
    return [
        *(_rule(rule, _("only these rows are read")) for rule in stream.filters),
        *(_rule(rule, _ON_FAIL[rule.on_fail]()) for rule in stream.row_checks),
        *(_settle(rule) for rule in stream.settle),
    ]


_ON_FAIL = {"quarantine": lambda: _("other rows go to quarantine"), "reject": lambda: _("other rows are rejected")}


def _rule(rule: RowRule, effect: str) -> Condition:
    return Condition(rule.id, wording.rule_in_words(rule.kind, rule.column, rule.params) or rule.kind, effect)


def _settle(rule: SettleRule) -> Condition:
    words = wording.settle_in_words(rule.kind, rule.columns, rule.target, rule.to)
    unique = rule.kind == "unique"
    return Condition(
        rule.id, words, _("later duplicates go to quarantine") if unique else _("orphans go to quarantine")
    )


def _check(check: OutputCheck) -> Condition:
    words = wording.check_in_words(check.expectation, check.kwargs) or check.expectation
    return Condition(check.id, words, _("keeps the gate closed") if check.severity == "ERROR" else _("warns"))


def schedule(held: Schedule | None, *, after: datetime) -> ScheduleLine | None:
    """None without a schedule."""
    if held is None:
        return None
    times = scheduling.next_times(held, after=after, count=TIMES_SHOWN)
    there = [time.astimezone(ZoneInfo(held.zone)) for time in times]
    local = tuple((f"{time:%a %Y-%m-%d %H:%M %Z}", at) for time, at in zip(there, times, strict=True))
    return ScheduleLine(in_words(held.cron), held.cron, held.zone, tuple(times), local, _shift(there, held.zone))


def _shift(there: Sequence[datetime], zone: str) -> str:
    """What becomes of the times when the clocks change between two of them."""
    for before, after in pairwise(there):
        if before.utcoffset() != after.utcoffset():
            told = {"zone": zone, "day": f"{after:%Y-%m-%d}"}
            return (
                _("By %(day)s the clocks in %(zone)s have changed: the hour there stays, the one in UTC moves.") % told
            )
    return ""


def in_words(cron: str) -> str:
    """What five fields mean, or the fields themselves."""
    try:
        return get_description(cron)
    except (FormatException, MissingFieldException, WrongArgumentException):
        return cron


def way(definition: PipelineDefinition, source: str, destination: str) -> dict[str, Any]:
    """The drawing: tables of the source to tables of the destination."""
    nodes, edges = [], []
    for index, stream in enumerate(definition.streams):
        nodes.append({"id": f"s{index}", "label": str(stream.source), "sub": source})
        nodes.append({"id": f"d{index}", "label": str(stream.destination), "sub": destination})
        edges.append((f"s{index}", f"d{index}"))
    return {"nodes": nodes, "edges": edges}


def refusals(found: Sequence[Refusal], *, source_id: Id, edit_url: str = "") -> list[dict[str, str]]:
    """Reasons with their remedy as a link."""
    listed = []
    for refusal in found:
        url, action = remedy(refusal.code, source_id=source_id, edit_url=edit_url, subject=refusal.subject)
        listed.append({"sentence": refusal.sentence, "remedy": refusal.remedy, "url": url, "action": action})
    return listed
