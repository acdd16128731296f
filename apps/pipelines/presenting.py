"""Shapes pipelines for pages: columns with their treatment and why, conditions in words, remedies as links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cron_descriptor import FormatException, MissingFieldException, WrongArgumentException, get_description
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.ids import Id
from apps.dataplane import treatments
from apps.dataplane.definition import PipelineDefinition, Schedule, StreamDefinition
from apps.dataplane.errors import Refusal
from apps.dataplane.plan import ColumnPlan, OutputCheck, RowRule, SettleRule
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.rows import KINDS

from . import scheduling
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
    """A filter, rule or check in words."""

    id: str
    what: str
    about: str
    detail: str
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
    """When a pipeline runs, in words, and its next times."""

    words: str
    cron: str
    zone: str
    times: tuple[datetime, ...]


def remedy(code: str, *, source_id: Id, edit_url: str) -> tuple[str, str]:
    """Where a refusal is mended, and the word on the button."""
    source = reverse("sources:datasets") + f"?connection={source_id}"
    if code == "unclassified":
        return f"{source}&state=unclassified", _("Classify the columns")
    if code in ("undiscovered", "dropped", "retyped", "type", "reserved-name", "source-missing"):
        return source, _("Look at the source")
    if code in ("no-rule", "conflict", "no-key") or code.startswith("destination-"):
        return reverse("policies:policies"), _("Open the policies")
    return edit_url, _("Change the pipeline") if edit_url else ""


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
        url, action = remedy(column.code, source_id=source_id, edit_url=edit_url)
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
    title = KINDS[rule.kind].title if rule.kind in KINDS else rule.kind
    return Condition(rule.id, title, rule.column, _params(rule.params), effect)


def _settle(rule: SettleRule) -> Condition:
    about = ", ".join(rule.columns)
    if rule.kind == "unique":
        return Condition(rule.id, _("Identifies a row"), about, "", _("later duplicates go to quarantine"))
    detail = f"{rule.target}({', '.join(rule.to)})"
    return Condition(rule.id, _("Occurs in another table"), about, detail, _("orphans go to quarantine"))


def _check(check: OutputCheck) -> Condition:
    title = CATALOGUE[check.expectation].title if check.expectation in CATALOGUE else check.expectation
    params = dict(check.kwargs)
    about = params.pop("column", "") or ", ".join(params.pop("column_list", ()))
    effect = _("keeps the gate closed") if check.severity == "ERROR" else _("warns")
    return Condition(check.id, title, str(about), _params(params), effect)


def _params(params: Mapping[str, Any]) -> str:
    return " · ".join(f"{name} {_value(value)}" for name, value in params.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def schedule(held: Schedule | None, *, after: datetime) -> ScheduleLine | None:
    """None without a schedule."""
    if held is None:
        return None
    times = scheduling.next_times(held, after=after, count=TIMES_SHOWN)
    return ScheduleLine(in_words(held.cron), held.cron, held.zone, tuple(times))


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
        url, action = remedy(refusal.code, source_id=source_id, edit_url=edit_url)
        listed.append({"sentence": refusal.sentence, "remedy": refusal.remedy, "url": url, "action": action})
    return listed
