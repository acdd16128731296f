"""Sensitive columns that pass unchanged, as each pipeline's newest planned run says: for the list of exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from apps.core import access
from apps.core.actor import Actor, system
from apps.core.paging import Page, page
from apps.pipelines import selectors as pipelines

from .models import Run


@dataclass(frozen=True)
class Passing:
    """A sensitive column that reaches its destination as it is, and which rule of which policy lets it."""

    pipeline: str
    pipeline_slug: str
    team: str
    team_slug: str
    zone: str
    column: str
    tags: tuple[str, ...]
    policy: str
    policy_version: int
    rule: str
    run: int
    at: datetime


def passing(actor: Actor, *, cursor: str = "", size: int = 50) -> Page[Any]:
    """The columns of one page of pipelines (newest first), each by the plan of its newest run. For auditors' eyes."""
    access.require(actor, "people.view")
    newest = Run.objects.filter(pipeline=OuterRef("id"), plan__isnull=False).order_by("-number")
    everything = pipelines.pipelines(system("exceptions"))
    rows = everything.annotate(run=Subquery(newest.values("id")[:1]))
    found = page(rows.filter(run__isnull=False).select_related("team"), cursor=cursor, size=size)
    keys = [row.run for row in found.rows]  # type: ignore[attr-defined]
    runs = {run.pipeline_id: run for run in Run.objects.filter(id__in=keys)}
    columns = [one for row in found.rows for one in _of(row, runs[row.id])]
    return Page(columns, older=found.older, newer=found.newer)  # type: ignore[type-var]


def _of(pipeline: Any, run: Run) -> Iterator[Passing]:
    plan: dict[str, Any] = run.plan or {}
    for stream in plan.get("streams", []):
        place = f"{stream['source']['schema']}.{stream['source']['table']}"
        for column in stream.get("columns", []):
            if column["tags"] and column["treatment"]["kind"] == "pass" and column["destination"]:
                why = column["why"]
                yield Passing(
                    pipeline.name,
                    pipeline.slug,
                    pipeline.team.name,
                    pipeline.team.slug,
                    plan["destination"]["zone"],
                    f"{place}.{column['name']}",
                    tuple(column["tags"]),
                    why["policy"],
                    why["policy_version"],
                    why["rule"],
                    run.number,
                    run.created_at,
                )
