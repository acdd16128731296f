"""Whether an act was done, denied, refused or failed, told by its action alone."""

from __future__ import annotations

DONE, DENIED, REFUSED, FAILED = "done", "denied", "refused", "failed"
OUTCOMES = (DONE, DENIED, REFUSED, FAILED)

_DENIED = frozenset({"access.denied", "person.sign_in_failed", "person.locked_out"})
_REFUSED = frozenset({"refused", "rejected", "blocked", "expired"})
_FAILED = frozenset({"failed", "dead"})


def of_action(action: str) -> str:
    """The outcome that an action such as `run.blocked` stands for."""
    if action in _DENIED:
        return DENIED
    last = action.rpartition(".")[2]
    if last in _REFUSED:
        return REFUSED
    return FAILED if last in _FAILED else DONE
