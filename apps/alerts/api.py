"""The bell, the outbox, channels, routes and deliveries, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged
from apps.core.api import read as read_body
from apps.dataplane.errors import Denied, NotFound

from . import channel_services, definition, selectors, services
from .definition import MailServer
from .forms import Filter


class NoticeSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    sentence = serializers.CharField()
    url = serializers.CharField(help_text="A path of this installation.")
    level = serializers.ChoiceField(["INFO", "WARN", "ERROR"])
    read_at = serializers.DateTimeField(allow_null=True)


UNREAD = OpenApiParameter("unread", OpenApiTypes.BOOL, description="Leave out what was read.")


@extend_schema(tags=["alerts"], parameters=[UNREAD, CURSOR], responses=cursor_page(NoticeSerializer))
@api_view(["GET"])
def notices(request: Request) -> Response:
    """Your notices, newest first."""
    unread = request.query_params.get("unread", "").lower() in ("1", "true")
    page = selectors.notices(actor(request), unread=unread, cursor=request.query_params.get("cursor", ""))
    return paged(page, NoticeSerializer)


@extend_schema(tags=["alerts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def read(request: Request, notice_id: UUID) -> Response:
    """Mark one of your notices as read."""
    who = actor(request)
    if who.scopes is not None and access.WRITE not in who.scopes:
        raise Denied("This token may only read.", remedy="Use a token with the scope write.")
    services.mark_read(actor=who, notice_id=notice_id)
    return Response(status=204)


# the outbox


class MailSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    subject = serializers.CharField()
    body = serializers.CharField()
    event = serializers.CharField()
    to = serializers.ListField(child=serializers.CharField(), help_text="Names.")


ABOUT = OpenApiParameter("about", OpenApiTypes.STR, enum=["incidents"], description="Leave out mails about changes.")


@extend_schema(tags=["alerts"], parameters=[ABOUT, CURSOR], responses=cursor_page(MailSerializer))
@api_view(["GET"])
def outbox(request: Request) -> Response:
    """Alert mail that was written to files for want of a mail server: yours, or everybody's for operators."""
    who = actor(request)
    everybody = selectors.sees_every_mail(who, demo=settings.LOCKGATE.demo)
    asked = request.query_params
    page = selectors.outbox(
        who, everybody=everybody, incidents=asked.get("about") == "incidents", cursor=asked.get("cursor", "")
    )
    return paged(page, MailSerializer)


# channels


class ChannelSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(list(definition.KINDS))
    version = serializers.IntegerField()
    switched_off_at = serializers.DateTimeField(allow_null=True)
    settings = serializers.DictField(help_text="Without the secret.")


class NewChannelSerializer(serializers.Serializer):
    slug = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(list(definition.KINDS))
    settings = serializers.DictField(help_text="smtp: host, port, security, user, sender. webhook: url.")
    secret = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=1000, trim_whitespace=False, write_only=True,
        help_text="The password or the signing secret; leave it out to keep the stored one.",
    )  # fmt: skip
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ProposedSerializer(serializers.Serializer):
    change = serializers.IntegerField(help_text="The number of the change that waits for review.")


class StepSerializer(serializers.Serializer):
    step = serializers.CharField()
    ok = serializers.BooleanField()
    sentence = serializers.CharField()
    remedy = serializers.CharField()
    field = serializers.CharField()
    milliseconds = serializers.IntegerField()


class TestSerializer(serializers.Serializer):
    __test__ = False

    id = serializers.UUIDField()
    state = serializers.ChoiceField(["RUNNING", "PASSED", "FAILED"])
    steps = StepSerializer(many=True)
    ended_at = serializers.DateTimeField(allow_null=True)


