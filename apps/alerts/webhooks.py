"""Sends one signed webhook: to a pinned address, within a time, following nothing, reading little.

The header `Lockgate-Signature: t=<unix seconds>,kid=<key id>,v1=<hex>` holds HMAC-SHA256 of `<t>.<delivery id>.<body>`.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from apps.dataplane.errors import Refused, Unreachable

from . import addresses
from .addresses import Allowed, Target

TIMEOUT = 10.0
LONGEST_BODY = 64 * 1024
LONGEST_ANSWER = 16 * 1024
LONGEST_WAIT = 6 * 3600.0
AGAIN = frozenset({408, 425, 429})
SIGNATURE, DELIVERY, EVENT = "Lockgate-Signature", "Lockgate-Delivery", "Lockgate-Event"


@dataclass(frozen=True)
class Key:
    """The shared secret and the public id that tells the receiver which one it is."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What the receiver said. `retry_after` is in seconds; None where it did not say."""

    status: int
    retry_after: float | None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def worth_another_try(self) -> bool:
        return self.status in AGAIN or self.status >= 500


def sign(key: Key, *, delivery: str, body: bytes, at: int) -> str:
    """The value of the signature header."""
    message = f"{at}.{delivery}.".encode() + body
    digest = hmac.new(key.secret.encode(), message, hashlib.sha256).hexdigest()
    return f"t={at},kid={key.id},v1={digest}"


def verify(header: str, *, secret: str, delivery: str, body: bytes, now: float, tolerance: float = 300.0) -> bool:
    """The receiver's side, as the guide describes it: fresh, and signed with the secret."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    if not parts.get("t", "").isdecimal() or abs(now - int(parts["t"])) > tolerance:
        return False
    expected = sign(Key(parts.get("kid", ""), secret), delivery=delivery, body=body, at=int(parts["t"]))
    return hmac.compare_digest(expected, header)


def post(target: Target, key: Key, *, delivery: str, event: str, body: bytes, allowed: Allowed) -> Answer:
    """Send it once. Raises Refused for an address that must not be reached, Unreachable when nobody answers in time."""
    if len(body) > LONGEST_BODY:
        raise Refused("The message is longer than 64 KiB, so it was not sent.")
    pinned = addresses.resolve(target, allowed)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Lockgate",
        DELIVERY: delivery,
        EVENT: event,
        SIGNATURE: sign(key, delivery=delivery, body=body, at=int(time.time())),
    }
    connection = _connection(target, pinned)
    try:
        return _exchange(connection, target.path, headers, body)
    except ssl.SSLCertVerificationError:
        raise _unreachable("secure", f"The certificate of {target.host} is not one that this machine trusts.") from None
    except TimeoutError:
        raise _unreachable("answer", f"{target.host} did not answer within {TIMEOUT:.0f} seconds.") from None
    except (OSError, http.client.HTTPException) as error:
        sentence = f"{target.host} could not be reached or spoke no HTTP ({type(error).__name__})."
        raise _unreachable("reach", sentence) from None
    finally:
        connection.close()


def _unreachable(step: str, sentence: str) -> Unreachable:
    remedy = "Check the address, and that the receiver is up and reachable from the machine that Lockgate runs on."
    return Unreachable(sentence, step=step, remedy=remedy, field="url")


class _PinnedHTTP(http.client.HTTPConnection):
    """Connects to the address that was looked at, whatever the name resolves to by now."""

    pinned: str = ""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.pinned, self.port), self.timeout)


class _PinnedHTTPS(http.client.HTTPSConnection):
    """The same, with the certificate checked against the name."""

    pinned: str = ""
    context: ssl.SSLContext

    def connect(self) -> None:
        plain = socket.create_connection((self.pinned, self.port), self.timeout)
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)


def _connection(target: Target, pinned: str) -> http.client.HTTPConnection:
    if target.scheme == "http":
        plain = _PinnedHTTP(target.host, target.port, timeout=TIMEOUT)
        plain.pinned = pinned
        return plain
    secure = _PinnedHTTPS(target.host, target.port, timeout=TIMEOUT)
    secure.pinned, secure.context = pinned, ssl.create_default_context()
    return secure


def _exchange(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection.connect()
    # A receiver that drips its answer byte by byte never runs into the timeout of a single read.
    end = threading.Timer(TIMEOUT, _hang_up, args=[connection.sock])
    end.start()
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        response = connection.getresponse()
        with suppress(OSError, http.client.HTTPException):  # Beyond the status, what it says is not wanted.
            response.read(LONGEST_ANSWER)
    finally:
        end.cancel()
    return Answer(response.status, retry_after(response.headers.get("Retry-After", ""), time.time()))


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def retry_after(value: str, now: float) -> float | None:
    """Seconds to wait, from either form of the header, at most six hours; None for nothing or nonsense."""
    text = value.strip()
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return min(float(text), LONGEST_WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), LONGEST_WAIT)
    except (ValueError, TypeError, IndexError):
        return None
