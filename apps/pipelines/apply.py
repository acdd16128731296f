"""Makes an approved pipeline active. Called by the applier alone, in its transaction."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.core.clock import now
from apps.dataplane import definition as definitions
from apps.dataplane.canonical import canonical_hash
from apps.dataplane.errors import Conflict

from . import proposals, scheduling
from .models import Pipeline, PipelineVersion


def apply(*, proposal: dict[str, Any], target: str, base_version: int, change: str) -> str:
    """Returns the soft reference of the pipeline. Raises Conflict when its version is not the one proposed upon."""
    pipeline = proposals.found(target)
    if (pipeline.active_version if pipeline else 0) != base_version:
        raise Conflict(_("Pipeline %(slug)s changed since this was proposed.") % {"slug": proposal["slug"]})
    schedule = definitions.parse(proposal["definition"]).schedule
    pipeline = pipeline or Pipeline(team_id=target.split("/")[2], slug=proposal["slug"])
    pipeline.name = proposal["name"]
    pipeline.source_id, pipeline.destination_id = proposal["source"], proposal["destination"]
    pipeline.active_version = base_version + 1
    pipeline.next_due_at = None if pipeline.paused_at else scheduling.next_due(schedule, after=now())
    pipeline.save()
    document = proposal["definition"]
    PipelineVersion.objects.create(
        pipeline=pipeline,
        number=pipeline.active_version,
        definition=document,
        hash=canonical_hash(document),
        change=change,
    )
    return f"pipeline/{pipeline.id}"
