"""Which class of process holds which keys, and what each key is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from apps.dataplane.crypto import keywrap, sealing, signing

DEFAULT_DOMAIN = "default"


@dataclass(frozen=True)
class Secret:
    """A fresh key: what is wrapped, and what everybody may see (empty for symmetric keys)."""

    private: bytes = field(repr=False)
    public: bytes = b""


@dataclass(frozen=True)
class Purpose:
    """A key that a class needs. `domain` distinguishes treatment keys."""

    name: str
    make: Callable[[], Secret]
    domain: str = ""


def _symmetric() -> Secret:
    return Secret(keywrap.new_key())


def _sealing() -> Secret:
    return Secret(*sealing.generate())


def _signing() -> Secret:
    return Secret(*signing.generate())


def treatment(domain: str) -> Purpose:
    """The key under which values of one domain are treated: one value, one token, wherever it stands."""
    return Purpose("treatment", _symmetric, domain)


HOLDERS: dict[str, tuple[Purpose, ...]] = {
    "extract": (
        Purpose("credentials", _sealing),
        Purpose("parts", _signing),
        Purpose("quarantine", _symmetric),
        treatment(DEFAULT_DOMAIN),
    ),
    "publish": (Purpose("credentials", _sealing),),
    "general": (Purpose("credentials", _sealing),),
    "notary": (Purpose("notary", _signing),),
}

# The database role of a process says of which class it is; every other role holds no key.
HOLDER_OF_ROLE = {"worker": "extract", "publisher": "publish", "general": "general", "notary": "notary"}


def place(holder: str, purpose: str, domain: str, version: int) -> str:
    """Where a wrapped key is kept; wrapped bytes moved to another row do not open."""
    return f"key/{holder}/{purpose}/{domain}/{version}"
