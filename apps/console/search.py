"""Search everywhere: what fits a few words, by kind, and only what the reader may see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, F, Q, QuerySet, Subquery, Value
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import selectors as accounts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.actor import Actor
from apps.dataplane.errors import Denied
from apps.incidents import selectors as incidents
from apps.pipelines import selectors as pipelines
from apps.policies import selectors as policies
from apps.runs import selectors as runs
from apps.sources import finding
from apps.sources import selectors as sources

from .context import SECTIONS, Item, address, may

LONGEST, PER_KIND = 100, 6
# Titles are looked through from the newest on, so that a search costs the same however many there are.
NEWEST = 5_000
LARGEST_DIGITS = 18


@dataclass(frozen=True)
class Hit:
    """One thing found, and where it is."""

    title: str
    sub: str
    url: str
    icon: str
    mono: bool = False


@dataclass(frozen=True)
class Group:
    """What was found of one kind; `more` is the list page with the same words, empty where there is none."""

    kind: str
    label: str
    hits: tuple[Hit, ...]
    more: str = ""


@dataclass(frozen=True)
class Act:
    """Something that one can do on a page of its own; `words` are other ways to ask for it."""

    view: str
    label: str | Promise
    icon: str
    action: str = ""
    words: str = ""
    part: str = ""


ACTS = (
    Act("sources:new", gettext_lazy("Add a source"), "plus", "connection.propose", "new connection database connect"),
    Act("pipelines:new", gettext_lazy("New pipeline"), "plus", "pipeline.propose", "build add pipeline"),
    Act("policies:new", gettext_lazy("New masking policy"), "plus", "policy.propose", "add write policy mask"),
    Act("sources:datasets", gettext_lazy("Classify columns"), "tags", "classification.propose",
        "unclassified datasets", "?state=unclassified"),
    Act("changes:changes", gettext_lazy("Review what waits for me"), "git-pull-request", "change.review",
        "approve reject changes", f"?show={changes.NEEDS_ME}"),
    Act("runs:runs", gettext_lazy("Runs that failed"), "player-play", "run.view", "failing errors", "?state=FAILED"),
    Act("audit:events", gettext_lazy("Verify the audit log"), "shield-check", "audit.verify", "check chain prove"),
    Act("accounts:invite", gettext_lazy("Invite somebody"), "user-plus", "membership.propose", "new user person add"),
    Act("accounts:tokens", gettext_lazy("New API token"), "key", "", "program script access"),
    Act("accounts:profile", gettext_lazy("Change my time zone, name or password"), "user", "", "profile account"),
)  # fmt: skip


def cleaned(text: str) -> str:
    """What is looked for: one line without control characters, at most `LONGEST` characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST]


def search(actor: Actor, text: str, *, limit: int = PER_KIND) -> tuple[Group, ...]:
    """What fits, at most `limit` of each kind; with no text the pages and acts alone. At most nine queries."""
    if actor.scopes is not None and access.READ not in actor.scopes:
        raise Denied(_("This token may not read."), remedy=_("Make a token with the scope read."))
    text = cleaned(text)
    if not text:
        return tuple(group for group in (_acts(actor, "", limit),) if group.hits)
    kinds: tuple[Callable[[Actor, str, int], Iterator[Group] | Group], ...] = (
        _runs, _governed, _datasets, _columns, _changes, _incidents, _people, _pages, _acts,
    )  # fmt: skip
    found = (kind(actor, text, limit) for kind in kinds)
    groups = (group for each in found for group in (each if not isinstance(each, Group) else (each,)))
    return tuple(group for group in groups if group.hits)


def _number(text: str) -> int | None:
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= LARGEST_DIGITS else None


def _runs(actor: Actor, text: str, limit: int) -> Group:
    number = _number(text)
    rows = runs.runs(actor).filter(number=number) if number is not None else ()
    hits = (
        Hit(_("Run %(n)s") % {"n": run.number}, f"{run.pipeline.name} · {run.pipeline.team.name}",
            reverse("runs:run", args=[run.number]), "player-play")
        for run in rows
    )  # fmt: skip
    return Group("run", _("Runs"), tuple(hits))


def _changes(actor: Actor, text: str, limit: int) -> Group:
    number = _number(text)
    rows = changes.visible(actor)
    rows = rows.filter(number=number) if number is not None else _recent(rows).filter(title__icontains=text)
    hits = tuple(
        Hit(row.title, f"#{row.number}", reverse("changes:change", args=[row.number]), "git-pull-request")
        for row in rows.order_by("-number")[:limit]
    )
    return Group("change", _("Changes"), hits, _more("changes:changes", text, hits, limit, show="all"))


