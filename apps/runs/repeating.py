"""Whether the plan of an earlier run may be carried out once more: only while nothing that it binds has moved."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.dataplane.differences import Difference, moved
from apps.dataplane.errors import Refused
from apps.dataplane.plan import PolicyRef, RunPlan, plan_from_json
from apps.pipelines import planning
from apps.policies import selectors as policies
from apps.sources import selectors as sources

from .models import Run


def require_same_ground(run: Run, plan: RunPlan) -> None:
    """What can be told without looking at tables. Raises Refused, naming the first thing that moved."""
    active = tuple(PolicyRef(one.slug, one.version, one.hash) for one in policies.active(run.team_id))
    if run.pipeline.archived_at is not None or run.pipeline.active_version != plan.pipeline_version:
        _refuse(
            run, _("version %(version)s of the pipeline is no longer the active one"), version=plan.pipeline_version
        )
    if active != plan.policies:
        _refuse(run, _("the policies in force are not those of then"))
    for end in (plan.source, plan.destination):
        if sources.endpoint(end.connection) != end:
            _refuse(run, _("one of its connections has another version"))
    versions = planning.key_versions()
    for stream in plan.streams:
        for column in stream.columns:
            if column.key and versions.get(column.key.domain) != column.key.version:
                _refuse(run, _("the key of domain %(domain)s has another version"), domain=column.key.domain)


def repeated(run: Run, now: RunPlan) -> RunPlan:
    """The plan that this run repeats. Raises Refused, naming the first thing that moved since then."""
    assert run.repeats is not None
    before = Run.objects.select_related("pipeline").get(number=run.repeats)
    then = plan_from_json(before.plan or {})
    found = moved(then, now)
    if found:
        _refuse(before, _("%(what)s"), what=_told(found[0]))
    return then


def _told(difference: Difference) -> str:
    words = {
        "pipeline": _("another version of the pipeline is active"),
        "policy": _("policy %(subject)s went from %(before)s to %(after)s"),
        "connection": _("the %(subject)s connection changed"),
        "column": _("column %(subject)s changed"),
        "treatment": _("column %(subject)s would become %(after)s, not %(before)s"),
        "key": _("column %(subject)s would be treated under another key"),
        "stream": _("stream %(subject)s would go another way: %(after)s"),
        "source": _("source table %(subject)s changed"),
        "destination": _("destination table %(subject)s changed"),
        "window": _("%(subject)s has come further since: %(after)s"),
        "code": _("Lockgate itself was upgraded"),
    }
    known = {"subject": difference.subject, "before": difference.before or "—", "after": difference.after or "—"}
    return words.get(difference.kind, _("%(subject)s changed")) % known


def _refuse(run: Run, why: str, **named: object) -> None:
    raise Refused(
        _("The plan of run %(number)s cannot be repeated: %(why)s. Nothing was written.")
        % {"number": run.number, "why": why % named},
        remedy=_("Start a new run: it is planned by the rules and tables of now."),
    )
