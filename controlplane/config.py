"""Reads the LOCKGATE_ environment strictly: every setting is named here, and an unknown one is an error."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

ROLES = ("owner", "web", "worker", "gate", "publisher", "general", "scheduler", "applier", "notary")

SETTINGS: dict[str, str] = {
    "LOCKGATE_DATA": "the data directory (pg, keys, parts, quarantine, logs, broker, run, mail, files)",
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
    "LOCKGATE_WEBHOOK_NETWORKS": "private networks that webhooks may reach, as 10.1.0.0/16, by comma; none if absent",
    "LOCKGATE_WEBHOOK_HTTP_HOSTS": "hosts that webhooks may reach by plain http, by comma; none if absent",
    "LOCKGATE_DISK_FREE": "an incident opens when less of the data directory's disk is free, in percent; 10 if absent",
    "LOCKGATE_DEMO": "1 opens the demo's tour and its switch of users; only where `up --demo` made it",
    "LOCKGATE_FILE_ROOTS": "folders that connections may reach, name=/path by comma; files in the data directory",
    "LOCKGATE_DEBUG": "1 shows error pages to developers and the style guide; never in production",
    "LOCKGATE_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR",
}

# Nobody opens a whole private range by a slip of the pen: at least a /8, or a /32 of IPv6.
SMALLEST_PREFIX = {4: 8, 6: 32}

# The folder of the data directory that connections reach when no other was named.
FILES = "files"
_ROOT = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")

# Written by `up --demo` into a data directory that holds nothing yet, and never later.
DEMO_MARK = "demo.mark"
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

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
    demo: bool = False
    file_roots: Mapping[str, Path] = field(default_factory=dict)
    webhook_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    webhook_http_hosts: tuple[str, ...] = ()
    disk_free: int = 10


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
        demo=_demo(environment, data),
        file_roots=_file_roots(environment.get("LOCKGATE_FILE_ROOTS", ""), data),
        log_level=_level(environment.get("LOCKGATE_LOG_LEVEL", "INFO")),
        webhook_networks=tuple(map(_network, _listed(environment.get("LOCKGATE_WEBHOOK_NETWORKS", "")))),
        webhook_http_hosts=_listed(environment.get("LOCKGATE_WEBHOOK_HTTP_HOSTS", "").lower()),
        disk_free=_percent(environment.get("LOCKGATE_DISK_FREE", "10")),
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


def _file_roots(text: str, data: Path) -> dict[str, Path]:
    """By name, in the order given. No root may hold what is Lockgate's own: its keys lie in the data directory."""
    if not text:
        return {FILES: data / FILES}
    found: dict[str, Path] = {}
    for pair in _listed(text):
        name, sign, path = (part.strip() for part in pair.partition("="))
        if not sign or not _ROOT.fullmatch(name) or name in found:
            raise ConfigError(f"LOCKGATE_FILE_ROOTS: {pair!r} is no name=/path, or its name stands there twice.")
        found[name] = _root(Path(path), data)
    return found


def _root(path: Path, data: Path) -> Path:
    if not path.is_absolute() or not path.is_dir():
        raise ConfigError(f"LOCKGATE_FILE_ROOTS: {path} is no folder with its full path.")
    real, own = path.resolve(), data.resolve()
    inside = real.is_relative_to(own) and not real.is_relative_to(own / FILES)
    if inside or own.is_relative_to(real):
        raise ConfigError(f"LOCKGATE_FILE_ROOTS: {path} holds, or lies in, the data directory, where the keys are.")
    return real


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(f"LOCKGATE_WEBHOOK_NETWORKS: {text!r} is no network such as 10.1.0.0/16.") from error
    if found.is_link_local or found.is_multicast or (found.prefixlen < SMALLEST_PREFIX[found.version]):
        raise ConfigError(
            f"LOCKGATE_WEBHOOK_NETWORKS: {text} is too wide, or leads to metadata or multicast addresses."
        )
    return found


def _percent(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 90:
        raise ConfigError("LOCKGATE_DISK_FREE must be a whole number from 1 to 90.")
    return int(text)


def _demo(environment: Mapping[str, str], data: Path) -> bool:
    """The demo lets people become one another: never anywhere but in an installation that was a demo from the start."""
    if environment.get("LOCKGATE_DEMO", "") in ("", "0"):
        return False
    if environment["LOCKGATE_DEMO"] != "1":
        raise ConfigError("LOCKGATE_DEMO must be 1, or absent.")
    if not (data / DEMO_MARK).is_file():
        raise ConfigError("LOCKGATE_DEMO is set, and this installation was not made by `up --demo`: leave it out.")
    host = urlsplit(environment.get("LOCKGATE_URL") or "http://127.0.0.1").hostname
    if host not in LOOPBACK_HOSTS:
        raise ConfigError("LOCKGATE_DEMO is set, and LOCKGATE_URL leads beyond this machine: leave one of them out.")
    return True


def _level(name: str) -> str:
    if name not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError("LOCKGATE_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    return name
