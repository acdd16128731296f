"""The time zones that people may choose, looked up once: the list is read from hundreds of files."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import available_timezones


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """Every name that the system knows."""
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def offered() -> tuple[tuple[str, str], ...]:
    """UTC first, then every zone that is named after a place, with a name for people."""
    places = sorted(name for name in known() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in places))
