"""Lets programs in: a bearer token becomes the Actor it stands for, within its scopes."""

from __future__ import annotations

from hmac import compare_digest

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from . import selectors, services


class TokenScheme(OpenApiAuthenticationExtension):
    """How the API's own description names the token."""

    target_class = "apps.accounts.authentication.TokenActor"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token of yours: lg_…"}


class TokenActor(TokenAuthentication):
    """`Authorization: Bearer lg_…`. Sets `request.actor`; ended tokens and inactive people are turned away."""

    def authenticate(self, request: Request):  # type: ignore[no-untyped-def]
        found = super().authenticate(request)
        if found:
            user, token = found
            request._request.actor = selectors.actor_of(user, request_id=getattr(request, "id", ""), token=token)  # type: ignore[attr-defined]
            services.token_used(token=token)
        return found

    def authenticate_credentials(self, token: bytes):  # type: ignore[no-untyped-def]
        digest = hash_token(token.decode("utf-8", "replace"))
        row = selectors.live_token(digest)
        if row is None or not compare_digest(row.digest, digest):
            raise AuthenticationFailed(_("This token is unknown, expired or revoked."))
        return self.validate_user(row)

    def authenticate_header(self, request: Request | None) -> str:
        return "Bearer"
