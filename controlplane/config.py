"""Reads the LOCKGATE_ environment strictly: every setting is named here, and an unknown one is an error."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

ROLES = ("owner", "web", "worker", "gate", "publisher", "general", "scheduler", "applier", "notary")

SETTINGS: dict[str, str] = {
    "LOCKGATE_DATA": "the data directory (pg, keys, parts, quarantine, logs, broker, run, mail)",
    "LOCKGATE_ROLE": "the database role of this process: " + ", ".join(ROLES),
    "LOCKGATE_DATABASE_URL": "the control database, postgresql://user:password@host:port/name, for this process's role",
    "LOCKGATE_DATABASE_URL_SCHEDULER": "the control database for the scheduler loop of the control process",
    "LOCKGATE_DATABASE_URL_APPLIER": "the control database for the applier loop of the control process",
    "LOCKGATE_DATABASE_URL_NOTARY": "the control database for the notary loop of the control process",
    "LOCKGATE_BROKER_URL": "the message broker, redis://, redis+socket:// or amqp://",
    "LOCKGATE_SECRET_KEY_FILE": "a file that holds the web secret (sessions, password links)",
    "LOCKGATE_KEK_FILE": "the key-encryption key of this process's class; absent: the process is locked",
    "LOCKGATE_PORT": "the port that the web process listens on",
    "LOCKGATE_URL": "the address under which people reach Lockgate; links in mail start with it",
    "LOCKGATE_MAIL_URL": "smtp://user:password@host:port; absent: mail is written to files in the data directory",
    "LOCKGATE_MAIL_FROM": "the sender of mail",
    "LOCKGATE_DEBUG": "1 shows error pages to developers and the style guide; never in production",
    "LOCKGATE_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
}

# Read by the supervisor and the test command, not by Django; named so that they are not taken for mistakes.
OUTSIDE = ("LOCKGATE_TEST_", "LOCKGATE_BOOT_")


class ConfigError(Exception):
    """A setting is missing, unknown or malformed; the message names it and says what is expected."""


@dataclass(frozen=True)
class Config:
    """The settings of one process, parsed."""

    data: Path
    role: str
    database_url: str
    broker_url: str
    secret_key: str
    kek_file: Path | None
    url: str
    mail_url: str
    mail_from: str
    debug: bool
    log_level: str


def read(environment: Mapping[str, str] = os.environ) -> Config:
    """Parse the environment. Raises ConfigError naming the first setting at fault."""
    _refuse_unknown(environment)
    role = environment.get("LOCKGATE_ROLE", "web")
    if role not in ROLES:
        raise ConfigError(f"LOCKGATE_ROLE is {role!r}; it must be one of {', '.join(ROLES)}.")
    data = Path(environment.get("LOCKGATE_DATA") or Path(__file__).resolve().parent.parent / "var")
    kek = environment.get("LOCKGATE_KEK_FILE")
    return Config(
        data=data,
        role=role,
        database_url=environment.get("LOCKGATE_DATABASE_URL", ""),
        broker_url=environment.get("LOCKGATE_BROKER_URL", ""),
        secret_key=_secret(environment.get("LOCKGATE_SECRET_KEY_FILE")),
        kek_file=Path(kek) if kek else None,
        url=environment.get("LOCKGATE_URL") or f"http://127.0.0.1:{environment.get('LOCKGATE_PORT', '8420')}",
        mail_url=environment.get("LOCKGATE_MAIL_URL", ""),
        mail_from=environment.get("LOCKGATE_MAIL_FROM", "Lockgate <lockgate@localhost>"),
        debug=environment.get("LOCKGATE_DEBUG") == "1",
        log_level=_level(environment.get("LOCKGATE_LOG_LEVEL", "INFO")),
    )


def database(url: str) -> dict[str, object]:
    """Django's settings for a postgresql:// address; a socket directory may stand in `?host=`."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError("LOCKGATE_DATABASE_URL must start with postgresql://.")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {"connect_timeout": 10, **query},
    }


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in environment:
        if name.startswith("LOCKGATE_") and name not in SETTINGS and not name.startswith(OUTSIDE):
            raise ConfigError(f"{name} is no setting of Lockgate; known are {', '.join(sorted(SETTINGS))}.")


def _secret(path: str | None) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigError(f"LOCKGATE_SECRET_KEY_FILE cannot be read: {error.strerror}.") from error


def _level(name: str) -> str:
    if name not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError("LOCKGATE_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    return name
