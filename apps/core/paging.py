"""Keyset pages: a page is as cheap at row one million as at row one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet

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


def sorted_page(
    rows: QuerySet[Row], *, by: str, descending: bool = False, cursor: str = "", size: int = 50
) -> Page[Row]:
    """A page in the order of `by` (a column, or a path such as `team__name`) and then of ids; NULLs come last.

    `older` is the page that follows, `newer` the one before. A cursor that is none of ours: Invalid.
    """
    backwards, last = _read_pair(cursor)
    falling, column = descending != backwards, F(by)
    nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
    order = column.desc(**nulls) if falling else column.asc(**nulls)
    try:
        if last is not None:
            rows = rows.filter(_beyond(by, last, descending=descending, backwards=backwards))
        found = list(rows.order_by(order, "-id" if backwards else "id")[: size + 1])
    except (ValidationError, ValueError) as error:
        raise _foreign() from error
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([])
    follows, precedes = (True, more) if backwards else (more, last is not None)
    return Page(
        found,
        older=_write_pair(found[-1], by, False) if follows else "",
        newer=_write_pair(found[0], by, True) if precedes else "",
    )


def _beyond(by: str, last: tuple[str | None, str], *, descending: bool, backwards: bool) -> Q:
    """What comes after the row with this value and id, or before it."""
    value, id = last
    same = Q(**{f"id__{'lt' if backwards else 'gt'}": id})
    if value is None:
        at_the_end = Q(**{f"{by}__isnull": True}) & same
        return at_the_end | Q(**{f"{by}__isnull": False}) if backwards else at_the_end
    further = Q(**{f"{by}__{'lt' if descending != backwards else 'gt'}": value}) | (Q(**{by: value}) & same)
    return further if backwards else further | Q(**{f"{by}__isnull": True})


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = None if row is None else getattr(row, name)
    return row


def _write_pair(row: Any, by: str, backwards: bool) -> str:
    value = _value(row, by)
    text = value.isoformat() if isinstance(value, datetime) else None if value is None else str(value)
    return base64.urlsafe_b64encode(json.dumps([int(backwards), text, str(row.id)]).encode()).decode().rstrip("=")


def _read_pair(cursor: str) -> tuple[bool, tuple[str | None, str] | None]:
    if not cursor:
        return False, None
    try:
        backwards, value, id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return bool(backwards), (None if value is None else str(value), str(UUID(id)))
    except (ValueError, TypeError, AttributeError) as error:
        raise _foreign() from error


def _foreign() -> Invalid:
    sentence = "This page address is not one that Lockgate gave out."
    return Invalid(sentence, remedy="Start from the first page.")


def _write(value: Any, backwards: bool) -> str:
    return base64.urlsafe_b64encode(json.dumps([int(backwards), str(value)]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[bool, str | None]:
    if not cursor:
        return False, None
    try:
        backwards, last = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return bool(backwards), str(last)
    except (ValueError, TypeError) as error:
        raise _foreign() from error


def cursor_to(value: Any, *, backwards: bool) -> str:
    """A cursor of our own making, for a page that is not read by `page`."""
    return _write(value, backwards)


def read_cursor(cursor: str) -> tuple[bool, str | None]:
    """Whether the page runs towards what is newer, and after which value. Invalid for a cursor that is none of ours."""
    return _read(cursor)
