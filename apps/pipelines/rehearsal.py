"""Compiles a plan from what is stored, before anything runs: what a run would refuse, told while somebody edits."""

from __future__ import annotations

from apps.dataplane import __version__, planner
from apps.dataplane.errors import PlanRefused, Refusal
from apps.dataplane.planner import Inputs, StreamFacts
from apps.policies import selectors as policies
from apps.sources import selectors as sources

from . import planning
from .planning import Wiring


def rehearse(wiring: Wiring) -> tuple[Refusal, ...]:
    """Every reason why a run would be refused, as far as the last discoveries can tell; empty for none."""
    streams = {
        stream.name: StreamFacts(
            live=(known := sources.stored_schema(wiring.source_id, stream.source)),
            known=known,
            destination=sources.stored_schema(wiring.destination_id, stream.destination),
            tags=planning.tags_of(wiring.source_id, stream.source),
        )
        for stream in wiring.definition.streams
    }
    inputs = Inputs(
        pipeline="rehearsal",
        pipeline_version=0,
        team=str(wiring.team_id),
        definition=wiring.definition,
        source=sources.endpoint(wiring.source_id),
        destination=sources.endpoint(wiring.destination_id),
        policies=policies.active(wiring.team_id),
        streams=streams,
        key_versions=planning.key_versions(),
        code_version=__version__,
    )
    try:
        planner.compile_plan(inputs)
    except PlanRefused as refused:
        return refused.refusals
    return ()
