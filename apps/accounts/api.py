"""People and roles, for programs."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import CURSOR, IDEMPOTENCY, actor, cursor_page, idempotent, paged

from . import selectors, services


class MeSerializer(serializers.Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(["person", "token"])
    teams = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()), help_text="Roles by team id."
    )
    organisation = serializers.ListField(child=serializers.CharField(), help_text="Roles in the organisation.")
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Of the token; null: no limit."
    )


class TeamSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class HeldSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.CharField(source="team_slug", help_text="Empty for a role in the organisation.")
    role = serializers.CharField()
    since = serializers.DateTimeField()
    change = serializers.CharField(help_text="By which change, such as change/<id>.")


class PersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.EmailField()
    state = serializers.ChoiceField(["ACTIVE", "INVITED", "DEACTIVATED"])
    last_seen = serializers.DateTimeField(allow_null=True)
    roles = HeldSerializer(many=True)


@extend_schema(tags=["accounts"], responses=MeSerializer)
@api_view(["GET"])
def me(request: Request) -> Response:
    """Who you are, with your roles as they are at this moment."""
    who = actor(request)
    return Response({
        "id": who.id,
        "name": who.name,
        "kind": who.kind,
        "teams": {team: sorted(roles) for team, roles in who.teams.items()},
        "organisation": sorted(who.organisation),
        "scopes": None if who.scopes is None else sorted(who.scopes),
    })  # fmt: skip


@extend_schema(tags=["accounts"], responses=TeamSerializer(many=True))
@api_view(["GET"])
def teams(request: Request) -> Response:
    """The teams that you may see."""
    return Response(TeamSerializer(selectors.teams(actor(request)), many=True).data)


SEARCH = OpenApiParameter("q", OpenApiTypes.STR, description="Part of a name or an address.")


@extend_schema(tags=["accounts"], parameters=[SEARCH, CURSOR], responses=cursor_page(PersonSerializer))
@api_view(["GET"])
def people(request: Request) -> Response:
    """Everybody with the roles they hold now, for administrators and auditors."""
    asked = request.query_params
    page = selectors.people(actor(request), q=asked.get("q", ""), cursor=asked.get("cursor", ""))
    return paged(page, PersonSerializer)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def deactivate(request: Request, person_id: UUID) -> Response:
    """Shut a person out at once: roles, tokens and sessions end. Coming back is a change."""
    services.deactivate(actor=actor(request), person_id=person_id)
    return Response(status=204)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def revoke_role(request: Request, membership_id: UUID) -> Response:
    """Take a role away at once. Giving it back is a change."""
    services.revoke_role(actor=actor(request), membership_id=membership_id)
    return Response(status=204)
