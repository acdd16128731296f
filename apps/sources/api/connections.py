"""Connections, their tests and discoveries, for programs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts import selectors as accounts
from apps.changes import services as changes
from apps.core import access
from apps.core.api import IDEMPOTENCY, actor, idempotent, read
from apps.dataplane.connectors import connector, kinds
from apps.dataplane.errors import NotFound
from apps.sources import definition, selectors, services


class ConnectionSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    team = serializers.CharField(help_text="The team's short name.")
    slug = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    version = serializers.IntegerField(help_text="The active version.")
    settings = serializers.DictField(help_text="As the kind has them; see /kinds.")
    serves = serializers.ListField(child=serializers.ChoiceField(["read", "write"]))
    zone = serializers.CharField()
    region = serializers.CharField()
    read_user = serializers.CharField(help_text="Empty: no read credential. Passwords are never given out.")
    write_user = serializers.CharField(help_text="Empty: no write credential.")


class CredentialSerializer(serializers.Serializer):
    user = serializers.CharField(
        max_length=63,
        required=False,
        default="",
        allow_blank=True,
        help_text="A kind without users takes an empty object.",
    )
    password = serializers.CharField(
        max_length=1000, write_only=True, trim_whitespace=False, required=False, default=""
    )
    client_key = serializers.CharField(
        max_length=16_000, write_only=True, trim_whitespace=False, required=False, default=""
    )


class NewConnectionSerializer(serializers.Serializer):
    team = serializers.CharField(help_text="The team's short name.")
    slug = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=120)
    kind = serializers.CharField(required=False, default=definition.FIRST_KIND)
    settings = serializers.DictField(help_text="As the kind has them; see /kinds.")
    zone = serializers.CharField()
    region = serializers.CharField(required=False, default="", allow_blank=True)
    read = CredentialSerializer(required=False, allow_null=True, default=None)
    write = CredentialSerializer(required=False, allow_null=True, default=None)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class FieldSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    help = serializers.CharField()
    widget = serializers.CharField()
    choices = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    initial = serializers.CharField()  # type: ignore[assignment]
    required = serializers.BooleanField()  # type: ignore[assignment]
    advanced = serializers.BooleanField()


class KindSerializer(serializers.Serializer):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    uses_credentials = serializers.BooleanField()
    reads = serializers.BooleanField()
    writes = serializers.BooleanField()
    fields = FieldSerializer(many=True, help_text="The settings that a form asks for.")  # type: ignore[assignment]


class ProposedSerializer(serializers.Serializer):
    change = serializers.IntegerField(help_text="The number of the change that waits for review.")


class StartedSerializer(serializers.Serializer):
    id = serializers.UUIDField()


class StepSerializer(serializers.Serializer):
    step = serializers.CharField()
    ok = serializers.BooleanField()
    sentence = serializers.CharField()
    field = serializers.CharField(help_text="The field to mend, empty when the step held.")
    remedy = serializers.CharField()
    milliseconds = serializers.IntegerField()


class TestSerializer(serializers.Serializer):
    __test__ = False

    purpose = serializers.ChoiceField(["read", "write"])
    state = serializers.ChoiceField(["RUNNING", "PASSED", "FAILED"])
    steps = StepSerializer(many=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class DriftSerializer(serializers.Serializer):
    dataset = serializers.CharField()
    column = serializers.CharField(help_text="Empty: the whole dataset.")
    what = serializers.ChoiceField(["added", "dropped", "retyped"])
    before = serializers.CharField()
    after = serializers.CharField()


class DiscoverySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(["RUNNING", "DONE", "FAILED"])
    drift = DriftSerializer(many=True)
    failure = serializers.CharField()
    datasets = serializers.IntegerField()
    columns = serializers.IntegerField()
    ended_at = serializers.DateTimeField(allow_null=True)


@extend_schema(methods=["GET"], tags=["sources"], responses=ConnectionSerializer(many=True))
@extend_schema(methods=["POST"], tags=["sources"], request=NewConnectionSerializer, responses={201: ProposedSerializer})
@api_view(["GET", "POST"])
def connections(request: Request) -> Response:
    """The connections that you may see. POST proposes a new one, or the next version of one with that short name."""
    if request.method == "POST":
        return _propose(request)
    access.require(actor(request), "connection.view")
    rows = [_connection(card.connection, card.definition) for card in selectors.cards(actor(request))]
    return Response(ConnectionSerializer(rows, many=True).data)


def _propose(request: Request) -> Response:
    # Not remembered by Idempotency-Key: not even a hash of a password is stored. A second proposal is a Conflict.
    who = actor(request)
    access.require(who, "connection.propose")
    body = read(request, NewConnectionSerializer)
    team = next((one for one in accounts.teams(who) if one.slug == body["team"]), None)
    if team is None:
        raise NotFound("There is no such team, or none that you are in.", field="team")
    row = next((one for one in selectors.connections(who) if (one.team_id, one.slug) == (team.id, body["slug"])), None)
    held = selectors.active(row) if row else None
    kind = connector(body["kind"])
    settings = kind.settings.from_json(body["settings"])
    entered: dict[definition.Purpose, services.Entered] = {
        purpose: services.Entered(one["user"], one["password"], one["client_key"]) if one else services.Entered("", "")
        for purpose in definition.PURPOSES
        for one in [body[purpose]]
    }
    change = changes.propose(
        actor=who,
        kind="connection",
        team_id=team.id,
        proposal={
            "slug": body["slug"],
            "name": body["name"],
            "kind": kind.kind,
            "definition": {
                "format": definition.FORMAT,
                "kind": kind.kind,
                "settings": settings.as_json(),
                "zone": body["zone"],
                "region": body["region"],
                "credentials": services.credentials(
                    team_id=team.id,
                    settings=settings,
                    entered=entered,
                    held=held,
                    kind=kind.kind,
                    serves=[purpose for purpose in definition.PURPOSES if body[purpose] is not None],
                ),
            },
        },
        reason=body["reason"],
    )
    return Response({"change": change.number}, status=201)


@extend_schema(tags=["sources"], responses=ConnectionSerializer)
@api_view(["GET"])
def connection(request: Request, connection_id: UUID) -> Response:
    """One connection, as its active version says."""
    row = selectors.connection(actor(request), connection_id)
    return Response(ConnectionSerializer(_connection(row, selectors.active(row))).data)


def _connection(row: Any, says: definition.ConnectionDefinition) -> dict[str, Any]:
    users = {purpose: one.user for purpose, one in says.credentials.items()}
    return {
        "id": row.id,
        "team": row.team.slug,
        "slug": row.slug,
        "name": row.name,
        "kind": row.kind,
        "version": row.active_version,
        "settings": says.settings.as_json(),
        "serves": list(says.purposes),
        "zone": says.zone,
        "region": says.region,
        "read_user": users.get("read", ""),
        "write_user": users.get("write", ""),
    }


@extend_schema(tags=["sources"], parameters=[IDEMPOTENCY], request=None, responses={202: StartedSerializer})
@api_view(["POST"])
@idempotent
def test(request: Request, connection_id: UUID) -> Response:
    """Test the active version; the answer's id is where the result will be."""
    row = selectors.connection(actor(request), connection_id)
    document = selectors.active(row).as_document()
    proposal = {"slug": row.slug, "name": row.name, "kind": row.kind, "definition": document}
    batch = services.test_connection(actor=actor(request), team_id=row.team_id, proposal=proposal, connection_id=row.id)
    return Response({"id": str(batch)}, status=202)


