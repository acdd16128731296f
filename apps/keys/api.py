"""The keys of the installation, for programs: public halves only."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api import IDEMPOTENCY, actor, idempotent, read

from . import selectors, services


class KeySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    holder = serializers.CharField(help_text="The class of process whose key file wraps it.")
    purpose = serializers.CharField()
    domain = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(["ACTIVE", "RETIRED", "DESTROYED"])
    created_at = serializers.DateTimeField()
    public = serializers.CharField(help_text="In hexadecimal; empty for a symmetric key.")


class KeyFileSerializer(serializers.Serializer[Any]):
    holder = serializers.CharField()
    place = serializers.CharField()
    seen_at = serializers.DateTimeField()
    copied_at = serializers.DateTimeField(allow_null=True)


class KeyringSerializer(serializers.Serializer[Any]):
    keys = KeySerializer(many=True)
    files = KeyFileSerializer(many=True)


class CopiedSerializer(serializers.Serializer[Any]):
    begins = serializers.DictField(
        child=serializers.RegexField(r"^[0-9A-Fa-f]{8}$"),
        help_text="By class, such as extract: the first eight characters of the SHA-256 of the copy.",
    )


@extend_schema(tags=["keys"], responses=KeyringSerializer)
@api_view(["GET"])
def keys(request: Request) -> Response:
    """Every key with its public half, and the key files with the copies that are known."""
    who = actor(request)
    return Response(KeyringSerializer({"keys": selectors.keyring(who), "files": selectors.files(who)}).data)


@extend_schema(tags=["keys"], parameters=[IDEMPOTENCY], request=CopiedSerializer, responses={204: None})
@api_view(["POST"])
@idempotent
def copied(request: Request) -> Response:
    """Say that copies of key files are kept, and prove it with the beginning of their hashes."""
    services.confirm_copied(actor=actor(request), begins=read(request, CopiedSerializer)["begins"])
    return Response(status=204)
