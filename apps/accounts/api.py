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

from . import devices, reviewing, selectors, services


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


class SessionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    browser = serializers.CharField()
    began = serializers.DateTimeField()
    seen = serializers.DateTimeField()


class TokenSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField(allow_null=True)
    last_used = serializers.DateTimeField(allow_null=True)


class MyTokenSerializer(TokenSerializer):
    state = serializers.ChoiceField(["ACTIVE", "EXPIRED", "REVOKED"])


class TokenOfSerializer(TokenSerializer):
    owner_id = serializers.UUIDField()
    owner = serializers.CharField()
    is_service = serializers.BooleanField()


class InvitationSerializer(serializers.Serializer):
    person = PersonSerializer()
    invited_at = serializers.DateTimeField()
    mailed_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the link that was mailed last dies.")


class EndedSerializer(serializers.Serializer):
    ended = serializers.IntegerField()


@extend_schema(tags=["accounts"], responses=SessionSerializer(many=True))
@api_view(["GET"])
def my_sessions(request: Request) -> Response:
    """Your own sessions in browsers."""
    return Response(SessionSerializer(devices.sessions(actor(request).id), many=True).data)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses=EndedSerializer)
@api_view(["POST"])
@idempotent
def end_my_sessions(request: Request) -> Response:
    """Sign out everywhere but here."""
    who = actor(request)
    keep = request._request.session.session_key or ""
    return Response({"ended": devices.end_others(actor=who, person_id=who.id, keep=keep)})


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def end_session(request: Request, device_id: UUID) -> Response:
    """End one session: one of your own, or as an administrator anybody's."""
    devices.end(actor=actor(request), device_id=device_id)
    return Response(status=204)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses=EndedSerializer)
@api_view(["POST"])
@idempotent
def end_sessions(request: Request, person_id: UUID) -> Response:
    """End every session of somebody."""
    return Response({"ended": devices.end_others(actor=actor(request), person_id=person_id)})


@extend_schema(tags=["accounts"], responses=MyTokenSerializer(many=True))
@api_view(["GET"])
def my_tokens(request: Request) -> Response:
    """Your own tokens, ended ones too. A new one is made on the page, where it is shown once."""
    return Response(MyTokenSerializer(selectors.tokens(actor(request)), many=True).data)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def revoke_my_token(request: Request, token_id: UUID) -> Response:
    """End one of your own tokens."""
    services.revoke_token(actor=actor(request), token_id=token_id)
    return Response(status=204)


@extend_schema(tags=["accounts"], parameters=[CURSOR], responses=cursor_page(TokenOfSerializer))
@api_view(["GET"])
def tokens(request: Request) -> Response:
    """Every token that opens something now, whoever owns it."""
    return paged(
        reviewing.live_tokens(actor(request), cursor=request.query_params.get("cursor", "")), TokenOfSerializer
    )


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def revoke_token(request: Request, token_id: UUID) -> Response:
    """End anybody's token at once."""
    services.revoke_token_of(actor=actor(request), token_id=token_id)
    return Response(status=204)


@extend_schema(tags=["accounts"], parameters=[CURSOR], responses=cursor_page(InvitationSerializer))
@api_view(["GET"])
def invitations(request: Request) -> Response:
    """Who is invited and has not joined."""
    return paged(reviewing.invited(actor(request), cursor=request.query_params.get("cursor", "")), InvitationSerializer)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def send_invitation(request: Request, person_id: UUID) -> Response:
    """Mail a new link to somebody who has not joined."""
    services.invite_again(actor=actor(request), person_id=person_id)
    return Response(status=204)


@extend_schema(tags=["accounts"], parameters=[IDEMPOTENCY], request=None, responses={204: None})
@api_view(["POST"])
@idempotent
def revoke_invitation(request: Request, person_id: UUID) -> Response:
    """The link lets nobody in any more, and the roles behind it have ended."""
    services.revoke_invitation(actor=actor(request), person_id=person_id)
    return Response(status=204)
