"""Finds the files of an installed package without importing it."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path


def directory(package: str) -> Path | None:
    """The directory of a top-level package, None when it is not installed."""
    spec = PathFinder.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
