"""Pages of columns in the order of their place: connection, schema, table, position.

The order follows the unique index of datasets, so that a page needs no sort of everything.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.core.paging import Page
from apps.dataplane.errors import Invalid

ORDER = ("dataset__connection_id", "dataset__schema", "dataset__table", "position", "id")


def page(rows: QuerySet[Any], *, descending: bool = False, cursor: str = "", size: int = 50) -> Page[Any]:
    """The page after `cursor`. A cursor that is none of ours: Invalid."""
    backwards, last = _read(cursor)
    falling = descending != backwards
    if last:
        rows = rows.filter(_beyond(last, falling=falling))
    found = list(rows.order_by(*(f"-{name}" if falling else name for name in ORDER))[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([])
    follows, precedes = (True, more) if backwards else (more, bool(last))
    return Page(
        found,
        older=_write(found[-1], backwards=False) if follows else "",
        newer=_write(found[0], backwards=True) if precedes else "",
    )


def _beyond(last: list[Any], *, falling: bool) -> Q:
    way = "lt" if falling else "gt"
    found, same = Q(), Q()
    for name, value in zip(ORDER, last, strict=True):
        found |= same & Q(**{f"{name}__{way}": value})
        same &= Q(**{name: value})
    # Said apart, so that the index is entered where the last page ended.
    return Q(**{f"{ORDER[0]}__{way}e": last[0]}) & found


def _write(row: Any, *, backwards: bool) -> str:
    dataset = row.dataset
    last = [str(dataset.connection_id), dataset.schema, dataset.table, row.position, str(row.id)]
    return base64.urlsafe_b64encode(json.dumps([int(backwards), *last]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[bool, list[Any]]:
    if not cursor:
        return False, []
    try:
        backwards, connection, schema, table, position, id = json.loads(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        )
        named, number = f"{schema}{table}", int(position)
        if "\0" in named or not 0 <= number < 2**31:
            raise ValueError
        return bool(backwards), [str(UUID(connection)), str(schema), str(table), number, str(UUID(id))]
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid(
            "This page address is not one that Lockgate gave out.", remedy="Start from the first page."
        ) from error
