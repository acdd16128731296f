"""A browser and a program, as far as these tests need them: real requests to the running web process."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
MOST_BYTES = 5 << 20


@dataclass(frozen=True)
class Answer:
    """What came back; no redirect is followed."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Browser:
    """Keeps one connection and its cookies; `bearer` makes it a program with an API token."""

    port: int
    bearer: str = field(default="", repr=False)
    cookies: dict[str, str] = field(default_factory=dict, repr=False)
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def get(self, path: str, accept: str = "text/html") -> Answer:
        return self.ask("GET", path, accept=accept)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """JSON beneath /api/, else a form as the page gives it out."""
        if path.startswith("/api/"):
            return self.ask("POST", path, json.dumps(body or {}), "application/json", "application/json")
        return self.ask("POST", path, urlencode(body or {}), "text/html", "application/x-www-form-urlencoded")

    def sign_in(self, email: str, password: str) -> Answer:
        found = FORM_TOKEN.search(self.get("/login/").text)
        assert found, "the sign-in page has no form"
        values = {"csrfmiddlewaretoken": found.group(1), "email": email, "password": password}
        return self.post("/login/", values)

    def ask(self, verb: str, path: str, body: str | None = None, accept: str = "*/*", kind: str = "") -> Answer:
        headers = {"Accept": accept, **({"Content-Type": kind} if kind else {})}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.bearer:
            headers["Authorization"] = f"Bearer {self.bearer}"
        try:
            return self._send(verb, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self._connection = None  # The web process was restarted, or closed an idle connection.
            return self._send(verb, path, body, headers)

    def _send(self, verb: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._connection.request(verb, path, body.encode() if body is not None else None, headers)
        response = self._connection.getresponse()
        self._remember(response)
        text = response.read(MOST_BYTES).decode("utf-8", "replace")
        if not response.isclosed():
            self._connection.close()
            self._connection = None
        return Answer(response.status, dict(response.getheaders()), text)

    def _remember(self, response: http.client.HTTPResponse) -> None:
        for value in response.headers.get_all("Set-Cookie") or []:
            name, _, rest = value.partition("=")
            self.cookies[name.strip()] = rest.partition(";")[0]
