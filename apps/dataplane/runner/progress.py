"""What a step tells while it works, and what it is told: nothing but rows counted, and whether to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Progress:
    """Rows of one stream that a step has dealt with so far."""

    step: str
    stream: str
    rows: int


class Report(Protocol):
    """Called after every batch. It raises Fenced, or whatever else ends the step."""

    def __call__(self, progress: Progress) -> None: ...
