"""Reads the public half of keys: what to seal to, what verifies, which versions there are, and who is locked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from apps.core import access, beats
from apps.core.actor import Actor
from apps.dataplane.errors import Locked

from .holders import DEFAULT_DOMAIN
from .models import Key, KeyFile

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


@dataclass(frozen=True)
class Row:
    """A key as the page shows it: never more than its public half."""

    id: UUID
    holder: str
    purpose: str
    domain: str
    version: int
    state: str
    created_at: datetime
    public: str


@dataclass(frozen=True)
class File:
    """A key file, and whether a copy of it is known. `copied_at` is None when there is none of this very file."""

    holder: str
    place: str
    seen_at: datetime
    copied_at: datetime | None
    copied_by: str


def keyring(actor: Actor) -> list[Row]:
    """Every version of every key: for administrators and auditors. There are a few dozen."""
    access.require(actor, "key.view")
    rows = Key.objects.order_by("holder", "purpose", "domain", "-version").defer("wrapped")
    return [
        Row(
            row.id, row.holder, row.purpose, row.domain, row.version, row.state, row.created_at,
            bytes(row.public).hex(),
        )
        for row in rows
    ]  # fmt: skip


def files(actor: Actor) -> list[File]:
    """The key files that the processes were started with."""
    access.require(actor, "key.view")
    return [_file(row) for row in KeyFile.objects.order_by("holder")]


def _file(row: KeyFile) -> File:
    held = row.copied_at if row.copied_begins == row.begins else None
    return File(row.holder, row.place, row.seen_at, held, row.copied_by if held else "")


def backed_up_at() -> datetime | None:
    """Since when somebody has said that every key file is copied; None while one is not, or is another one now."""
    copied = [_file(row).copied_at for row in KeyFile.objects.all()]
    return min((at for at in copied if at), default=None) if copied and all(copied) else None


def not_copied() -> bool:
    """Whether a process runs with a key file of which nobody has said that a copy is kept."""
    return KeyFile.objects.exclude(copied_begins=F("begins")).exists()


def locked() -> list[str]:
    """Names of the living processes that were started without their key."""
    return [beat.name for beat in beats.alive(SILENT) if beat.locked]
