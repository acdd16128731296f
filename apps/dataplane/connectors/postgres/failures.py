"""What PostgreSQL or libpq complain about, as sentences for people.

Nothing that the server says is passed on, for its messages and DETAIL lines hold row values: a failure is told by its
SQLSTATE and by names of constraints and columns. Only failures to connect come without a SQLSTATE and are recognised
by libpq's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from apps.dataplane.errors import LockgateError, Refused, Unreachable

from .settings import PostgresSettings

RETRY = "Try again; if it happens again, ask whoever runs that database."


@dataclass(frozen=True)
class _Hint:
    words: tuple[str, ...]
    step: str
    field: str
    cause: str
    remedy: str


# In this order: the first that matches is told.
CONNECTING = (
    _Hint(
        ("could not translate host name", "failed to resolve host", "name or service not known", "name resolution"),
        "reach", "host", "no such host is known", "Check the host name for typing mistakes.",
    ),
    _Hint(
        ("connection refused",),
        "reach", "port", "nothing listens on that port", "Check the port, and that PostgreSQL is running there.",
    ),
    _Hint(
        ("timeout expired", "timed out", "connection timeout"),
        "reach", "host", "the host did not answer in time", "Check the host, and that no firewall stands between.",
    ),
    _Hint(
        ("unreachable", "no route to host"),
        "reach", "host", "there is no way to that host from here", "Check the host and the network.",
    ),
    _Hint(
        ("certificate present, but not private key", "could not load private key", "private key file",
         "certificate does not match private key"),
        "authenticate", "client_key", "the key of the client certificate is missing, has a passphrase, or is another's",
        "Paste the key that belongs to the client certificate, without a passphrase.",
    ),
    _Hint(
        ("could not read certificate file",),
        "authenticate", "client_certificate", "the client certificate cannot be read",
        "Paste the PEM text of the certificate again.",
    ),
    _Hint(
        ("could not read root certificate", "could not load root certificate"),
        "authenticate", "ca_certificate", "the CA certificate cannot be read",
        "Paste the PEM text of the certificate again.",
    ),
    _Hint(
        ("server certificate for",),
        "authenticate", "host", "its certificate is for another host name",
        "Enter the host as the certificate names it, or choose verify-ca.",
    ),
    _Hint(
        ("root certificate file", "certificate verify failed"),
        "authenticate", "ca_certificate", "its certificate could not be verified",
        "Paste the certificate of the authority that signed that server's, or choose another sslmode.",
    ),
    _Hint(
        ("certificate required", "requires a valid client certificate", "certificate authentication failed"),
        "authenticate", "client_certificate", "it asks for a client certificate that it trusts",
        "Paste the client certificate and its key.",
    ),
    _Hint(
        ("channel binding",),
        "authenticate", "channel_binding", "it offers no channel binding",
        "Set channel binding to prefer, or let the server use TLS with scram-sha-256.",
    ),
    _Hint(
        ("authentication method requirement",),
        "authenticate", "sslmode", "it asks for the password in clear text over a connection that may not be encrypted",
        "Set sslmode to require or stricter, or let the server use scram-sha-256.",
    ),
    _Hint(
        ("does not support ssl", "ssl error", "ssl connection has been"),
        "authenticate", "sslmode", "an encrypted connection could not be agreed on",
        "Choose an sslmode that the server offers.",
    ),
    _Hint(
        ("password authentication failed", "no password supplied"),
        "authenticate", "password", "the user name or the password is wrong", "Enter user and password again.",
    ),
    _Hint(
        ("no pg_hba.conf entry", "pg_hba.conf rejects"),
        "authenticate", "user", "its pg_hba.conf does not let this user in from here",
        "Add a line for this user, database and address to pg_hba.conf; some servers want sslmode require.",
    ),
    _Hint(
        ("is not permitted to log in", "role \""),
        "authenticate", "user", "this user may not sign in", "Use a role that exists and has LOGIN.",
    ),
    _Hint(
        ("permission denied for database",),
        "authenticate", "database", "this user may not connect to that database",
        "Grant CONNECT on the database to this user.",
    ),
    _Hint(
        ("database \"", "is not currently accepting connections"),
        "authenticate", "database", "there is no such database open to connections",
        "Check the name of the database; capital letters count.",
    ),
    _Hint(
        ("too many connections", "too many clients", "connection slots"),
        "authenticate", "host", "it has no free connection left", RETRY,
    ),
    _Hint(
        ("starting up", "shutting down", "in recovery mode"),
        "authenticate", "host", "the server is starting or stopping", RETRY,
    ),
    _Hint(
        ("closed the connection unexpectedly", "invalid response", "expected authentication request"),
        "authenticate", "port", "what answers there does not speak like PostgreSQL", "Check the port.",
    ),
)  # fmt: skip

LOST = ("08", "57P")
BUSY = {"40001": "another transaction got in the way", "40P01": "two transactions waited for each other"}
ABSENT = {"42P01": "a table", "3F000": "a schema", "42703": "a column", "42704": "a type"}
BROKEN = {
    "23502": "a NOT NULL",
    "23503": "a foreign key",
    "23505": "a unique",
    "23514": "a CHECK",
    "23P01": "an exclusion",
}


def cannot_connect(error: psycopg.Error, settings: PostgresSettings) -> Unreachable:
    """A failed psycopg.connect, told by libpq's words."""
    said = str(error).lower()
    start = f"Could not connect to PostgreSQL at {settings.address}"
    for hint in CONNECTING:
        if any(word in said for word in hint.words):
            return Unreachable(f"{start}: {hint.cause}.", step=hint.step, field=hint.field, remedy=hint.remedy)
    return Unreachable(
        f"{start}: it refused the connection.", step="authenticate", field="user", remedy="Check every setting."
    )