def _shown(card: selectors.ChannelCard) -> dict[str, Any]:
    row = card.channel
    says = {name: value for name, value in card.says.as_json().items() if name not in ("secret", "format")}
    if not isinstance(card.says, MailServer):
        says["key_id"] = card.says.secret.id
    return {
        "slug": row.slug, "name": row.name, "kind": row.kind, "version": row.active_version,
        "switched_off_at": row.disabled_at, "settings": says,
    }  # fmt: skip


@extend_schema(methods=["GET"], tags=["alerts"], responses=ChannelSerializer(many=True))
@extend_schema(methods=["POST"], tags=["alerts"], request=NewChannelSerializer, responses={201: ProposedSerializer})
@api_view(["GET", "POST"])
def channels(request: Request) -> Response:
    """Every channel. POST proposes a new one, or the next version of the one with that short name."""
    if request.method == "POST":
        return _propose(request)
    cards = selectors.channels(actor(request))
    return Response(ChannelSerializer([_shown(card) for card in cards], many=True).data)


def _propose(request: Request) -> Response:
    # Not remembered by Idempotency-Key: not even a hash of a secret is stored. A second proposal is a Conflict.
    who = actor(request)
    access.require(who, "channel.propose")
    body = read_body(request, NewChannelSerializer)
    held = next((card.says for card in selectors.channels(who) if card.channel.slug == body["slug"]), None)
    if body["kind"] == definition.SMTP:
        says = channel_services.mail_server(entered=body["settings"], password=body["secret"], held=held)
    else:
        says = channel_services.webhook(url=str(body["settings"].get("url", "")), secret=body["secret"], held=held)
    proposal = {"slug": body["slug"], "name": body["name"], "kind": body["kind"], "definition": says}
    change = changes.propose(actor=who, kind="channel", team_id=None, proposal=proposal, reason=body["reason"])
    return Response({"change": change.number}, status=201)


@extend_schema(tags=["alerts"], parameters=[IDEMPOTENCY], request=None, responses={202: TestSerializer})
@api_view(["POST"])
@idempotent
def test(request: Request, slug: str) -> Response:
    """Have the active version of a channel tried; ask for the test until it has ended."""
    who = actor(request)
    access.require(who, "channel.propose")
    card = selectors.channel(who, slug)
    row = card.channel
    document = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": card.says.as_json()}
    found = channel_services.test_channel(actor=who, proposal=document, channel_id=row.id)
    return Response(TestSerializer(found).data, status=202)


test.__test__ = False  # type: ignore[attr-defined]


@extend_schema(tags=["alerts"], responses=TestSerializer)
@api_view(["GET"])
def test_result(request: Request, test_id: UUID) -> Response:
    """The steps of a test so far."""
    return Response(TestSerializer(selectors.test(actor(request), test_id)).data)


test_result.__test__ = False  # type: ignore[attr-defined]


