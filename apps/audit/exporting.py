"""Exports of the audit log: asked for by an auditor, written by the general worker, kept for a day.

The file's last line is its trailer: the search in words, the number of rows, and the SHA-256 of every byte before the
trailer. The same three stand in the log itself, as the event `audit.exported`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.jobs import Lease
from apps.core.spreadsheet import line
from apps.dataplane.errors import Conflict, Invalid, NotFound, Refused

from . import outcomes, proof
from .models import Event, Export
from .searching import FARTHEST, Filters, find
from .services import append

KEPT = timedelta(hours=24)
STEP = 1_000
WINDOW = 50_000
AT_ONCE = 3
FORMATS = ("csv", "jsonl")
COLUMNS = (
    "number", "at_utc", "at_local", "who", "who_kind", "who_id", "what", "action", "outcome", "subject", "team",
    "request", "detail", "event_id", "event_hash", "chain_hash",
)  # fmt: skip
TRAILER = "lockgate_audit_export"


@dataclass(frozen=True)
class Asked:
    """An export as its page shows it."""

    id: UUID
    created_at: datetime
    asked_by: str
    format: str
    filter_text: str
    state: str
    rows: int
    total: int
    size: int
    sha256: str
    failure: str
    expires_at: datetime | None

    @property
    def name(self) -> str:
        return f"audit-{self.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}.{self.format}"

    @property
    def waits(self) -> bool:
        return self.state in (Export.QUEUED, Export.RUNNING)


def request(*, actor: Actor, filters: Filters, format: str) -> Asked:
    """Have the events that fit written into a file. That they were asked for is an event itself."""
    access.require(actor, "audit.export")
    if format not in FORMATS:
        raise Invalid(_("An export is written as csv or jsonl."), field="format")
    with transaction.atomic():
        if Export.objects.filter(state__in=(Export.QUEUED, Export.RUNNING)).count() >= AT_ONCE:
            raise Refused(_("Three exports are being written already."), remedy=_("Wait until one of them has ended."))
        newest = find(Filters(), size=1).ids or (FARTHEST,)
        document = {"search": filters.as_json(), "zone": timezone.get_current_timezone_name()}
        export = Export(
            asked_by=actor.id, format=format, filters=document, filter_text=in_words(filters), until=newest[0]
        )
        export.save(force_insert=True)
        append(
            actor=actor,
            action="audit.export_requested",
            subject=f"audit-export/{export.id}",
            summary=_("asked for an export of the audit log"),
            detail={"search": filters.as_json(), "format": format},
        )
        jobs.enqueue("audit.export", subject=f"audit-export/{export.id}")
        export.refresh_from_db()
    return _asked(export)


def in_words(filters: Filters) -> str:
    """The search for people, one `name: value` after the other."""
    said = filters.as_json()
    said.pop("people", None)
    if "after" in said:
        said["after"] = filters.after.astimezone(UTC).isoformat(timespec="seconds") if filters.after else ""
    return "; ".join(f"{name}: {value}" for name, value in said.items()) or "every event"


def exports(actor: Actor, *, limit: int = 20) -> list[Asked]:
    """The newest exports, whoever asked for them."""
    access.require(actor, "audit.view")
    return [_asked(row) for row in Export.objects.order_by("-id")[:limit]]


def export(actor: Actor, export_id: UUID) -> Asked:
    """Raises Denied, NotFound."""
    access.require(actor, "audit.view")
    return _asked(_one(export_id))


def open_file(*, actor: Actor, export_id: UUID) -> tuple[Asked, BinaryIO]:
    """The finished file, for whoever may read the log; that it was taken is an event."""
    access.require(actor, "audit.export")
    row = _one(export_id)
    if row.state != Export.DONE:
        raise Conflict(_("This export has no file (any more)."), remedy=_("Ask for it again."))
    try:
        content = _place(row).open("rb")
    except FileNotFoundError as error:
        raise Conflict(_("The file of this export is gone."), remedy=_("Ask for it again.")) from error
    with transaction.atomic():
        append(
            actor=actor,
            action="audit.export_downloaded",
            subject=f"audit-export/{row.id}",
            summary=_("downloaded an export of the audit log"),
            detail={"sha256": row.sha256, "rows": row.rows},
        )
    return _asked(row), content


def _one(export_id: UUID) -> Export:
    row = Export.objects.filter(id=export_id).first()
    if row is None:
        raise NotFound(_("There is no such export."))
    return row


def _asked(row: Export) -> Asked:
    return Asked(
        row.id, row.created_at, row.asked_by, row.format, row.filter_text, row.state, row.rows, row.total, row.size,
        row.sha256, row.failure, row.expires_at,
    )  # fmt: skip


def _folder() -> Path:
    folder = settings.LOCKGATE.data / "exports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _place(row: Export) -> Path:
    return _folder() / str(row)


def write(*, lease: Lease) -> None:
    """The job `audit.export`: the file, whole or not at all, in bounded memory."""
    row = _one(UUID(lease.subject_id))
    if row.state not in (Export.QUEUED, Export.RUNNING):
        return
    Export.objects.filter(id=row.id).update(state=Export.RUNNING, rows=0)
    try:
        rows, size, digest = _write_file(row, lease)
    except OSError as error:
        _failed(row.id, _("The file could not be written: %(reason)s.") % {"reason": error.strerror})
        return
    with transaction.atomic():
        ended = now()
        Export.objects.filter(id=row.id).update(
            state=Export.DONE, rows=rows, size=size, sha256=digest, ended_at=ended, expires_at=ended + KEPT
        )
        append(
            actor=system("general"),
            action="audit.exported",
            subject=f"audit-export/{row.id}",
            summary=_("wrote an export of the audit log with %(rows)s rows") % {"rows": rows},
            detail={"filter": row.filter_text, "rows": rows, "sha256": digest, "asked_by": row.asked_by},
        )
        jobs.enqueue("audit.expire_export", subject=f"audit-export/{row.id}", delay=KEPT)


def _failed(export_id: UUID, sentence: str) -> None:
    Export.objects.filter(id=export_id).update(state=Export.FAILED, failure=sentence, ended_at=now())


def give_up(*, export_id: str, outcome: str) -> None:
    """The job died for good."""
    _failed(UUID(export_id), outcome)


def expire(*, lease: Lease) -> None:
    """The job `audit.expire_export`: the file goes; what it said stays in the log."""
    row = _one(UUID(lease.subject_id))
    _place(row).unlink(missing_ok=True)
    Export.objects.filter(id=row.id).update(state=Export.EXPIRED)


def _write_file(row: Export, lease: Lease) -> tuple[int, int, str]:
    unfinished = _place(row).with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    digest, rows = hashlib.sha256(), 0
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if row.format == "csv":
            _put(file, digest, line(COLUMNS))
        for events in _steps(row):
            lease.check()
            _put(file, digest, "".join(_text(row, event) for event in events))
            rows += len(events)
            Export.objects.filter(id=row.id).update(rows=rows)
        file.write(trailer(row.format, row.filter_text, rows, digest.hexdigest()).encode())
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    unfinished.replace(_place(row))
    return rows, size, digest.hexdigest()


def _put(file: BinaryIO, digest: Any, text: str) -> None:
    content = text.encode("utf-8", "replace")
    digest.update(content)
    file.write(content)


def trailer(format: str, filter_text: str, rows: int, sha256: str) -> str:
    """The last line of an export. The hash is that of every byte before this line."""
    if format == "csv":
        return line([TRAILER, f"filter: {filter_text}", f"rows: {rows}", f"sha256: {sha256}"])
    said = {"format": 1, "filter": filter_text, "rows": rows, "sha256": sha256}
    return json.dumps({TRAILER: said}, ensure_ascii=False) + "\n"


def _steps(row: Export) -> Iterator[list[Event]]:
    """The events that fit, oldest first, so many at a time."""
    filters, last = Filters.from_json(row.filters["search"]), None
    with timezone.override(ZoneInfo(row.filters["zone"])):
        while True:
            found = find(filters, last=last, newer=True, upto=row.until, size=STEP, window=WINDOW)
            if found.ids:
                rows = Event.objects.filter(id__in=found.ids).select_related("detail", "sequenced").order_by("id")
                yield list(rows)
            last = found.reached or (found.ids[-1] if len(found.ids) == STEP else None)
            if last is None:
                return


def _text(row: Export, event: Event) -> str:
    body = json.loads(bytes(event.body))
    detail, link = getattr(event, "detail", None), getattr(event, "sequenced", None)
    said = json.loads(bytes(detail.body)) if detail else {}
    if row.format == "jsonl":
        return json.dumps(_whole(event, said, detail, link), ensure_ascii=False) + "\n"
    at = datetime.fromisoformat(body["at"])
    more = {key: value for key, value in said.items() if key not in ("actor_name", "summary")}
    return line([
        link.number if link else "", body["at"], timezone.localtime(at).isoformat(timespec="seconds"),
        said.get("actor_name", ""), body["actor"]["kind"], event.actor_id, said.get("summary", ""), event.action,
        outcomes.of_action(event.action), event.subject, event.team_id, body["request"],
        json.dumps(more, ensure_ascii=False) if more else "", event.id,
        proof.event_hash(bytes(event.body)).hex(), bytes(link.chain_hash).hex() if link else "",
    ])  # fmt: skip


def _whole(event: Event, said: Mapping[str, Any], detail: Any, link: Any) -> dict[str, Any]:
    """Everything with which the event's hash, its detail's hash and its link can be computed again."""
    return {
        "number": link.number if link else None,
        "event": bytes(event.body).decode(),
        "event_hash": proof.event_hash(bytes(event.body)).hex(),
        "chain_hash": bytes(link.chain_hash).hex() if link else None,
        "detail": bytes(detail.body).decode() if detail else None,
        "salt": bytes(detail.salt).hex() if detail else None,
        "who": said.get("actor_name", ""),
        "what": said.get("summary", ""),
    }
