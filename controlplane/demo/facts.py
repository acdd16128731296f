"""What the tour asks the database: the newest events, runs, changes and columns; each question at most once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from apps.accounts.models import User
from apps.alerts.models import Delivery
from apps.audit import selectors as audit
from apps.changes.models import Change
from apps.core.actor import system
from apps.core.models import Job
from apps.incidents.models import Incident
from apps.pipelines.models import Pipeline
from apps.policies.models import Policy
from apps.runs.models import Run
from apps.sources.models import Classification, Column

from . import governed
from .hand import NEW_COLUMN
from .switching import address

ME = system("demo")
MOST_RUNS = 60
WAITED_FOR = ("demo.act", "demo.kill", "connection.discover")


class Facts:
    """What the steps ask the database; each question at most once."""

    @cached_property
    def events(self) -> dict[str, Any]:
        """The newest of each kind of event of the demo itself, by what follows `demo.`."""
        rows = audit.events(ME, audit.Filters(action="demo."), size=200).rows
        return {event.action.partition(".")[2]: event for event in reversed(rows)}

    def detail(self, name: str) -> dict[str, str]:
        event = self.events.get(name)
        return dict(event.detail) if event else {}

    @cached_property
    def pipeline(self) -> Pipeline:
        return Pipeline.objects.select_related("team", "source__team").get(slug=governed.PIPELINE)

    @cached_property
    def orders(self) -> Pipeline:
        return Pipeline.objects.get(slug=governed.ORDERS_PIPELINE)

    @cached_property
    def _newest(self) -> list[Run]:
        """Of the tour's two pipelines, oldest first."""
        ours = (governed.PIPELINE, governed.ORDERS_PIPELINE)
        newest = Run.objects.filter(pipeline__slug__in=ours).order_by("-number").select_related("pipeline")
        return list(newest.defer("plan")[:MOST_RUNS])[::-1]

    @cached_property
    def runs(self) -> list[Run]:
        return [run for run in self._newest if run.pipeline.slug == governed.PIPELINE]

    @cached_property
    def order_runs(self) -> list[Run]:
        return [run for run in self._newest if run.pipeline.slug == governed.ORDERS_PIPELINE]

    def run_after(self, at: Any, *states: str, orders: bool = False) -> Run | None:
        """The first run in one of these states that began after that moment; None without a moment."""
        runs = self.order_runs if orders else self.runs
        return next((run for run in runs if at and run.created_at > at and run.state in states), None)

    def incident_of(self, run: Run | None) -> Incident | None:
        """The incident that the closed gate of this run raised."""
        if run is None:
            return None
        rows = Incident.objects.filter(subject=f"pipeline/{run.pipeline_id}", created_at__gte=run.created_at)
        return rows.order_by("number").first()

    def mails_about(self, incident: Incident | None) -> list[str]:
        """Subject lines of what was mailed when it opened, each once however many people got it."""
        if incident is None:
            return []
        rows = Delivery.objects.filter(subject_ref=f"incident/{incident.id}", channel="mail", event="incident.opened")
        return sorted(set(rows.values_list("subject", flat=True)))

    @cached_property
    def column(self) -> Column | None:
        """The new column, as discovered."""
        rows = Column.objects.filter(name=NEW_COLUMN, gone_at=None, dataset__table="customers")
        return rows.filter(dataset__connection__slug=governed.SOURCE.replace("_", "-")).first()

    @cached_property
    def classified(self) -> bool:
        return self.column is not None and Classification.objects.filter(column=self.column).exists()

    @cached_property
    def classification(self) -> Change | None:
        """The change that classifies the new column."""
        rows = Change.objects.filter(kind="classification", state__in=[Change.OPEN, Change.APPROVED, Change.APPLIED])
        return next((one for one in rows.order_by("-number")[:50] if _names_column(one.proposal)), None)

    @cached_property
    def policy_change(self) -> Change | None:
        """The change that gives the new column a rule."""
        policy = Policy.objects.filter(slug=governed.POLICY["slug"]).first()
        rows = Change.objects.filter(kind="policy", target=f"policy/{policy.id}" if policy else "")
        rows = rows.exclude(state__in=[Change.WITHDRAWN, Change.REJECTED, Change.EXPIRED]).order_by("-number")
        return next((one for one in rows[:20] if treatment_of(one.proposal)), None)

    def said(self, action: str, subject: str = "", who: str = "") -> Any:
        """The newest event of an action about a subject, by one of the people; None where there is none."""
        filters = audit.Filters(action=action, subject=subject, actor=self.ids.get(who, "") if who else "")
        return next(iter(audit.events(ME, filters, size=1).rows), None)

    @property
    def busy(self) -> str:
        """What is under way, as a sentence; the next move waits for it."""
        run = next((one for one in self._newest if one.state not in Run.ENDED), None)
        if run is not None:
            return f"Run {run.number} is under way."
        if Job.objects.filter(kind__in=WAITED_FOR, state__in=[Job.QUEUED, Job.CLAIMED]).exists():
            return "A worker is at it."
        if Change.objects.filter(state=Change.APPROVED).exists():
            return "The change is being applied."
        return ""

    @cached_property
    def ids(self) -> dict[str, str]:
        names = ("alice", "bob", "erin", "dora")
        rows = User.objects.filter(email__in=map(address, names)).values_list("email", "id")
        return {email.partition("@")[0]: str(id) for email, id in rows}


def _names_column(proposal: dict[str, Any]) -> bool:
    return any(column.get("column") == NEW_COLUMN for column in proposal.get("columns", ()))


def treatment_of(proposal: dict[str, Any]) -> str:
    """The kind of treatment that a policy gives the new column by its name; empty for none."""
    rules = proposal.get("text", {}).get("rules", ())
    return next((rule["treatment"]["kind"] for rule in rules if rule.get("column", "").endswith(NEW_COLUMN)), "")
