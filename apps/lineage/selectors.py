"""Reads lineage. A soft reference stands for a pipeline that the caller was allowed to see."""

from __future__ import annotations

from .models import Edge


def of_pipeline(pipeline: str) -> list[Edge]:
    """The columns' ways of one pipeline (`pipeline/<id>`), as it last published them."""
    return list(Edge.objects.filter(pipeline=pipeline).order_by("source", "destination"))


def into(column: str) -> list[Edge]:
    """What flows into a column, named `connection id/schema.table.column`."""
    return list(Edge.objects.filter(destination=column).order_by("source"))
