"""The folders of this machine that connections may reach at all: named by whoever runs Lockgate, never by a form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from apps.dataplane.errors import Invalid

_allowed: dict[str, Path] = {}


def allow(roots: Mapping[str, Path]) -> None:
    """Replaces what is allowed; called once, when a process starts."""
    _allowed.clear()
    _allowed.update(roots)


def names() -> tuple[str, ...]:
    return tuple(_allowed)


def folder(name: str) -> Path:
    """Raises Invalid for a root that is not allowed here."""
    if name not in _allowed:
        raise Invalid(
            f"There is no folder called {name!r} that connections may reach.",
            field="root",
            remedy=f"Choose one of {', '.join(_allowed) or 'none'}; LOCKGATE_FILE_ROOTS names them.",
        )
    return _allowed[name]
