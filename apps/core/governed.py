"""What every kind of governed thing says about itself to the review: what is active, and what a proposal would mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Risk = Literal["LOW", "MEDIUM", "HIGH"]


@dataclass(frozen=True)
class Current:
    """What is active now. Version 0 and no proposal: it does not exist yet."""

    version: int
    proposal: dict[str, Any] | None


@dataclass(frozen=True)
class Consequence:
    """What approval would bring about: one sentence for people, the risk with its reasons, how many must approve."""

    title: str
    sentence: str
    risk: Risk
    reasons: tuple[str, ...] = ()
    approvals: int = 1
