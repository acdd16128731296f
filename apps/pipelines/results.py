"""What checks found, shaped for pages and programs: in words, against the limit, over time. Never a value of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.dataplane.definition import PipelineDefinition
from apps.dataplane.quality import wording
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.rows import KINDS
from apps.quality.selectors import Course, Result

OUTPUT = "output"
SHARES = ("share", "proportion")


@dataclass(frozen=True)
class ResultLine:
    """One check in a list: what it demands, what the last run found, and how it went before."""

    stream: str
    check_id: str
    phase: str
    words: str
    last: Result
    points: tuple[float, ...]
    changed: bool
    standing: bool

    @property
    def failed_rows(self) -> int | None:
        """How many rows did not hold, also where the check passed."""
        return self.last.unexpected


@dataclass(frozen=True)
class HistoryLine:
    """One run's verdict; `news` is set where it differs from the one before. `number` is the run's."""

    result: Result
    number: int | None
    news: bool


def lines(courses: Sequence[Course], definition: PipelineDefinition) -> list[ResultLine]:
    """`standing`: whether the active version still has the check."""
    words = dict(_words(definition))
    return [
        ResultLine(
            stream=course.last.stream,
            check_id=course.last.check_id,
            phase=course.last.phase,
            words=words.get(_key(course.last)) or titled(course.last.kind),
            last=course.last,
            points=tuple(point for point in map(point_of, course.results) if point is not None),
            changed=course.changed,
            standing=_key(course.last) in words,
        )
        for course in courses
    ]


def words_of(definition: PipelineDefinition, result: Result) -> str:
    """What the check demands now, or the kind of what it demanded once."""
    return dict(_words(definition)).get(_key(result)) or titled(result.kind)


def history(rows: Sequence[Result], numbers: Mapping[str, int]) -> list[HistoryLine]:
    """Newest first, as given; the oldest of the page is no news."""
    pairs = zip(rows, [*rows[1:], None], strict=True)
    return [
        HistoryLine(row, numbers.get(row.run), before is not None and before.status != row.status)
        for row, before in pairs
    ]


def point_of(result: Result) -> float | None:
    """What is plotted: a share in per cent, a count, or how many rows a rule turned away."""
    if result.phase != OUTPUT:
        return None if result.unexpected is None else float(result.unexpected)
    if result.measured is None:
        return None
    return round(float(result.measured * 100), 6) if _in_percent(result) else float(result.measured)


def chart(rows: Sequence[Result], label: str) -> dict[str, Any] | None:
    """The course as `timeseries` draws it, from rows that come newest first; None where there is no number to draw."""
    drawn = [(row, point) for row, point in ((row, point_of(row)) for row in reversed(rows)) if point is not None]
    if len(drawn) < 2:
        return None
    last = drawn[-1][0]
    unit = " %" if last.phase == OUTPUT and _in_percent(last) else ""
    chart: dict[str, Any] = {
        "id": "course",
        "label": label,
        "unit": unit,
        "x": [int(row.created_at.timestamp()) for row, _point in drawn],
        "series": [{"label": _axis(last), "values": [point for _row, point in drawn]}],
    }
    limit = limit_of(last)
    return chart if limit is None else {**chart, "target": limit}


def limit_of(result: Result) -> float | None:
    """The limit that is drawn: the lower one where there are two."""
    bound: Decimal | None = result.lowest if result.lowest is not None else result.highest
    if bound is None:
        return None
    return float(bound * 100) if _in_percent(result) else float(bound)


def titled(kind: str) -> str:
    """What a kind of check or rule is called."""
    if kind in CATALOGUE:
        return CATALOGUE[kind].title
    if kind in KINDS:
        return KINDS[kind].title
    settled: Mapping[str, str] = {
        "unique": _("Identifies a row"),
        "references": _("Occurs in another table"),
        "type": _("The value has the column's type"),
    }
    return settled.get(kind, kind)


def _axis(result: Result) -> str:
    if result.phase != OUTPUT:
        return _("Rows turned away")
    shows = CATALOGUE[result.kind].shows if result.kind in CATALOGUE else ""
    return {"share": _("Rows that hold"), "proportion": _("Share")}.get(shows, _("Number"))


def _in_percent(result: Result) -> bool:
    return result.kind in CATALOGUE and CATALOGUE[result.kind].shows in SHARES


def _key(result: Result) -> tuple[str, str, str]:
    return result.stream, OUTPUT if result.phase == OUTPUT else "row", result.check_id


def _words(definition: PipelineDefinition) -> Iterator[tuple[tuple[str, str, str], str]]:
    for check in definition.output_checks:
        said = wording.check_in_words(check.expectation, check.kwargs)
        yield (check.stream, OUTPUT, check.id), said
    for stream in definition.streams:
        for rule in stream.row_checks:
            yield (stream.name, "row", rule.id), wording.rule_in_words(rule.kind, rule.column, rule.params)
        for one in stream.settle:
            yield (stream.name, "row", one.id), wording.settle_in_words(one.kind, one.columns, one.target, one.to)
