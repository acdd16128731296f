"""A unified diff of two texts with the changed words marked and long equal stretches folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

# Below this likeness two lines have so little in common that marks would only be noise.
ALIKE = 0.35
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
Segments = tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class DiffLine:
    """One line: kind same, del, add or fold; segments are (text, changed)."""

    kind: str
    old: int | None
    new: int | None
    segments: Segments
    folded: int = 0

    @property
    def sign(self) -> str:
        return {"del": "−", "add": "+"}.get(self.kind, "")


def unified(before: str, after: str, context: int = 3) -> tuple[DiffLine, ...]:
    """Every line of both texts, equal stretches longer than twice the context folded into one line."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    opcodes = matcher.get_opcodes()
    lines: list[DiffLine] = []
    for position, (tag, a0, a1, b0, b1) in enumerate(opcodes):
        if tag == "equal":
            same = [DiffLine("same", a + 1, b0 + a - a0 + 1, ((old[a], False),)) for a in range(a0, a1)]
            lines += _fold(same, context, first=position == 0, last=position == len(opcodes) - 1)
        else:
            lines += _changed(old[a0:a1], new[b0:b1], a0, b0)
    return tuple(lines)


def counts(lines: Sequence[DiffLine]) -> tuple[int, int]:
    """Lines added, lines removed."""
    return sum(line.kind == "add" for line in lines), sum(line.kind == "del" for line in lines)


def _fold(same: list[DiffLine], context: int, *, first: bool, last: bool) -> list[DiffLine]:
    head, tail = (0 if first else context), (0 if last else context)
    hidden = len(same) - head - tail
    if hidden < 2 * context:
        return same
    fold = DiffLine("fold", None, None, (), folded=hidden)
    return [*same[:head], fold, *same[len(same) - tail :]]


def _changed(old: Sequence[str], new: Sequence[str], a0: int, b0: int) -> Iterator[DiffLine]:
    removed: list[DiffLine] = []
    added: list[DiffLine] = []
    for offset, (left, right) in enumerate(zip_longest(old, new)):
        left_marks, right_marks = _marks(left, right)
        if left is not None:
            removed.append(DiffLine("del", a0 + offset + 1, None, left_marks))
        if right is not None:
            added.append(DiffLine("add", None, b0 + offset + 1, right_marks))
    yield from removed
    yield from added


def _marks(left: str | None, right: str | None) -> tuple[Segments, Segments]:
    if left is None or right is None:
        return ((left or "", False),), ((right or "", False),)
    a, b = _WORDS.findall(left), _WORDS.findall(right)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if matcher.ratio() < ALIKE:
        return ((left, False),), ((right, False),)
    olds: list[tuple[str, bool]] = []
    news: list[tuple[str, bool]] = []
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        olds.append(("".join(a[a0:a1]), tag != "equal"))
        news.append(("".join(b[b0:b1]), tag != "equal"))
    return tuple(s for s in olds if s[0]), tuple(s for s in news if s[0])