test.__test__ = False  # type: ignore[attr-defined]


@extend_schema(tags=["sources"], responses=TestSerializer(many=True))
@api_view(["GET"])
def test_result(request: Request, batch: UUID) -> Response:
    """The steps of a test, read before write; a step appears as it ends."""
    return Response(TestSerializer(selectors.tests(actor(request), batch), many=True).data)


test_result.__test__ = False  # type: ignore[attr-defined]


@extend_schema(tags=["sources"], parameters=[IDEMPOTENCY], request=None, responses={202: StartedSerializer})
@api_view(["POST"])
@idempotent
def discover(request: Request, connection_id: UUID) -> Response:
    """Look at what the connection holds."""
    row = services.discover(actor=actor(request), connection_id=connection_id)
    return Response({"id": str(row.id)}, status=202)


@extend_schema(tags=["sources"], responses=DiscoverySerializer)
@api_view(["GET"])
def discovery(request: Request, discovery_id: UUID) -> Response:
    """How a discovery went, and how it differs from the one before."""
    return Response(DiscoverySerializer(selectors.discovery(actor(request), discovery_id)).data)


@extend_schema(tags=["sources"], responses=KindSerializer(many=True))
@api_view(["GET"])
def kinds_of_connections(request: Request) -> Response:
    """What can be connected, and what each kind asks for."""
    access.require(actor(request), "connection.view")
    return Response([_kind(one) for one in kinds()])


def _kind(one: Any) -> dict[str, Any]:
    said = {name: getattr(one, name) for name in ("kind", "label", "uses_credentials", "reads", "writes")}
    asked = ("name", "label", "help", "widget", "choices", "initial", "required", "advanced")
    return {**said, "fields": [{name: getattr(field, name) for name in asked} for field in one.fields]}
