"""Turns one decision about many columns into proposals of classification, one for each connection; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _

from apps.dataplane.classify import NONE
from apps.dataplane.errors import Conflict, Invalid

from .columns import MOST_AT_ONCE
from .definition import KNOWN_TAGS
from .selectors import ColumnCard, Tags, suggested_tags

Act = Literal["tag", "accept", "harmless"]
ACTS: tuple[Act, ...] = ("accept", "tag", "harmless")
SURE = 80


@dataclass(frozen=True)
class Choice:
    """What is decided: a tag for all of them, every suggestion from a confidence on, or that they are not sensitive."""

    act: Act
    tag: str = ""
    confidence: int = SURE

    @classmethod
    def of(cls, act: str, tag: str, confidence: str) -> Choice:
        """Raises Invalid, naming the field."""
        if act not in ACTS:
            raise Invalid(
                _("Nothing was decided about the chosen columns."),
                field="act",
                remedy=_("Choose to accept suggestions, to set a tag, or to mark them as not sensitive."),
            )
        if act == "tag" and tag not in KNOWN_TAGS and tag != NONE:
            raise Invalid(_("No tag was chosen."), field="set_tag", remedy=_("Choose a tag from the list."))
        if act == "accept" and not (confidence.isascii() and confidence.isdigit() and int(confidence[:4]) <= 100):
            raise Invalid(_("A confidence is a number from 0 to 100."), field="from_confidence")
        return cls(act, tag if act == "tag" else "", int(confidence) if act == "accept" else 0)

    def tags_for(self, card: ColumnCard) -> Tags:
        """What the column becomes; None: it stays as it is."""
        column = card.column
        if self.act == "harmless" or (self.act == "tag" and self.tag == NONE):
            return ()
        if self.act == "tag":
            return (self.tag,)
        if card.tags is not None or not column.suggested_tag or column.suggested_confidence < self.confidence:
            return None
        return suggested_tags(column)


@dataclass(frozen=True)
class Decision:
    """A column that would change, and to what."""

    card: ColumnCard
    tags: Tags

    @property
    def name(self) -> str:
        column = self.card.column
        return f"{column.dataset.schema}.{column.dataset.table}.{column.name}"


@dataclass(frozen=True)
class Batch:
    """What one connection's change would propose."""

    connection_id: UUID
    team_id: UUID
    team_slug: str
    decisions: tuple[Decision, ...]

    @property
    def proposal(self) -> dict[str, Any]:
        return {"connection": str(self.connection_id), "columns": [_entry(one) for one in self.decisions]}


def decided(cards: Iterable[ColumnCard], choice: Choice) -> tuple[Decision, ...]:
    """The columns that the choice would change. Raises Invalid where it changes none."""
    pairs = ((card, choice.tags_for(card)) for card in cards)
    return _some(tuple(Decision(card, tags) for card, tags in pairs if tags is not None and tags != card.tags))


def batches(decisions: Sequence[Decision]) -> tuple[Batch, ...]:
    """By connection, in the order of the first column of each. Raises Invalid above the limit of one change."""
    if len(decisions) > MOST_AT_ONCE:
        raise too_many()
    found: dict[UUID, list[Decision]] = {}
    for one in _some(decisions):
        found.setdefault(one.card.column.dataset.connection_id, []).append(one)
    return tuple(_batch(ones) for ones in found.values())


def too_many() -> Invalid:
    return Invalid(
        _("More columns than one change takes were chosen: it takes at most %(most)s.") % {"most": f"{MOST_AT_ONCE:,}"},
        remedy=_("Narrow the filter, for example to one connection or one tag, and decide in parts."),
    )


def require_as_seen(seen: str, now: int) -> None:
    """Raises Conflict when other columns fit the filter than when the person looked."""
    if not (seen.isascii() and seen.isdigit()) or int(seen[:9]) != now:
        raise Conflict(
            _("%(now)s columns fit the filter now, not %(seen)s as you saw; nothing was proposed.")
            % {"now": f"{now:,}", "seen": seen[:9] or "?"},
            remedy=_("Look at them again and decide then."),
        )


def _batch(decisions: Sequence[Decision]) -> Batch:
    connection = decisions[0].card.column.dataset.connection
    return Batch(connection.id, connection.team_id, connection.team.slug, tuple(decisions))


def _entry(decision: Decision) -> dict[str, Any]:
    column = decision.card.column
    tags = None if decision.tags is None else list(decision.tags)
    return {"schema": column.dataset.schema, "table": column.dataset.table, "column": column.name, "tags": tags}


def _some(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    if not decisions:
        raise Invalid(
            _("Nothing would change: no column was chosen, or all of them are so already."),
            remedy=_("Choose columns, or lower the confidence from which suggestions are accepted."),
        )
    return tuple(decisions)
