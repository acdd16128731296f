"""Reads notices (one's own, and nobody else's), channels, routes, deliveries and the built-in outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound

from . import definition, mailing
from .definition import Definition, RouteDefinition
from .models import Channel, ChannelTest, ChannelVersion, Delivery, Notice, Route, RouteVersion

TRANSPORT_SMTP = mailing.SMTP
LONGEST_TIMELINE = 100
LATELY = timedelta(days=7)
TOGETHER = timedelta(seconds=5)


def notices(actor: Actor, *, unread: bool = False, cursor: str = "", size: int = 50) -> Page[Notice]:
    """One page of the actor's notices, newest first."""
    return page(_unread(actor) if unread else _own(actor), cursor=cursor, size=size)


def unread(actor: Actor) -> int:
    """How many of the actor's notices wait to be read."""
    return _unread(actor).count()


def unread_expression(actor: Actor) -> Coalesce:
    """The same as an expression, so that every page gets it within another query."""
    counted = _unread(actor).order_by().values("user_id").annotate(n=Count("id")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _own(actor: Actor) -> QuerySet[Notice]:
    return Notice.objects.filter(user_id=actor.id) if actor.kind != "system" else Notice.objects.none()


def _unread(actor: Actor) -> QuerySet[Notice]:
    return _own(actor).filter(read_at=None)


def target(actor: Actor, notice_id: UUID) -> str:
    """Where one of the actor's notices points."""
    url = _own(actor).filter(id=notice_id).values_list("url", flat=True).first()
    if url is None:
        raise NotFound(_("You have no such notice."))
    return url


# channels and routes


@dataclass(frozen=True)
class ChannelCard:
    """A channel with what its active version says."""

    channel: Channel
    says: Definition


@dataclass(frozen=True)
class RouteCard:
    """A route with what its active version says, and the names of the people in it."""

    route: Route
    says: RouteDefinition
    people: tuple[str, ...]


def channels(actor: Actor) -> list[ChannelCard]:
    """Every channel, those that are switched on first."""
    access.require(actor, "channel.view")
    rows = list(Channel.objects.order_by("kind", "name", "id"))
    says = _active(ChannelVersion, "channel", rows)
    cards = [ChannelCard(row, definition.parse(row.kind, says[row.id])) for row in rows]
    return sorted(cards, key=lambda card: card.channel.disabled_at is not None)


def channel(actor: Actor, slug: str) -> ChannelCard:
    """Raises NotFound."""
    access.require(actor, "channel.view")
    row = Channel.objects.filter(slug=slug).first()
    if row is None:
        raise NotFound(_("There is no channel %(slug)s.") % {"slug": slug})
    return ChannelCard(row, definition.parse(row.kind, _active(ChannelVersion, "channel", [row])[row.id]))


def routes(actor: Actor) -> list[RouteCard]:
    """The routes of the actor's teams, and those that hold for every team."""
    access.require(actor, "channel.view")
    rows = list(_routes(actor).order_by("team__name", "name", "id"))
    says = {key: definition.parse_route(text) for key, text in _active(RouteVersion, "route", rows).items()}
    names = accounts.names(person for one in says.values() for person in one.people)
    cards = [
        RouteCard(row, says[row.id], tuple(names.get(one, "?") for one in says[row.id].people)) for row in rows
    ]  # fmt: skip
    return sorted(cards, key=lambda card: card.route.disabled_at is not None)


def _routes(actor: Actor) -> QuerySet[Route]:
    rows = Route.objects.select_related("team")
    if actor.organisation or actor.kind == "system":
        return rows
    return rows.filter(Q(team=None) | Q(team_id__in=access.teams(actor, "channel.view")))


def route(actor: Actor, slug: str) -> RouteCard:
    """Raises NotFound."""
    access.require(actor, "channel.view")
    row = _routes(actor).filter(slug=slug).first()
    if row is None:
        raise NotFound(_("There is no route %(slug)s.") % {"slug": slug})
    says = definition.parse_route(_active(RouteVersion, "route", [row])[row.id])
    names = accounts.names(says.people)
    return RouteCard(row, says, tuple(names.get(one, "?") for one in says.people))


def _active(versions: Any, owner: str, rows: Sequence[Any]) -> dict[UUID, Any]:
    wanted = Q(pk=None)
    for row in rows:
        wanted |= Q(**{f"{owner}_id": row.id, "number": row.active_version})
    found = versions.objects.filter(wanted).values_list(f"{owner}_id", "definition")
    return dict(found)


def test(actor: Actor, test_id: UUID) -> ChannelTest:
    """Raises NotFound."""
    access.require(actor, "channel.propose")
    found = ChannelTest.objects.select_related("channel").filter(id=test_id).first()
    if found is None:
        raise NotFound(_("There is no such test."))
    return found


test.__test__ = False  # type: ignore[attr-defined]


def mail_leaves() -> bool:
    """Whether a mail server is set up; if not, mail lies in the built-in outbox."""
    return mailing.transport() == mailing.SMTP


# deliveries


@dataclass(frozen=True)
class Filters:
    """What the list of deliveries shows."""

    state: str = ""
    channel: str = ""
    q: str = ""


def deliveries(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Delivery]:
    """A page of deliveries, newest first, without what they say. Raises Denied."""
    access.require(actor, "operation.view")
    rows = Delivery.objects.select_related("user", "target").defer("body")
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.channel:
        rows = rows.filter(channel=filters.channel)
    if filters.q:
        rows = rows.filter(subject__icontains=filters.q)
    return page(rows, cursor=cursor, size=size)


def dead_letters() -> int:
    """How many deliveries of the last week failed for good and were not replayed."""
    return Delivery.objects.filter(state=Delivery.DEAD, created_at__gte=now() - LATELY).count()


@dataclass(frozen=True)
class Sent:
    """One alert about something, as its timeline shows it: to whom, and what became of it."""

    at: datetime
    event: str
    to: str
    state: str
    channel: str
    transport: str
    attempts: int
    last_error: str


def about(subject_ref: str) -> list[Sent]:
    """The messages about something, oldest first; at most the last hundred."""
    rows = Delivery.objects.filter(subject_ref=subject_ref).select_related("user", "target").defer("body")
    found = list(rows.order_by("-id")[:LONGEST_TIMELINE])[::-1]
    return [
        Sent(
            row.created_at, row.event, row.user.name if row.user else str(row.target), row.state, row.channel,
            row.transport, row.attempts, row.last_error,
        )
        for row in found
    ]  # fmt: skip


@dataclass(frozen=True)
class Mail:
    """A mail in the built-in outbox, with everybody who would have got it."""

    id: UUID
    at: datetime
    subject: str
    body: str
    event: str
    to: tuple[str, ...]


def outbox(actor: Actor, *, everybody: bool, incidents: bool = False, cursor: str = "", size: int = 50) -> Page[Any]:
    """Alert mail that was written to files because there is no mail server: one's own, or everybody's.

    `incidents` leaves out the mails about changes. What carries a secret link (invitations, passwords) is no delivery
    and never shown here.
    """
    rows = Delivery.objects.filter(transport=mailing.OUTBOX, state=Delivery.SENT).select_related("user")
    if incidents:
        rows = rows.filter(event__startswith="incident.")
    if not everybody:
        rows = rows.filter(user_id=actor.id) if accounts.is_uuid(actor.id) else rows.none()
    found = page(rows, cursor=cursor, size=size)
    return Page(_together(found.rows), older=found.older, newer=found.newer)


def _together(rows: Sequence[Delivery]) -> list[Any]:
    """One alert that went to several people is one mail with several names; they were written one after the other."""
    mails: list[Mail] = []
    for row in rows:
        name, last = row.user.name if row.user else "?", mails[-1] if mails else None
        same = last and (last.subject, last.body, last.event) == (row.subject, row.body, row.event)
        if last and same and abs(last.at - row.created_at) < TOGETHER:
            mails[-1] = replace(last, to=(*last.to, name))
        else:
            mails.append(Mail(row.id, row.created_at, row.subject, row.body, row.event, (name,)))
    return mails


def sees_every_mail(actor: Actor, *, demo: bool) -> bool:
    """Administrators and auditors do; in a demo everybody, for there it is the way to see what would be sent."""
    return demo or access.allowed(actor, "operation.view")
