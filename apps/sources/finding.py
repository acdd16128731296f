"""Finds datasets and columns by the words of their names, for search; each only for who may see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, Q, QuerySet, When
from django.db.models.functions import Length, Lower

from apps.core import access
from apps.core.actor import Actor

from .models import NAME_WORDS, Column, Dataset

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Found:
    """A dataset, or a column of it where `column` is not empty."""

    dataset_id: UUID
    table: str
    connection: str
    team: str
    column: str = ""
    type: str = ""


def datasets(actor: Actor, text: str, *, limit: int) -> list[Found]:
    """Datasets whose name, or `schema.name`, holds the text; those that begin with it first, then the shorter ones."""
    if not access.allowed(actor, "dataset.view"):
        return []
    schema, dot, table = text.rpartition(".")
    rows = _visible(
        actor, Dataset.objects.filter(gone_at=None, connection__archived_at=None), "connection__team_id__in"
    )
    named = Q(table__icontains=text)
    rows = rows.filter(named | Q(schema__iexact=schema, table__icontains=table) if dot else named)
    first = Case(When(table__istartswith=text, then=0), default=1)
    rows = rows.select_related("connection__team").order_by(first, Length("table"), "table", "id")
    return [Found(row.id, _name(row), row.connection.name, row.connection.team.name) for row in rows[:limit]]


def columns(actor: Actor, text: str, *, limit: int) -> list[Found]:
    """Columns in whose name some word begins with each word of the text; `table.column` looks in that table.

    The name itself comes first, then the shorter ones.
    """
    table, _dot, name = text.rpartition(".")
    words = _WORD.findall(name.lower())
    if not words or not access.allowed(actor, "dataset.view"):
        return []
    rows = Column.objects.filter(gone_at=None, dataset__gone_at=None, dataset__connection__archived_at=None)
    rows = _visible(actor, rows, "dataset__connection__team_id__in")
    if table:
        rows = rows.filter(dataset__table__istartswith=table.rpartition(".")[2])
    rows = rows.annotate(words=NAME_WORDS).filter(words=_beginning(words))
    exact = Case(When(name__iexact=name, then=0), default=1)
    rows = rows.select_related("dataset__connection__team")
    rows = rows.order_by(exact, Length("name"), Lower("name"), "dataset__table", "id")
    return [_found(row) for row in rows[:limit]]


def _beginning(words: Sequence[str]) -> SearchQuery:
    # Only letters and digits have come this far, so that nothing can be read as an operator.
    return SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")


def _found(row: Column) -> Found:
    connection = row.dataset.connection
    return Found(row.dataset_id, _name(row.dataset), connection.name, connection.team.name, row.name, row.type)


def _name(dataset: Dataset) -> str:
    """Files at their root have no folder to name."""
    return dataset.table if dataset.schema == "." else str(dataset)


def _visible(actor: Actor, rows: QuerySet[Any], team: str) -> QuerySet[Any]:
    if access.everywhere(actor, "dataset.view"):
        return rows
    return rows.filter(**{team: access.teams(actor, "dataset.view")})
