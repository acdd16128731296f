"""Shapes channels, routes, tests and deliveries for pages: words and lines; hardly a query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor

from .definition import Definition, MailServer
from .forms import FORMS, SECURITIES
from .selectors import ChannelCard, RouteCard

ORDER = {"smtp": ("reach", "secure", "authenticate", "send"), "webhook": ("resolve", "send")}
STEPS = {
    "open": gettext_lazy("Open the sealed secret"),
    "reach": gettext_lazy("Reach the mail server"),
    "secure": gettext_lazy("Encrypt the connection"),
    "authenticate": gettext_lazy("Sign in"),
    "send": gettext_lazy("Send a test message"),
    "resolve": gettext_lazy("Look where the address leads"),
}


@dataclass(frozen=True)
class Line:
    """A channel or route in its list. `state` is ACTIVE or INACTIVE."""

    row: Any
    state: str
    where: str
    detail: str
    may: bool = True


@dataclass(frozen=True)
class Step:
    """One line of a test."""

    label: str
    state: str
    detail: str = ""
    note: str = ""


@dataclass(frozen=True)
class Tested:
    """A test for its page; sentence, remedy and field of what failed."""

    steps: tuple[Step, ...]
    running: bool
    passed: bool
    sentence: str = ""
    remedy: str = ""
    field: str = ""
    field_label: str = ""


def channel(card: ChannelCard) -> Line:
    says, row = card.says, card.channel
    state = "INACTIVE" if row.disabled_at else "ACTIVE"
    if isinstance(says, MailServer):
        user = _("as %(user)s") % {"user": says.user} if says.user else _("without a user")
        detail = " · ".join((str(dict(SECURITIES)[says.security]), user, _("from %(who)s") % {"who": says.sender}))
        return Line(row, state, says.address, detail)
    return Line(row, state, says.target.url, _("signed with key %(id)s") % {"id": says.secret.id})


def route(card: RouteCard, may: bool) -> Line:
    says, row = card.says, card.route
    targets = [_("owners by mail")] if says.owners else []
    if card.people:
        targets.append(", ".join(card.people))
    targets += says.channels
    levels = {"ERROR": _("errors"), "WARN": _("warnings")}
    detail = _("%(levels)s about %(subject)s") % {
        "levels": _(" and ").join(levels[one] for one in says.levels), "subject": says.subject,
    }  # fmt: skip
    if says.recoveries:
        detail += " · " + _("recoveries too")
    return Line(row, "INACTIVE" if row.disabled_at else "ACTIVE", " · ".join(targets), detail, may)


def facts(says: Definition) -> list[tuple[str, str]]:
    """What is tested."""
    if isinstance(says, MailServer):
        return [
            (_("Server"), says.address),
            (_("Encryption"), str(dict(SECURITIES)[says.security])),
            (_("User"), says.user or "—"),
            (_("Sender"), says.sender),
        ]
    return [(_("Address"), says.target.url), (_("Key"), says.secret.id)]


def tested(test: Any) -> Tested:
    """Steps done, the one at work, and those that wait or were never reached."""
    running, kind = test.state == test.RUNNING, test.proposal["kind"]
    failed = next((step for step in test.steps if not step["ok"]), None)
    done = [
        Step(
            str(STEPS[step["step"]]), "done" if step["ok"] else "failed", step["sentence"], f"{step['milliseconds']} ms"
        )
        for step in test.steps
    ]
    reached = {step["step"] for step in test.steps}
    rest = [step for step in ORDER[kind] if step not in reached]
    waiting = [
        Step(str(STEPS[step]), ("running" if index == 0 else "waiting") if running else "skipped")
        for index, step in enumerate(rest)
    ]
    told = failed or {"sentence": "", "remedy": "", "field": ""}
    field = FORMS[kind].base_fields.get(told["field"])
    return Tested(
        (*done, *waiting), running, test.state == test.PASSED, told["sentence"], told["remedy"], told["field"],
        str(field.label) if field else "",
    )  # fmt: skip


def edit_url(test: Any) -> str:
    """Back to the form, with everything but the secret in it."""
    kind = test.proposal["kind"]
    to_edit = reverse("alerts:edit", args=[test.channel.slug]) if test.channel else reverse("alerts:new", args=[kind])
    return f"{to_edit}?test={test.id}"


def teams_to_route(actor: Actor) -> list[tuple[str, str]]:
    """For which teams the actor may propose a route; every team at once is for administrators."""
    teams = accounts.teams(actor)
    found = [(str(team.id), team.name) for team in teams if access.allowed(actor, "route.propose", team.id)]
    return [*found, ("", _("Every team"))] if access.allowed(actor, "operation.act") else found


def delivery_states() -> list[tuple[str, str]]:
    """What a delivery can be."""
    return [
        ("WAITING", _("Waiting")), ("SENT", _("Sent")), ("DEAD", _("Dead letter")), ("DROPPED", _("Dropped")),
    ]  # fmt: skip
