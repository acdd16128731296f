"""Reads runs and what belongs to them, each only for who may see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.ids import Id
from apps.core.paging import Page, page, sorted_page
from apps.dataplane.crypto import signing
from apps.dataplane.errors import Locked, NotFound
from apps.dataplane.plan import RunPlan, plan_from_json
from apps.keys import selectors as keys
from apps.pipelines import selectors as pipelines

from .models import LogLine, Manifest, Part, Quarantine, Recall, RecallManifest, Run, Step, Taint

LARGEST = 2**63 - 1
MOST_TAINTED = 200
ORDERS = {"number": "number", "duration": "duration", "rows": "rows_read"}


@dataclass(frozen=True)
class Filters:
    """What the list of runs shows; every field stands in the address.

    `pipeline` is its short name, or `team/short-name`; `q` a run's number or a part of its pipeline's name; `team` a
    short name. `since` is the first moment, `until` the first one that no longer counts. `sort` is a key of `ORDERS`,
    with `-` the other way; the newest come first without one.
    """

    state: str = ""
    pipeline: str = ""
    trigger: str = ""
    q: str = ""
    team: str = ""
    since: datetime | None = None
    until: datetime | None = None
    sort: str = ""


def runs(actor: Actor) -> QuerySet[Run]:
    """Every run that the actor may see."""
    rows = Run.objects.select_related("pipeline__team")
    if not access.everywhere(actor, "run.view"):
        rows = rows.filter(team_id__in=access.teams(actor, "run.view"))
    return rows


def listed(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Run]:
    """A page of runs in their order. Raises Denied for whoever may see none anywhere."""
    rows = _fitting(actor, filters).defer("plan", "counts", "refusals")
    by = ORDERS.get(filters.sort.removeprefix("-"))
    if by is None or filters.sort == "-number":
        return page(rows, by="number", cursor=cursor, size=size)
    return sorted_page(rows, by=by, descending=filters.sort.startswith("-"), cursor=cursor, size=size)


def every(actor: Actor, filters: Filters, *, most: int) -> Iterator[Run]:
    """The runs that fit, newest first whatever the order on the page; at most `most`. For files."""
    rows = _fitting(actor, filters).defer("plan", "counts", "refusals").order_by("-number")
    return rows[:most].iterator(1000)


def _fitting(actor: Actor, filters: Filters) -> QuerySet[Run]:
    access.require(actor, "run.view")
    rows = runs(actor)
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.pipeline:
        team, _slash, slug = filters.pipeline.rpartition("/")
        rows = rows.filter(pipeline__slug=slug, **({"pipeline__team__slug": team} if team else {}))
    if filters.trigger:
        rows = rows.filter(trigger=filters.trigger)
    if filters.team:
        rows = rows.filter(team_id__in=list(accounts.team_ids([filters.team]).values()))
    if filters.since:
        rows = rows.filter(created_at__gte=filters.since)
    if filters.until:
        rows = rows.filter(created_at__lt=filters.until)
    if filters.q:
        rows = rows.filter(_named(filters.q))
    return rows


def _named(text: str) -> Q:
    number = text.removeprefix("#")
    by_number = number.isascii() and number.isdecimal() and len(number) < 19
    return Q(number=int(number)) if by_number else Q(pipeline__name__icontains=text)


def by_id(actor: Actor, id: Id) -> Run:
    """By its id, as a soft reference names it. Raises NotFound."""
    try:
        found = runs(actor).filter(id=UUID(str(id))).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound(_("There is no such run, or none that you may see."))
    return found


def of_pipeline(actor: Actor, pipeline_id: Id, limit: int = 10) -> list[Run]:
    """The newest runs of one pipeline."""
    return list(runs(actor).filter(pipeline_id=pipeline_id).order_by("-number")[:limit])


def newest(actor: Actor, pipeline_ids: Iterable[Id]) -> dict[UUID, Run]:
    """The last run of each of these pipelines, by the pipeline's id; one query however many runs there are."""
    last = Run.objects.filter(pipeline=OuterRef("pk")).order_by("-number").values("id")[:1]
    seen = pipelines.pipelines(actor).order_by().filter(id__in=list(pipeline_ids))
    of_each = seen.annotate(last=Subquery(last)).values("last")
    return {row.pipeline_id: row for row in runs(actor).filter(id__in=of_each)}