def _incidents(actor: Actor, text: str, limit: int) -> Group:
    if not access.allowed(actor, "incident.view"):
        return Group("incident", _("Incidents"), ())
    number = _number(text)
    rows = incidents.incidents(actor)
    rows = rows.filter(number=number) if number is not None else _recent(rows).filter(title__icontains=text)
    hits = tuple(
        Hit(row.title, f"#{row.number}", reverse("incidents:incident", args=[row.number]), "flame")
        for row in rows.order_by("-number")[:limit]
    )
    return Group("incident", _("Incidents"), hits, _more("incidents:incidents", text, hits, limit, state="ALL"))


def _recent(rows: QuerySet[Any]) -> QuerySet[Any]:
    newest = Subquery(rows.order_by("-number").values("number")[:1])
    return rows.filter(number__gt=newest - Value(NEWEST))


def _governed(actor: Actor, text: str, limit: int) -> Iterator[Group]:
    """Pipelines, connections and policies in one query: each has a name, a short name and a team."""
    kinds = {
        "pipeline": (_("Pipelines"), pipelines.pipelines(actor), "route", "pipelines:pipeline", "pipelines:pipelines"),
        "connection": (_("Connections"), sources.connections(actor), "database", "sources:connection", ""),
        "policy": (_("Policies"), policies.policies(actor), "shield-lock", "policies:policy", ""),
    }
    wanted = Q(name__icontains=text) | Q(slug__icontains=text)
    parts = [
        rows.filter(wanted).order_by("name", "id")
        .values_list(Value(kind, CharField()), "name", "slug", F("team__slug"), F("team__name"))[: limit]
        for kind, (_label, rows, *_rest) in kinds.items()
    ]  # fmt: skip
    found: dict[str, list[Hit]] = {kind: [] for kind in kinds}
    for kind, name, slug, team, team_name in parts[0].union(*parts[1:], all=True):
        _label, _rows, icon, view, _list = kinds[kind]
        found[kind].append(Hit(name, f"{team_name} · {slug}", reverse(view, args=[team, slug]), icon))
    for kind, (label, _rows, _icon, _view, listed) in kinds.items():
        hits = tuple(found[kind])
        yield Group(kind, label, hits, _more(listed, text, hits, limit) if listed else "")


def _datasets(actor: Actor, text: str, limit: int) -> Group:
    found = finding.datasets(actor, text, limit=limit)
    hits = tuple(Hit(one.table, f"{one.connection} · {one.team}", _dataset(one), "table", True) for one in found)
    return Group("dataset", _("Datasets"), hits, _more("sources:datasets", text, hits, limit))


def _columns(actor: Actor, text: str, limit: int) -> Group:
    found = finding.columns(actor, text, limit=limit)
    hits = (Hit(one.column, f"{one.table} · {one.connection}", _dataset(one), "columns-3", True) for one in found)
    return Group("column", _("Columns"), tuple(hits))


def _dataset(found: finding.Found) -> str:
    return reverse("sources:dataset", args=[found.dataset_id])


def _people(actor: Actor, text: str, limit: int) -> Group:
    if not access.allowed(actor, "people.view"):
        return Group("person", _("People"), ())
    found = accounts.people(actor, q=text, size=limit).rows
    hits = tuple(Hit(one.name, one.email, reverse("accounts:person", args=[one.id]), "user") for one in found)
    return Group("person", _("People"), hits, _more("accounts:people", text, hits, limit))


def _pages(actor: Actor, text: str, limit: int) -> Group:
    items = [item for _section, items in SECTIONS for item in items if may(actor, item) and address(item.view)]
    hits = (_page(item) for item in items if text.lower() in str(item.label).lower())
    return Group("page", _("Pages"), tuple(hits)[:limit])


def _page(item: Item) -> Hit:
    return Hit(str(item.label), "", address(item.view), item.icon)


def _acts(actor: Actor, text: str, limit: int) -> Group:
    asked = text.lower().split()
    offered = [act for act in ACTS if address(act.view) and (not act.action or access.allowed(actor, act.action))]
    hits = (
        Hit(str(act.label), "", address(act.view) + act.part, act.icon)
        for act in offered
        if all(word in f"{act.label} {act.words}".lower() for word in asked)
    )
    return Group("action", _("Actions"), tuple(hits)[:limit])


def _more(view: str, text: str, hits: tuple[Hit, ...], limit: int, **filters: str) -> str:
    """The list with the same words, where the search may have left something out."""
    query: Mapping[str, str] = {"q": text, **filters}
    return f"{address(view)}?{urlencode(query)}" if len(hits) == limit and address(view) else ""