@extend_schema(tags=["alerts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def switch_off(request: Request, slug: str) -> Response:
    """Nothing leaves through this channel any more, at once. Switching it on again is a change."""
    who = actor(request)
    access.require(who, "channel.propose")
    channel_services.switch_off_channel(actor=who, channel_id=selectors.channel(who, slug).channel.id)
    return Response(status=204)


# routes


class RouteDefinitionSerializer(serializers.Serializer):
    levels = serializers.ListField(child=serializers.ChoiceField(list(definition.LEVELS)))
    subject = serializers.CharField(
        max_length=120, help_text="A pattern with * over what an alert is about, or its title."
    )
    channels = serializers.ListField(child=serializers.CharField(), help_text="Short names of webhooks.")
    owners = serializers.BooleanField(help_text="Mail to engineers and stewards of the team.")
    people = serializers.ListField(child=serializers.CharField(), help_text="Ids of people who get mail.")
    recoveries = serializers.BooleanField(help_text="Tell also when a problem is gone by itself.")


class RouteSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    team = serializers.CharField(allow_null=True, help_text="null: every team.")
    version = serializers.IntegerField()
    switched_off_at = serializers.DateTimeField(allow_null=True)
    definition = RouteDefinitionSerializer()


class NewRouteSerializer(serializers.Serializer):
    slug = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120)
    team = serializers.CharField(allow_null=True, required=False, default=None, max_length=60)
    definition = RouteDefinitionSerializer()
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


@extend_schema(methods=["GET"], tags=["alerts"], responses=RouteSerializer(many=True))
@extend_schema(
    methods=["POST"], tags=["alerts"], parameters=[IDEMPOTENCY], request=NewRouteSerializer,
    responses={201: ProposedSerializer},
)  # fmt: skip
@api_view(["GET", "POST"])
def routes(request: Request) -> Response:
    """The alert routes that you may see. POST proposes a new one, or the next version of one with that short name."""
    if request.method == "POST":
        return _propose_route(request)
    rows = [
        {
            "slug": card.route.slug, "name": card.route.name, "team": card.route.team.slug if card.route.team else None,
            "version": card.route.active_version, "switched_off_at": card.route.disabled_at,
            "definition": card.says.as_json(),
        }
        for card in selectors.routes(actor(request))
    ]  # fmt: skip
    return Response(RouteSerializer(rows, many=True).data)


@idempotent
def _propose_route(request: Request) -> Response:
    who = actor(request)
    access.require(who, "route.propose")
    body = read_body(request, NewRouteSerializer)
    team = next((one for one in accounts.teams(who) if one.slug == body["team"]), None)
    if body["team"] and team is None:
        raise NotFound("There is no such team, or none that you are in.", field="team")
    channel_services.require_route(who, team.id if team else None)
    says = {"format": definition.FORMAT, **body["definition"]}
    proposal = {"slug": body["slug"], "name": body["name"], "definition": says}
    change = changes.propose(
        actor=who, kind="alert_route", team_id=team.id if team else None, proposal=proposal, reason=body["reason"]
    )
    return Response({"change": change.number}, status=201)


@extend_schema(tags=["alerts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def switch_off_route(request: Request, slug: str) -> Response:
    """This route takes no alert any more, at once. Switching it on again is a change."""
    who = actor(request)
    channel_services.switch_off_route(actor=who, route_id=selectors.route(who, slug).route.id)
    return Response(status=204)


# deliveries


class DeliverySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    channel = serializers.ChoiceField(["mail", "webhook"])
    to = serializers.SerializerMethodField(help_text="A person's name, or a channel's.")
    event = serializers.CharField()
    subject = serializers.CharField()
    subject_ref = serializers.CharField()
    state = serializers.ChoiceField(["WAITING", "SENT", "DEAD", "DROPPED"])
    attempts = serializers.IntegerField()
    replays = serializers.IntegerField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    sent_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()

    def get_to(self, row: Any) -> str:
        return str(row.user.name if row.user else row.target)


STATE = OpenApiParameter("state", OpenApiTypes.STR, enum=["WAITING", "SENT", "DEAD", "DROPPED"])
CHANNEL = OpenApiParameter("channel", OpenApiTypes.STR, enum=["mail", "webhook"])


@extend_schema(tags=["alerts"], parameters=[STATE, CHANNEL, CURSOR], responses=cursor_page(DeliverySerializer))
@api_view(["GET"])
def deliveries(request: Request) -> Response:
    """What left, what waits for its next try, and dead letters; newest first."""
    filters = Filter(request.query_params).filters()
    page = selectors.deliveries(actor(request), filters, cursor=request.query_params.get("cursor", ""))
    return paged(page, DeliverySerializer)


@extend_schema(tags=["alerts"], parameters=[IDEMPOTENCY], request=None, responses=DeliverySerializer)
@api_view(["POST"])
@idempotent
def replay(request: Request, delivery_id: UUID) -> Response:
    """Send a dead letter once more."""
    delivery = services.replay(actor=actor(request), delivery_id=delivery_id)
    return Response(DeliverySerializer(delivery).data)
