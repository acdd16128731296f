"""Records which destination column came from which source column."""

from __future__ import annotations

from django.db.models.functions import Now

from apps.dataplane.plan import RunPlan

from .models import Edge


def record(*, run: str, plan: RunPlan) -> None:
    """Renew the edges of a published run, in the caller's transaction. `run` is a soft reference."""
    edges = [
        Edge(
            source=f"{plan.source.connection}/{stream.source}.{column.name}",
            destination=f"{plan.destination.connection}/{stream.destination}.{column.destination}",
            treatment=str(column.treatment)[:200],
            pipeline=f"pipeline/{plan.pipeline}",
            run=run,
            seen_at=Now(),
        )
        for stream in plan.streams
        for column in stream.written
    ]
    Edge.objects.bulk_create(
        edges,
        update_conflicts=True,
        unique_fields=["pipeline", "source", "destination"],
        update_fields=["treatment", "run", "seen_at"],
    )
