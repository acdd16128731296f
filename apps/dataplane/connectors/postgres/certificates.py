"""Gives certificates and a client key to libpq, which reads files only, for no longer than it takes to connect."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .settings import Credentials, PostgresSettings

# The authorities that this machine trusts; libpq accepts it with verify-full alone.
SYSTEM = "system"
NO_CLEARTEXT = "!password"
MAYBE_UNENCRYPTED = ("disable", "allow", "prefer")


@contextmanager
def offered(settings: PostgresSettings, credentials: Credentials) -> Iterator[dict[str, Any]]:
    """The parameters of libpq for the time of one attempt to connect."""
    with ExitStack() as files:
        said: dict[str, Any] = {"sslcertmode": "disable", "channel_binding": settings.channel_binding}
        # Said without a value, libpq 18 takes it for a demand that no method meets.
        if settings.sslmode in MAYBE_UNENCRYPTED:
            said["require_auth"] = NO_CLEARTEXT
        if settings.ca_certificate:
            said["sslrootcert"] = files.enter_context(_file(settings.ca_certificate))
        elif settings.sslmode == "verify-full":
            said["sslrootcert"] = SYSTEM
        if settings.client_certificate:
            # Without a key beside it libpq says so, and the sentence names the field.
            said["sslcertmode"] = "require"
            said["sslcert"] = files.enter_context(_file(settings.client_certificate))
            said["sslkey"] = files.enter_context(_file(credentials.client_key))
        yield said


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A path that leads to the text for this process alone."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("lockgate", os.MFD_CLOEXEC)
        try:
            # libpq refuses a key that others could read.
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, text.encode())
            yield f"/proc/{os.getpid()}/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile("w", prefix="lockgate-") as file:
        file.write(text)
        file.flush()
        yield file.name
