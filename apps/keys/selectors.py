"""Reads the public half of keys: what to seal to, what verifies, which versions there are, and who is locked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.core import beats
from apps.dataplane.errors import Locked

from .holders import DEFAULT_DOMAIN
from .models import Key

SILENT = timedelta(seconds=60)


@dataclass(frozen=True)
class PublicKey:
    """The half of a key pair that everybody may hold."""

    id: UUID
    version: int
    public: bytes


def public(holder: str, purpose: str, version: int | None = None) -> PublicKey:
    """The public key of a class: the active one to seal to, or the version that a signature names. Raises Locked."""
    keys = Key.objects.filter(holder=holder, purpose=purpose, domain="")
    keys = keys.filter(state=Key.ACTIVE) if version is None else keys.filter(version=version)
    found = keys.values_list("id", "version", "public").first()
    if found is None:
        raise Locked(
            _("The %(holder)s process has not made its key %(purpose)s yet.") % {"holder": holder, "purpose": purpose},
            remedy=_("Start it with its key file, then try again."),
        )
    return PublicKey(found[0], found[1], bytes(found[2]))


def domains() -> list[str]:
    """The key domains there are."""
    return list(_treatment_keys().order_by("domain").values_list("domain", flat=True))


def active_version(domain: str = DEFAULT_DOMAIN) -> int:
    """The version under which a domain's values are treated now; 0 when the domain has no key yet."""
    return _treatment_keys().filter(domain=domain).values_list("version", flat=True).first() or 0


def _treatment_keys() -> QuerySet[Key]:
    return Key.objects.filter(holder="extract", purpose="treatment", state=Key.ACTIVE)


def locked() -> list[str]:
    """Names of the living processes that were started without their key."""
    return [beat.name for beat in beats.alive(SILENT) if beat.locked]