def numbers(actor: Actor, refs: Iterable[str]) -> dict[str, int]:
    """The number of each run that is named as `run/<id>`, of those that the actor may see."""
    ids = [ref.removeprefix("run/") for ref in refs]
    return {f"run/{id}": number for id, number in runs(actor).filter(id__in=ids).values_list("id", "number")}


def last_state() -> Subquery:
    """The state of a pipeline's last run, to be asked of a query of pipelines."""
    return Subquery(Run.objects.filter(pipeline=OuterRef("pk")).order_by("-number").values("state")[:1])


def run(actor: Actor, number: int) -> Run:
    """Raises NotFound."""
    found = runs(actor).filter(number=number).first() if number <= LARGEST else None
    if found is None:
        raise NotFound(_("There is no run %(number)s, or none that you may see.") % {"number": number})
    return found


def steps(run: Run) -> list[Step]:
    """In order."""
    return list(Step.objects.filter(run=run).order_by("position"))


def log_after(run: Run, last: int = 0, limit: int = 500) -> list[LogLine]:
    """Lines of the log after the one with id `last`, oldest first."""
    return list(LogLine.objects.filter(run=run, id__gt=last).order_by("id")[:limit])


def log_found(run: Run, *, q: str = "", level: str = "", step: str = "", limit: int = 500) -> list[LogLine]:
    """The last lines of the whole log that hold a text, are of a level or of a step, oldest first."""
    rows = LogLine.objects.filter(run=run)
    if q:
        rows = rows.filter(sentence__icontains=q)
    if level:
        rows = rows.filter(level=level)
    if step:
        rows = rows.filter(step=step)
    return list(rows.order_by("-id")[:limit])[::-1]


def before(actor: Actor, run: Run) -> Run | None:
    """The run of the same pipeline that came before this one; what runs are compared with first."""
    return runs(actor).filter(pipeline_id=run.pipeline_id, number__lt=run.number).order_by("-number").first()


def recalls(run: Run) -> list[Recall]:
    """Every time somebody asked for this run to be taken back, newest first."""
    return list(Recall.objects.filter(run=run).select_related("good", "manifest__signature").order_by("-created_at"))


def tainted(actor: Actor, recall: Recall) -> tuple[list[Taint], int]:
    """The runs that read what was taken back, those that the actor may see, and how many others there are."""
    rows = Taint.objects.filter(recall=recall).select_related("run__pipeline__team").order_by("run__number")
    seen = runs(actor).filter(taints__recall=recall).values("id")
    shown = list(rows.filter(run__in=seen)[:MOST_TAINTED])
    return shown, rows.count() - len(shown)


def taints(run: Run) -> list[Taint]:
    """What this run read that was taken back afterwards."""
    return list(Taint.objects.filter(run=run).select_related("recall__run__pipeline").order_by("id"))


def log_tail(run: Run, limit: int = 500) -> list[LogLine]:
    """The last lines of the log, oldest first."""
    return list(LogLine.objects.filter(run=run).order_by("-id")[:limit])[::-1]


def quarantine(run: Run) -> list[Quarantine]:
    """What each rule turned away, by stream."""
    return list(Quarantine.objects.filter(run=run).order_by("stream", "rule"))


def parts(run: Run) -> list[Part]:
    """The parts of the attempt that counts."""
    return list(Part.objects.filter(run=run, fence=run.fence).order_by("stream", "kind", "ordinal"))


def manifest(run: Run) -> Manifest | None:
    """The manifest with its signature, where the notary has signed."""
    return Manifest.objects.filter(run=run).select_related("signature").first()


@dataclass(frozen=True)
class Signature:
    """Who vouches for a manifest: WAITING for the notary, VALID under its public key, or INVALID."""

    state: Literal["WAITING", "VALID", "INVALID"]
    key_version: int = 0
    hex: str = ""
    signed_at: datetime | None = None


def signature(manifest: Manifest | RecallManifest) -> Signature:
    """The notary's signature, checked against its public key at this moment."""
    held = getattr(manifest, "signature", None)
    if held is None:
        return Signature("WAITING")
    try:
        key = keys.public("notary", "notary", held.key_version)
        holds = signing.verify(key.public, bytes(manifest.body), bytes(held.signature))
    except Locked:
        holds = False
    return Signature("VALID" if holds else "INVALID", held.key_version, bytes(held.signature).hex(), held.signed_at)


def plan(run: Run) -> RunPlan | None:
    """The frozen plan; None before planning, or when planning was refused."""
    return plan_from_json(run.plan) if run.plan else None
