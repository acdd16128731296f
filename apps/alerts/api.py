"""The bell, for programs."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import access
from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged
from apps.dataplane.errors import Denied

from . import selectors, services


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
