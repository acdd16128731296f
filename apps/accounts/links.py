"""Links that let somebody in once: signed tokens, made when the mail is sent and stored nowhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from apps.dataplane.errors import Locked

from .models import User


class _Reset(PasswordResetTokenGenerator):
    """Dies with the password, the address, the next sign-in and after PASSWORD_RESET_TIMEOUT."""

    key_salt = "lockgate.accounts.reset"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        return f"{super()._make_hash_value(user, timestamp)}{user.is_active}"


class _Invitation(_Reset):
    """Dies as well once the account is active."""

    key_salt = "lockgate.accounts.invitation"


RESET, INVITATION = _Reset(), _Invitation()


def invitation(user: User) -> str:
    """The address at which an invited person joins."""
    return _address("accounts:invitation", user, INVITATION)


def reset(user: User) -> str:
    """The address at which somebody chooses a new password."""
    return _address("accounts:reset", user, RESET)


def person_id(uid: str) -> UUID:
    """The person that the first part of a link names; nobody's id when it is none of ours."""
    try:
        return UUID(bytes=urlsafe_base64_decode(uid))
    except ValueError:
        return UUID(int=0)


def _address(view: str, user: User, generator: _Reset) -> str:
    if not settings.LOCKGATE.secret_key:
        raise Locked("This process was started without the web secret, so it cannot sign links.")
    uid = urlsafe_base64_encode(user.id.bytes)
    return urljoin(settings.LOCKGATE.url, reverse(view, args=[uid, generator.make_token(user)]))
