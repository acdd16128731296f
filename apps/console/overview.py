"""What the overview shows: what needs the reader, the figures of the last days, the newest runs, the first steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.actor import Actor
from apps.core.templatetags.formats import compact, number, relative
from apps.incidents import selectors as incidents
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.runs import selectors as runs
from apps.sources import selectors as sources

from .context import address
from .panels import panels

DAYS, RUNS_SHOWN, INCIDENTS_SHOWN, WAITING_SHOWN, POINTS = 14, 6, 3, 5, 60
FAILURES = ("FAILED", "REFUSED", "BLOCKED")
SENSIBLE_POINTS = 3


@dataclass(frozen=True)
class Day:
    """The runs of one day."""

    runs: int = 0
    failed: int = 0
    published: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class Columns:
    """The columns that the reader may see."""

    all: int = 0
    unclassified: int = 0


def overview(actor: Actor, at: datetime) -> dict[str, Any]:
    """Everything that console/home.html reads; each part only where the reader may see it."""
    may_see_runs = access.allowed(actor, "run.view")
    columns = _columns(actor)
    waiting = changes.waiting(actor, limit=WAITING_SHOWN)
    return {
        "actions": _actions(actor),
        "figures": [
            *(_run_figures(_days(actor, at), at) if may_see_runs else []),
            *([_column_figure(columns)] if columns.all else []),
            *([_review_figure(actor, waiting, at)] if _reviews(actor) else []),
        ],
        "waiting": waiting,
        "mine": changes.mine_open(actor) if actor.kind == "person" else [],
        "incidents": _incidents(actor),
        "todo": _todo(actor, columns),
        "panels": panels(actor, at),
        "runs": list(runs.runs(actor).order_by("-number")[:RUNS_SHOWN]) if may_see_runs else None,
        "series": _series(actor) if may_see_runs else None,
        "start": _start(actor, columns),
    }


def _actions(actor: Actor) -> list[dict[str, Any]]:
    add = address("sources:new") if access.allowed(actor, "connection.propose") else ""
    return [{"url": add, "label": _("Add source"), "icon": "plus", "primary": True}] if add else []


def _days(actor: Actor, at: datetime) -> dict[str, Day]:
    since = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    rows = (
        runs.runs(actor)
        .filter(created_at__gte=since)
        .annotate(day=TruncDate("created_at"))
        .values("day", "state")
        .annotate(n=Count("id"), published=Sum("rows_published"), quarantined=Sum("rows_quarantined"))
        .order_by("day")
    )
    found = {(since + timedelta(days=back)).date().isoformat(): Day() for back in range(DAYS)}
    for row in rows:
        day = found.get(row["day"].isoformat(), Day())
        told = row["state"] == "PUBLISHED"
        found[row["day"].isoformat()] = Day(
            day.runs + row["n"],
            day.failed + (row["n"] if row["state"] in FAILURES else 0),
            day.published + (row["published"] if told else 0),
            day.quarantined + (row["quarantined"] if told else 0),
        )
    return found


def _run_figures(days: dict[str, Day], at: datetime) -> list[dict[str, Any]]:
    today = days.get(timezone.localtime(at).date().isoformat(), Day())
    course = list(days.values())
    failed = ngettext("%(n)s did not publish", "%(n)s did not publish", today.failed) % {"n": number(today.failed)}
    return [
        {
            "label": _("Runs today"), "value": number(today.runs), "sub": failed if today.failed else _("none failed"),
            "icon": "player-play", "tone": "red" if today.failed else "blue",
            "points": [day.runs for day in course], "url": address("runs:runs"),
        },
        {
            "label": _("Rows published today"), "value": compact(today.published),
            "sub": _("%(n)s in quarantine") % {"n": number(today.quarantined)},
            "icon": "trending-up", "tone": "green", "points": [day.published for day in course],
            "url": address("runs:runs"),
        },
    ]  # fmt: skip


def _columns(actor: Actor) -> Columns:
    if not access.allowed(actor, "dataset.view"):
        return Columns()
    return Columns(*sources.column_totals(actor))


def _column_figure(columns: Columns) -> dict[str, Any]:
    left = columns.unclassified
    return {
        "label": _("Columns classified"), "value": number(columns.all - left),
        "sub": _("%(n)s not yet") % {"n": number(left)} if left else _("every one"),
        "icon": "shield-lock", "tone": "orange" if left else "green", "points": (),
        "url": address("sources:datasets") + ("?state=unclassified" if left else ""),
    }  # fmt: skip


def _reviews(actor: Actor) -> bool:
    return access.allowed(actor, "change.review")


def _review_figure(actor: Actor, waiting: Sequence[changes.ChangeRow], at: datetime) -> dict[str, Any]:
    oldest = min((row.created_at for row in waiting), default=None)
    return {
        "label": _("Awaiting your review"),
        "value": number(len(waiting) if len(waiting) < WAITING_SHOWN else changes.waiting_count(actor)),
        "sub": _("oldest %(when)s") % {"when": relative(oldest, at)} if oldest else _("all decided"),
        "icon": "git-pull-request",
        "tone": "purple",
        "points": (),
        "url": f"{address('changes:changes')}?show={changes.NEEDS_ME}",
    }


def _incidents(actor: Actor) -> list[Any]:
    if not access.allowed(actor, "incident.view"):
        return []
    return incidents.listed(actor, incidents.Filters(), size=INCIDENTS_SHOWN).rows


def _todo(actor: Actor, columns: Columns) -> list[dict[str, Any]]:
    if not columns.unclassified or not access.allowed(actor, "classification.propose"):
        return []
    title = ngettext(
        "%(n)s column waits for a classification", "%(n)s columns wait for a classification", columns.unclassified
    ) % {"n": number(columns.unclassified)}
    where = address("sources:datasets") + "?state=unclassified"
    return [{"url": where, "icon": "tags", "kind": "run", "title": title, "sub": _("Until then no run reads them")}]


def _series(actor: Actor) -> dict[str, Any] | None:
    rows = runs.runs(actor).filter(state="PUBLISHED").order_by("-number").values_list("ended_at", "rows_published")
    points = sorted((int(at.timestamp()), rows) for at, rows in rows[:POINTS] if at)
    if len(points) < SENSIBLE_POINTS:
        return None
    return {
        "label": _("Rows published by run"),
        "note": _("the last %(n)d runs") % {"n": len(points)},
        "unit": "",
        "x": [at for at, _rows in points],
        "series": [{"label": _("Rows"), "values": [rows for _at, rows in points]}],
        "min": 0,
    }


def _start(actor: Actor, columns: Columns) -> list[dict[str, Any]]:
    """The steps of an empty installation, for whoever may take the first; nothing once a run exists."""
    if not access.allowed(actor, "connection.propose") or runs.runs(actor).exists():
        return []
    steps = (
        (policies.policies(actor).exists(), "shield-lock", _("Switch a starter pack on"),
         _("Masks what detection finds, from the first run on. Or write a policy of your own."), "policies:policies"),
        (sources.connections(actor).exists(), "database", _("Connect a source and a destination"),
         _("An address and credentials that only the workers can open."), "sources:sources"),
        (bool(columns.all and not columns.unclassified), "tags", _("Classify the columns"),
         _("Lockgate suggests, you decide. What nobody looked at is not copied."), "sources:datasets"),
        (pipelines.pipelines(actor).exists(), "route", _("Build a pipeline"),
         _("Which tables go where, with which checks."), "pipelines:pipelines"),
        (not accounts.founding_open(), "users", _("Bring in a second reviewer"),
         _("From then on nobody approves alone."), "accounts:people"),
    )  # fmt: skip
    first = next((place for place, step in enumerate(steps) if not step[0]), None)
    return [
        {"done": done, "icon": icon, "label": label, "text": text, "url": address(view), "next": place == first}
        for place, (done, icon, label, text, view) in enumerate(steps)
    ]
