"""A run's page while it runs: fragments of html as server-sent events, resumed after the last log line received."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import StreamingHttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts import selectors as accounts
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.http import PageRequest
from apps.dataplane.errors import LockgateError

from . import presenting, selectors

POLL_SECONDS = 1.0
LIFE_SECONDS = 600.0
QUIET_SECONDS = 15.0
# Whoever loses a role loses the stream within this many polls.
POLLS_BETWEEN_CHECKS = 10
LINES_AT_ONCE = 500
RETRY = "retry: 1000\n\n"
# A comment keeps proxies from closing a quiet connection.
ALIVE = ": still here\n\n"
CONCLUDED = "event: concluded\ndata: ended\n\n"
_LINE_END = re.compile(r"\r\n|\r|\n")


@require_safe
async def events(request: PageRequest, number: int) -> StreamingHttpResponse:
    """Steps, progress, buttons and the tail of the log, until the run has ended or the connection is old enough."""
    watch = await sync_to_async(Watch.begin)(request, number)
    response = StreamingHttpResponse(stream(watch), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def stream(watch: Watch) -> AsyncIterator[str]:
    """Looks about once a second. After `LIFE_SECONDS` it ends, and the client comes back with its last event id."""
    began = quiet_since = time.monotonic()
    yield RETRY
    while time.monotonic() - began < LIFE_SECONDS:
        try:
            told = await sync_to_async(watch.look)()
        except LockgateError:
            return  # They may no longer see it; a reconnect gets the refusal itself.
        for event in told:
            yield event
        if watch.ended:
            yield CONCLUDED
            return
        if told:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            yield ALIVE
            quiet_since = time.monotonic()
        if not watch.behind:
            await asyncio.sleep(POLL_SECONDS)


@dataclass
class Watch:
    """One reader of one run: what they have been sent, and as whom they look."""

    actor: Actor
    number: int
    zone: tzinfo
    csrf_token: str = field(repr=False)
    last: int = 0
    looks: int = 0
    ended: bool = False
    behind: bool = False
    sent: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def begin(cls, request: PageRequest, number: int) -> Watch:
        """Raises NotFound for a run that this person may not see."""
        actor = request.actor
        try:
            selectors.run(actor, number)
            last = last_event(request.headers.get("Last-Event-ID", "") or request.GET.get("after", ""))
            return cls(actor, number, timezone.get_current_timezone(), get_token(request), last)
        finally:
            _give_back()

    def look(self) -> list[str]:
        """The events that are news since the last look."""
        try:
            self._check()
            with timezone.override(self.zone):
                return list(self._news())
        finally:
            # A stream lives long: between two looks its connection belongs to others.
            _give_back()

    def _check(self) -> None:
        self.looks += 1
        if self.looks % POLLS_BETWEEN_CHECKS == 0:
            self.actor = accounts.actor_of(accounts.profile(self.actor), request_id=self.actor.request_id)

    def _news(self) -> Iterator[str]:
        run = selectors.run(self.actor, self.number)
        lines = selectors.log_after(run, self.last, LINES_AT_ONCE)
        self.behind = len(lines) == LINES_AT_ONCE
        self.last = lines[-1].id if lines else self.last
        self.ended = run.ended and not self.behind
        if lines:
            log = {"lines": presenting.log_lines(lines)}
            yield self._event(render_to_string("runs/_live_log.html", log))
        changed = [part for part in self._parts(run) if part]
        if changed:
            yield self._event("".join(changed))

    def _parts(self, run: Any) -> Iterator[str]:
        """Only what differs from what was sent: an open dialog in a part that stays the same stays open."""
        shown = presenting.page(self.actor, run, now()) | {"csrf_token": self.csrf_token}
        names = ("state", "actions", "outcome") if self.ended else ("state", "actions", "progress")
        for name in names:
            html = render_to_string(f"runs/_live_{name}.html", shown)
            if self.sent.get(name) != html:
                self.sent[name] = html
                yield html

    def _event(self, html: str) -> str:
        """The whole of `html` is data: no line of it can begin an event or a field of its own."""
        data = "".join(f"data: {line}\n" for line in _LINE_END.split(html))
        return f"id: {self.last}\n{data}\n"


def _give_back() -> None:
    """The connection goes back to the pool, unless a transaction of the caller's is open on it."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def last_event(text: str) -> int:
    """The id of the last log line received; 0, so everything, for what is none of ours."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
