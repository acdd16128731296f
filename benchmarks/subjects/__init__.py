"""What `benchmarks.pages` measures: each module here has `subject(world)`, which returns a `Subject`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Subject:
    """`fill(connection, upto)` adds what is missing to `upto` rows; `pages` maps a name to an address, or to a function
    that finds one once the rows are there; `who` looks, one of the people of tests/support.py.
    """

    fill: Callable[[Any, int], None]
    pages: Mapping[str, str | Callable[[], str]]
    who: str


def subjects() -> dict[str, Callable[[Any], Subject]]:
    """By the names of their modules."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").subject for name in names}
