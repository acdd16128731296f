"""Makes the keys of a process class and opens them, in a process that was started with the class's KEK."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.dataplane.crypto import keywrap
from apps.dataplane.errors import Invalid, Locked, NotFound, Refused

from .holders import DEFAULT_DOMAIN, HOLDER_OF_ROLE, HOLDERS, Purpose, place, treatment
from .models import Key, KeyFile

KEK_CHARACTERS = 64
BEGINS = 8


@dataclass(frozen=True)
class OpenKey:
    """A key in the clear: 32 bytes, or a private key. It never leaves the process."""

    version: int
    secret: bytes = field(repr=False)


def create_missing(holder: str, kek: bytes, *, domains: Iterable[str] = ()) -> int:
    """Make what the class lacks, once however many processes start together; returns how many keys were made.

    Raises Locked, and makes nothing, when the keys there are were wrapped by another KEK.
    """
    purposes = (*HOLDERS[holder], *(treatment(domain) for domain in domains))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"keys/{holder}"])
        held = list(Key.objects.filter(holder=holder).order_by("id"))
        _require_same_kek(kek, held)
        known = {(key.purpose, key.domain) for key in held}
        missing = [purpose for purpose in purposes if (purpose.name, purpose.domain) not in known]
        for purpose in missing:
            _make(holder, kek, purpose)
    return len(missing)


def _require_same_kek(kek: bytes, held: Sequence[Key]) -> None:
    usable = next((key for key in held if key.state != Key.DESTROYED), None)
    if usable:
        _unwrap(kek, usable)


def _make(holder: str, kek: bytes, purpose: Purpose) -> None:
    secret, version = purpose.make(), 1
    wrapped = keywrap.wrap(kek, secret.private, place=place(holder, purpose.name, purpose.domain, version))
    key = Key(
        holder=holder,
        purpose=purpose.name,
        domain=purpose.domain,
        version=version,
        public=secret.public,
        wrapped=wrapped,
    )
    key.save(force_insert=True)
    audit.append(
        actor=system(holder),
        action="key.created",
        subject=f"key/{key.id}",
        summary=_("made the key %(key)s") % {"key": key},
        detail={"holder": holder, "purpose": purpose.name, "domain": purpose.domain, "version": version},
    )


def ensure_domains(domains: Iterable[str]) -> int:
    """Make the treatment keys that these domains lack. Only the extract worker can; Locked elsewhere."""
    holder, kek = _own_kek()
    if holder != "extract":
        raise _locked()
    return create_missing(holder, kek, domains=sorted(set(domains) - {DEFAULT_DOMAIN}))


def open_key(purpose: str, domain: str = "", version: int | None = None) -> OpenKey:
    """Open a key of this process's class: the active version, or the one that a plan names.

    Raises Locked without the right KEK, NotFound for a key that was never made, Refused for one that was destroyed.
    """
    holder, kek = _own_kek()
    if purpose == "treatment":
        domain = domain or DEFAULT_DOMAIN
    keys = Key.objects.filter(holder=holder, purpose=purpose, domain=domain)
    key = (keys.filter(state=Key.ACTIVE) if version is None else keys.filter(version=version)).first()
    name = "/".join(filter(None, (purpose, domain, str(version or ""))))
    if key is None:
        raise NotFound(_("There is no key %(name)s.") % {"name": name})
    if key.state == Key.DESTROYED:
        raise Refused(_("The key %(name)s was destroyed; nothing that it protects opens again.") % {"name": name})
    return OpenKey(key.version, _unwrap(kek, key))


def _unwrap(kek: bytes, key: Key) -> bytes:
    where = place(key.holder, key.purpose, key.domain, key.version)
    return keywrap.unwrap(kek, bytes(key.wrapped), place=where)


def unlock() -> str:
    """Make what this process's class lacks, at its start; returns the class, empty for one that holds no keys."""
    if settings.LOCKGATE.role not in HOLDER_OF_ROLE:
        return ""
    holder, kek = _own_kek()
    create_missing(holder, kek)
    _note_key_file(holder, Path(settings.LOCKGATE.kek_file or ""))
    return holder


def _note_key_file(holder: str, path: Path) -> None:
    """Say which key file this process was started with, so that somebody can prove to have a copy of it."""
    begins = hashlib.sha256(path.read_bytes()).hexdigest()[:BEGINS]
    KeyFile.objects.update_or_create(
        holder=holder, defaults={"begins": begins, "place": str(path)[:400], "seen_at": Now()}
    )  # fmt: skip


def confirm_copied(*, actor: Actor, begins: Mapping[str, str]) -> None:
    """Somebody says that copies of these key files are kept elsewhere, and proves it: `begins` maps each class to the
    first eight characters of the SHA-256 of the copy. Raises Invalid naming the class whose copy is another file.
    """
    access.require(actor, "key.confirm")
    with transaction.atomic():
        files = {row.holder: row for row in KeyFile.objects.select_for_update().order_by("holder")}
        for holder, typed in begins.items():
            _require_copy(files.get(holder), holder, typed.strip().lower())
        if not begins:
            raise Invalid(_("Type the beginning of at least one hash."))
        for holder in begins:
            now_held = files[holder].begins
            KeyFile.objects.filter(holder=holder).update(copied_begins=now_held, copied_at=now(), copied_by=actor.id)
        audit.append(
            actor=actor,
            action="key.backed_up",
            subject="keys",
            summary=_("said that the key files of %(names)s are copied") % {"names": ", ".join(sorted(begins))},
            detail={"holders": sorted(begins)},
        )


def _require_copy(file: KeyFile | None, holder: str, typed: str) -> None:
    if file is None:
        raise Invalid(_("No process was started with a key file of this class yet."), field=holder)
    if typed != file.begins:
        raise Invalid(
            _("The copy of %(name)s is another file: its SHA-256 begins otherwise.") % {"name": f"{holder}.kek"},
            remedy=_("Copy the file again and type the first eight characters that `sha256sum` shows for the copy."),
            field=holder,
        )


def _own_kek() -> tuple[str, bytes]:
    holder, path = HOLDER_OF_ROLE.get(settings.LOCKGATE.role), settings.LOCKGATE.kek_file
    if not holder or not path:
        raise _locked()
    return holder, read_kek(path)


def read_kek(path: Path) -> bytes:
    """The key-encryption key in a file: 64 hexadecimal characters. Raises Locked, without ever showing what it read."""
    try:
        text = path.read_text().strip()
        if len(text) == KEK_CHARACTERS:
            return bytes.fromhex(text)
    except (OSError, ValueError):
        pass
    raise Locked(
        _("The key file %(name)s is missing, unreadable or no key.") % {"name": path.name},
        remedy=_("Restore it from the backup of the keys directory and start the process again."),
    )


def _locked() -> Locked:
    return Locked(
        _("This process (%(role)s) was started without its key, so nothing opens.") % {"role": settings.LOCKGATE.role},
        remedy=_("Start it with LOCKGATE_KEK_FILE naming the key of its class."),
    )
