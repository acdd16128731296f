"""Channels and routes as the applier would have made them, and servers on loopback to send to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.accounts.models import Team
from apps.alerts.models import Channel, ChannelVersion, Route, RouteVersion

SECRET = "a-secret-of-the-tests-that-is-long-enough"
WEBHOOK = {
    "format": 1,
    "url": "https://hooks.example.org/in",
    "secret": {"sealed": "AAAA", "key": 1, "id": "0a1b2c3d"},
}
ROUTE = {
    "format": 1, "levels": ["ERROR", "WARN"], "subject": "*", "channels": ["pager"], "owners": True, "people": [],
    "recoveries": False,
}  # fmt: skip


def webhook_channel(definition: dict[str, Any] | None = None, slug: str = "pager") -> Channel:
    channel = Channel.objects.create(slug=slug, name="Pager", kind="webhook", active_version=1)
    says = definition or WEBHOOK
    ChannelVersion.objects.create(channel=channel, number=1, definition=says, hash="x", change="change/x")
    return channel


def mail_channel(definition: dict[str, Any]) -> Channel:
    channel = Channel.objects.create(slug="mail", name="Mail", kind="smtp", active_version=1)
    ChannelVersion.objects.create(channel=channel, number=1, definition=definition, hash="x", change="change/x")
    return channel


def alert_route(team: Team | None, slug: str = "to-the-pager", **says: Any) -> Route:
    route = Route.objects.create(team=team, slug=slug, name="To the pager", active_version=1)
    RouteVersion.objects.create(route=route, number=1, definition={**ROUTE, **says}, hash="x", change="change/x")
    return route


@dataclass
class Received:
    """What a server got."""

    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    mails: list[tuple[str, list[str], str]] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@contextmanager
def receiver(*answers: tuple[int, dict[str, str]]) -> Iterator[Received]:
    """An HTTP server that answers each POST with the next of these, the last one again and again."""
    got, left = Received(), list(answers) or [(204, {})]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.requests.append((self.path, dict(self.headers.items()), body))
            status, headers = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    got.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class _Conversation:
    """One client of the mail server."""

    got: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    refuse: str
    offers: tuple[str, ...]
    sender: str = ""
    recipients: list[str] = field(default_factory=list)

    async def go(self) -> None:
        await self.say("220 mail.test")
        while line := (await self.reader.readline()).decode("latin-1").strip():
            verb = line[:4].upper()
            if verb == self.refuse:
                await self.say("535 no" if verb == "AUTH" else "550 no")
            elif verb == "EHLO":
                await self.say("250-mail.test", *(f"250-{offer}" for offer in self.offers), "250 SIZE 1000000")
            elif verb == "DATA":
                await self.take()
            else:
                self.note(verb, line)
                await self.say({"AUTH": "235 in", "QUIT": "221 bye"}.get(verb, "250 ok"))
            if verb == "QUIT":
                break
        self.writer.close()

    def note(self, verb: str, line: str) -> None:
        if verb == "AUTH":
            self.got.logins.append(line)
        elif verb == "MAIL":
            self.sender, self.recipients = line, []
        elif verb == "RCPT":
            self.recipients.append(line)

    async def take(self) -> None:
        await self.say("354 go on")
        body = (await self.reader.readuntil(b"\r\n.\r\n")).decode()
        self.got.mails.append((self.sender, self.recipients, body))
        await self.say("250 taken")

    async def say(self, *lines: str) -> None:
        self.writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self.writer.drain()


@contextmanager
def mail_server(*, refuse: str = "", offers: tuple[str, ...] = ()) -> Iterator[Received]:
    """A small SMTP server. `refuse` names the verb that it answers with 550 (535 for AUTH)."""
    got, ready, loop = Received(), threading.Event(), asyncio.new_event_loop()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Conversation(got, reader, writer, refuse, offers).go()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        got.port = server.sockets[0].getsockname()[1]
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield got
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