@contextmanager
def told(step: str, doing: str, *, columns: Sequence[str] = ()) -> Iterator[None]:
    """Turns psycopg errors into Unreachable or Refused. `doing` completes "Could not …"; `columns` may be named."""
    try:
        yield
    except psycopg.Error as error:
        failure = _translate(error, step, f"Could not {doing}", columns)
        # Whoever prints the whole chain of exceptions must not find the server's words there either.
        error.args = (f"SQLSTATE {error.sqlstate}",)
        raise failure from None


def _translate(error: psycopg.Error, step: str, start: str, columns: Sequence[str]) -> LockgateError:
    code = error.sqlstate or ""
    if not code or code.startswith(LOST):
        return Unreachable(f"{start}: the connection was lost or ended by the server.", step=step, remedy=RETRY)
    if code == "42501":
        return _forbidden(error, step, start)
    if code == "25006":
        return Unreachable(
            f"{start}: the server accepts no writes.", step=step, field="host", remedy="Use the primary server."
        )
    if code == "55P03":
        return Unreachable(f"{start}: somebody else holds a lock on it.", step=step, remedy=RETRY)
    if code == "57014":
        return Unreachable(f"{start}: it took too long and was cancelled.", step=step, remedy=RETRY)
    if code in BUSY:
        return Unreachable(f"{start}: {BUSY[code]}.", step=step, remedy=RETRY)
    if code.startswith("53"):
        return Unreachable(f"{start}: the server ran out of disk, memory or connections.", step=step, remedy=RETRY)
    return _refused(error, code, start, columns)


def _forbidden(error: psycopg.Error, step: str, start: str) -> LockgateError:
    if "row-level security" in (error.diag.message_primary or ""):
        return Refused(
            f"{start}: a row-level security policy would silently leave out rows.",
            remedy="Use a role with BYPASSRLS, or the owner of the table.",
        )
    return Unreachable(
        f"{start}: this user has no right to it.", step=step, field="user", remedy="Grant the right to this user."
    )


def _refused(error: psycopg.Error, code: str, start: str, columns: Sequence[str]) -> Refused:
    if code in ABSENT:
        return Refused(
            f"{start}: {ABSENT[code]} that it needs does not exist.", remedy="Discover the connection again."
        )
    if code.startswith("23"):
        name = error.diag.constraint_name or error.diag.column_name
        named = f" ({name})" if name else ""
        return Refused(
            f"{start}: it would break {BROKEN.get(code, 'a')} constraint{named}.",
            remedy="Change the constraint, or the rows and treatments that break it.",
        )
    if code.startswith("22"):
        where = _column(error, columns)
        return Refused(
            f"{start}: a value{where} does not fit its type (SQLSTATE {code}).",
            remedy="Compare the types on both sides, and what the treatment puts out.",
        )
    return Refused(f"{start}: PostgreSQL refused (SQLSTATE {code}).", remedy="Look the code up in the server's log.")


def _column(error: psycopg.Error, columns: Sequence[str]) -> str:
    """COPY's context names the column before the value; only names that we know are repeated."""
    context = error.diag.context or ""
    places = {column: context.find(f", column {column}: ") for column in columns}
    found = {column: place for column, place in places.items() if place >= 0}
    return f" of column {min(found, key=lambda column: found[column])}" if found else ""
