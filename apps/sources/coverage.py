"""How far active policies cover columns: by zone, what is treated, what passes and what would be refused; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.dataplane.policy import ColumnFacts

MOST_LISTED = 12
HARMLESS = "none"


@dataclass(frozen=True)
class Gap:
    """Columns of one tag that a zone refuses for the same reason, with the first of their names."""

    tag: str
    code: str
    sentence: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class ZoneCoverage:
    """What would happen to the columns on their way into a zone; the counts add up to all of them."""

    zone: str
    treated: int
    readable: int
    harmless: int
    refused: int
    gaps: tuple[Gap, ...]

    @property
    def total(self) -> int:
        return self.treated + self.readable + self.harmless + self.refused


def coverage(
    facts: Sequence[ColumnFacts], zones: Iterable[str], ask: Callable[[ColumnFacts, str], Any]
) -> tuple[ZoneCoverage, ...]:
    """`ask` gives the answer of the policies for one column in one zone: its `state`, `code` and `sentence`."""
    return tuple(_zone(zone, [(fact, ask(fact, zone)) for fact in facts]) for zone in zones)


def _zone(zone: str, answered: Sequence[tuple[ColumnFacts, Any]]) -> ZoneCoverage:
    refused = [(fact, answer) for fact, answer in answered if answer.state == "refused"]
    passing = Counter(bool(fact.tags) for fact, answer in answered if answer.state == "pass")
    return ZoneCoverage(
        zone=zone,
        treated=len(answered) - len(refused) - passing.total(),
        readable=passing[True],
        harmless=passing[False],
        refused=len(refused),
        gaps=_gaps(refused),
    )


def _gaps(refused: Sequence[tuple[ColumnFacts, Any]]) -> tuple[Gap, ...]:
    groups: dict[tuple[str, str], list[tuple[ColumnFacts, Any]]] = {}
    for fact, answer in refused:
        tag = "unclassified" if fact.tags is None else ", ".join(fact.tags) or HARMLESS
        groups.setdefault((tag, answer.code), []).append((fact, answer))
    found = [
        Gap(tag, code, ones[0][1].sentence, len(ones), tuple(fact.path for fact, _answer in ones[:3]))
        for (tag, code), ones in groups.items()
    ]
    return tuple(sorted(found, key=lambda gap: (-gap.count, gap.tag))[:MOST_LISTED])


@dataclass(frozen=True)
class Suggested:
    """The unclassified columns of one suggestion: how many are sure enough, how many are not, the first names."""

    tag: str
    sure: int
    unsure: int
    names: tuple[str, ...]


def suggested(cards: Iterable[Any], confidence: int) -> tuple[Suggested, ...]:
    """By suggested tag, the largest first; a column without a suggestion stands under the empty tag."""
    groups: dict[str, list[Any]] = {}
    for card in cards:
        if card.tags is None:
            groups.setdefault(card.column.suggested_tag, []).append(card.column)
    found = [_suggested(tag, columns, confidence) for tag, columns in groups.items()]
    return tuple(sorted(found, key=lambda one: (one.tag in ("", HARMLESS), -one.sure - one.unsure, one.tag)))


def _suggested(tag: str, columns: Sequence[Any], confidence: int) -> Suggested:
    sure = sum(1 for column in columns if tag and column.suggested_confidence >= confidence)
    names = tuple(f"{column.dataset.table}.{column.name}" for column in columns[:3])
    return Suggested(tag, sure, len(columns) - sure, names)


def as_if(
    cards: Iterable[Any], chosen: Mapping[Any, tuple[str, ...]], fact_of: Callable[..., ColumnFacts]
) -> list[ColumnFacts]:
    """The facts as they would be once the chosen tags (by column id) are approved."""
    return [fact_of(card.column, chosen.get(card.column.id, card.tags)) for card in cards]
