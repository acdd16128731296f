"""Becoming another of the demo's people: only in a demo installation, only between its own people, and audited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from apps.accounts import selectors as accounts
from apps.accounts.models import User
from apps.audit import services as audit
from apps.core.actor import Actor
from apps.dataplane.errors import Denied, NotFound

from .governed import DOMAIN

BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True)
class Somebody:
    """One of the demo's people, and what they are there for."""

    name: str
    role: str

    @property
    def label(self) -> str:
        return self.name.capitalize()


PEOPLE = (
    Somebody("alice", "engineer"),
    Somebody("bob", "steward, reviewer"),
    Somebody("erin", "steward, reviewer"),
    Somebody("dora", "auditor"),
    Somebody("admin", "administrator"),
    Somebody("charlie", "no role"),
)


def switch(request: HttpRequest, name: str) -> Actor:
    """Let the session be that person's from here on. Raises Denied and NotFound."""
    before: Actor = request.actor  # type: ignore[attr-defined]
    _require_demo(request)
    user = User.objects.filter(email=address(name), is_active=True).first() if name in known() else None
    if user is None:
        raise NotFound(f"Nobody of the demo is called {name[:40]}.")
    with transaction.atomic():
        audit.append(
            actor=before,
            action="demo.switched_user",
            subject=f"person/{user.id}",
            summary=f"became {user.name} in the demo",
        )
        login(request, user, backend=BACKEND)
    after = accounts.actor_of(user, request_id=before.request_id)
    request.actor = after  # type: ignore[attr-defined]
    return after


def address(name: str) -> str:
    return f"{name}@{DOMAIN}"


def known() -> frozenset[str]:
    """The names of those whom the demo made; nobody who was invited later can be become."""
    path = Path(settings.LOCKGATE.data) / "keys" / "demo-users.json"
    return frozenset(one.partition("@")[0] for one in json.loads(path.read_text())) if path.exists() else frozenset()


def name_of(request: HttpRequest) -> str:
    """The short name of whoever is signed in; empty for somebody who is not of the demo."""
    name, _at, domain = getattr(request.user, "email", "").partition("@")
    return name if domain == DOMAIN and name in known() else ""


def _require_demo(request: HttpRequest) -> None:
    if not settings.LOCKGATE.demo or not name_of(request):
        raise Denied(
            "Only the people of a demo can become one another.", remedy="Sign out, and sign in as the other person."
        )
