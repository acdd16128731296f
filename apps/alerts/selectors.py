"""Reads notices: one's own, and nobody else's."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, IntegerField, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.core.actor import Actor
from apps.core.paging import Page, page
from apps.dataplane.errors import NotFound

from .models import Notice


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
