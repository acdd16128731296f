"""What every page's frame shows: navigation with counts, unread notices, and the founding and locked banners."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts import selectors as accounts
from apps.alerts import selectors as alerts
from apps.changes import selectors as changes
from apps.core import access
from apps.core.actor import Actor
from apps.incidents import selectors as incidents
from apps.keys import selectors as keys
from apps.watch import selectors as watch


@dataclass(frozen=True)
class Item:
    """One line of the navigation: shown to whoever may do `action` somewhere."""

    view: str
    label: str | Promise
    icon: str
    action: str = ""
    counts: str = ""


SECTIONS: tuple[tuple[str | Promise, tuple[Item, ...]], ...] = (
    ("", (
        Item("console:home", gettext_lazy("Overview"), "layout-dashboard"),
        Item("sources:sources", gettext_lazy("Sources"), "database", "connection.view"),
        Item("pipelines:pipelines", gettext_lazy("Pipelines"), "route", "pipeline.view"),
        Item("runs:runs", gettext_lazy("Runs"), "player-play", "run.view"),
    )),
    (gettext_lazy("Govern"), (
        Item("policies:policies", gettext_lazy("Policies"), "shield-lock", "policy.view"),
        Item("retention:rules", gettext_lazy("Retention"), "hourglass", "retention.view"),
        Item("changes:changes", gettext_lazy("Changes"), "git-pull-request", "change.view", "changes"),
        Item("audit:events", gettext_lazy("Audit log"), "history", "audit.view"),
    )),
    (gettext_lazy("Observe"), (
        Item("incidents:incidents", gettext_lazy("Incidents"), "flame", "incident.view", "incidents"),
        Item("alerts:notices", gettext_lazy("Notices"), "bell", "", "unread"),
        Item("alerts:channels", gettext_lazy("Channels"), "send", "channel.view"),
        Item("alerts:outbox", gettext_lazy("Outbox"), "inbox"),
        Item("watch:system", gettext_lazy("System"), "server-2", "operation.view"),
    )),
    (gettext_lazy("Organisation"), (
        Item("accounts:people", gettext_lazy("People"), "users", "people.view"),
        Item("console:access_review", gettext_lazy("Access review"), "list-check", "people.view"),
        Item("accounts:tokens", gettext_lazy("Tokens"), "key"),
        Item("keys:keys", gettext_lazy("Keys"), "lock", "key.view"),
        Item("api-docs", gettext_lazy("API"), "code"),
    )),
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """What waits, for the badges."""

    changes: int = 0
    incidents: int = 0
    unread: int = 0


def shell(request: HttpRequest) -> dict[str, Any]:
    """`nav` and `shell` for base.html; nothing for whoever is not signed in. At most four queries."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None or actor.id == accounts.ANONYMOUS.id:
        return {}
    row = accounts.organisation().annotate(unread=alerts.unread_expression(actor)).values("name", "founding", "unread")
    about: dict[str, Any] = dict(row.first() or {"name": "", "founding": False, "unread": 0})
    counts = Counts(changes.waiting_count(actor), _open_incidents(actor), about["unread"])
    return {"nav": _nav(request, actor, counts), "shell": _shell(request, actor, about, counts)}


def _open_incidents(actor: Actor) -> int:
    return incidents.open_count(actor) if incidents.may_see_any(actor) else 0


def _nav(request: HttpRequest, actor: Actor, counts: Counts) -> list[dict[str, Any]]:
    sections = []
    for label, items in SECTIONS:
        shown = [_item(request, item, counts) for item in items if may(actor, item) and address(item.view)]
        if shown:
            sections.append({"label": label, "items": shown})
    return sections


def may(actor: Actor, item: Item) -> bool:
    """Whether this line of the navigation is for the actor."""
    if item.view == "changes:changes" and actor.organisation:
        return True  # What is proposed for the organisation is theirs to read.
    if item.view == "incidents:incidents":
        return incidents.may_see_any(actor)
    return not item.action or access.allowed(actor, item.action)


def _item(request: HttpRequest, item: Item, counts: Counts) -> dict[str, Any]:
    url = address(item.view)
    badge = getattr(counts, item.counts) if item.counts else 0
    return {
        "url": url,
        "label": item.label,
        "icon": item.icon,
        "key": KEYS.get(item.view, ""),
        "active": request.path == url or (url != "/" and request.path.startswith(url)),
        "badge": badge,
        "badge_label": BADGES[item.counts](badge) if badge else "",
        "badge_kind": "fail" if item.counts == "incidents" else "warn",
    }


# `g` and one of these letters goes there.
KEYS = {
    "console:home": "h", "sources:sources": "s", "pipelines:pipelines": "p", "runs:runs": "r",
    "policies:policies": "y", "changes:changes": "c", "audit:events": "a", "incidents:incidents": "i",
    "alerts:notices": "n", "accounts:people": "u",
}  # fmt: skip
BADGES: dict[str, Callable[[int], str]] = {
    "changes": lambda n: ngettext("%(n)s waits for you", "%(n)s wait for you", n) % {"n": n},
    "incidents": lambda n: ngettext("%(n)s open", "%(n)s open", n) % {"n": n},
    "unread": lambda n: ngettext("%(n)s not read", "%(n)s not read", n) % {"n": n},
}


@lru_cache(maxsize=64)
def address(view: str) -> str:
    """A page's address; empty when this installation does not have it."""
    try:
        return reverse(view)
    except NoReverseMatch:
        return ""


def _shell(request: HttpRequest, actor: Actor, about: dict[str, Any], counts: Counts) -> dict[str, Any]:
    pulse = watch.pulse()
    return {
        "person": {"name": actor.name, "role": _roles(actor)},
        "unread": counts.unread,
        "urls": {
            "home": address("console:home"),
            "search": address("console:search"),
            "suggestions": address("console:suggestions"),
            "notices": address("alerts:notices"),
            "profile": address("accounts:profile"),
            "sign_out": address("accounts:logout"),
        },
        "workspace": about["name"],
        "demo": demo("frame", request),
        "founding": about["founding"],
        "founding_url": address("accounts:invite") if access.allowed(actor, "membership.propose") else "",
        "keys_url": address("keys:keys") if _keys_to_copy(actor) else "",
        "locked": bool(pulse.locked),
        "locked_processes": list(pulse.locked),
        "silent": watch.said(pulse),
        "silent_means": pulse.sentence,
        "silent_url": address("watch:system") if access.allowed(actor, "operation.view") else "",
        "locked_url": "",
    }


def _keys_to_copy(actor: Actor) -> bool:
    return access.allowed(actor, "key.confirm") and keys.not_copied()


def demo(part: str, request: HttpRequest) -> dict[str, Any]:
    """What a demo adds to this part of the pages; nothing in every other installation."""
    path = getattr(settings, "LOCKGATE_DEMO", {}).get(part)
    return import_string(path)(request) if path else {}


def _roles(actor: Actor) -> str:
    held = actor.organisation.union(*actor.teams.values())
    known = [role for role in (*access.ORGANISATION_ROLES, *access.TEAM_ROLES) if role in held]
    return ", ".join(known).capitalize() or _("No role yet")
