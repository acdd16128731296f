"""Reads lineage. A soft reference stands for a pipeline that the caller was allowed to see."""

from __future__ import annotations

from collections.abc import Iterable

from .models import Edge


def of_pipeline(pipeline: str) -> list[Edge]:
    """The columns' ways of one pipeline (`pipeline/<id>`), as it last published them."""
    return list(Edge.objects.filter(pipeline=pipeline).order_by("source", "destination"))


def into(column: str) -> list[Edge]:
    """What flows into a column, named `connection id/schema.table.column`."""
    return list(Edge.objects.filter(destination=column).order_by("source"))


def readers(pipelines: Iterable[str]) -> list[tuple[str, str]]:
    """(who writes, who reads) for every pipeline that reads a column which one of these writes; sorted."""
    written = dict[str, set[str]]()
    for destination, writer in Edge.objects.filter(pipeline__in=list(pipelines)).values_list("destination", "pipeline"):
        written.setdefault(destination, set()).add(writer)
    reading = Edge.objects.filter(source__in=list(written)).values_list("source", "pipeline")
    return sorted({(writer, reader) for source, reader in reading for writer in written[source]})
