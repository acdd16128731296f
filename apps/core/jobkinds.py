"""What is known about a kind of job before anything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobKind:
    """How a kind of job is carried out. `path` and `on_dead` are dotted names of functions in some app's tasks."""

    path: str
    queue: str
    lease_seconds: int
    attempts: int = 3
    on_dead: str = ""
