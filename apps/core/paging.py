"""Keyset pages: a page is as cheap at row one million as at row one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

from apps.dataplane.errors import Invalid

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of one page; `older` and `newer` are cursors, empty at the ends."""

    rows: list[Row]
    older: str = ""
    newer: str = ""


def page(rows: QuerySet[Row], *, by: str = "id", cursor: str = "", size: int = 50) -> Page[Row]:
    """The page after `cursor`, newest first by the unique column `by`. A cursor that is none of ours: Invalid."""
    backwards, last = _read(cursor)
    if last is not None:
        rows = rows.filter(Q(**{f"{by}__{'gt' if backwards else 'lt'}": last}))
    found = list(rows.order_by(by if backwards else f"-{by}")[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([])
    has_older, has_newer = (True, more) if backwards else (more, last is not None)
    return Page(
        found,
        older=_write(getattr(found[-1], by), False) if has_older else "",
        newer=_write(getattr(found[0], by), True) if has_newer else "",
    )


def _write(value: Any, backwards: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([int(backwards), str(value)]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[bool, str | None]:
    if not cursor:
        return False, None
    try:
        backwards, last = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return bool(backwards), str(last)
    except (ValueError, TypeError) as error:
        raise Invalid(
            "This page address is not one that Lockgate gave out.", remedy="Start from the first page."
        ) from error
