"""Where a webhook may lead: its URL's form, and the addresses behind its name, resolved once and kept.

Refused by name: loopback, private, link-local and metadata, shared, reserved, multicast and unspecified addresses, in
IPv4 and IPv6, also inside mapped, compatible, 6to4, NAT64 and Teredo forms. All addresses of a name must pass, for the
next connection could take any of them.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.dataplane.errors import Invalid, Refused, Unreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LONGEST_URL = 1000
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Whatever networks are opened, these answer with the credentials of a cloud machine.
_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "fd20:ce::254"))
)


@dataclass(frozen=True)
class Target:
    """A webhook's URL in parts; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{host}{'' if self.port == usual else f':{self.port}'}{self.path}"


@dataclass(frozen=True)
class Allowed:
    """What the settings open beyond the public internet over https: nothing, unless somebody said so."""

    networks: tuple[Network, ...] = ()
    http_hosts: tuple[str, ...] = ()


def parse(url: object, allowed: Allowed | None) -> Target:
    """The URL in parts. Raises Invalid naming the field `url` for anything but a plain https address.

    `allowed` None reads what was approved once, to show it; whether it may still be reached is asked when it is used.
    """
    if not isinstance(url, str) or not url or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable():
        raise _invalid("A webhook's address has 1 to 1000 plain ASCII characters, beginning with https://.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise _invalid("This is not an address that can be read.") from None
    if " " in url or "\\" in url or parts.fragment or parts.username is not None or parts.password is not None:
        raise _invalid("An address holds neither spaces, backslashes, a fragment, a user nor a password.")
    if parts.scheme not in ("https", "http") or not host:
        raise _invalid("A webhook is reached by https.")
    if port == 0:
        raise _invalid("Port 0 reaches nothing.")
    literal = _literal(host)
    if allowed and parts.scheme == "http" and host not in allowed.http_hosts:
        raise _invalid(
            f"{host} is reached by http, without encryption, which the installation does not allow.",
            remedy="Use https, or let the operator name this host in LOCKGATE_WEBHOOK_HTTP_HOSTS.",
        )
    if allowed and literal is not None:
        _require_open(literal, host, allowed)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def _literal(host: str) -> Address | None:
    """The address that the host is written as; None for a name. Raises Invalid for spellings that hide an address."""
    if "%" in host:
        raise _invalid("An address with a zone leads into the local network.")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("The host is no name and no address.")
    # 2130706433, 0x7f.1 and 0177.0.0.1 are all ways to write 127.0.0.1.
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", labels[-1]):
        raise _invalid("The host is a number in a form that hides an address.", remedy="Write a name.")
    return None


def resolve(target: Target, allowed: Allowed) -> str:
    """One address to connect to, as text; no further look-up happens after it.

    Raises Unreachable when the name does not resolve, Refused when any address behind it must not be reached.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise Unreachable(
            f"The name {target.host} does not resolve.",
            step="resolve",
            field="url",
            remedy="Check the spelling, and the name server of the machine that Lockgate runs on.",
        ) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    require_all_open(addresses, target.host, allowed)
    return addresses[0]


def require_all_open(addresses: Sequence[str], host: str, allowed: Allowed) -> None:
    """Raises Refused when one of them must not be reached."""
    for text in addresses:
        _require_open(ipaddress.ip_address(text.partition("%")[0]), host, allowed)


def _require_open(address: Address, host: str, allowed: Allowed) -> None:
    why = kind_of(address)
    if not why:
        return
    inner = _inner(address)
    if why != "metadata" and any(inner.version == net.version and inner in net for net in allowed.networks):
        return
    raise Refused(
        f"{host} leads to a {why} address, which a webhook does not reach; nothing was sent.",
        remedy="Give a public address, or let the operator open that network in LOCKGATE_WEBHOOK_NETWORKS.",
        field="url",
    )


def kind_of(address: Address) -> str:
    """Why an address is not of the public internet; empty when it is."""
    address = _inner(address)
    if address in _METADATA:
        return "metadata"
    kinds = (
        (address.is_unspecified, "unspecified"),
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (isinstance(address, ipaddress.IPv6Address) and address.is_site_local, "private"),
        (isinstance(address, ipaddress.IPv4Address) and address in _SHARED, "shared"),
        (address.is_private, "private"),
        (address.is_reserved or not address.is_global, "reserved"),
    )
    return next((why for holds, why in kinds if holds), "")


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries to, as routers would."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in net for net in _NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
        return low
    return address


def _invalid(sentence: str, remedy: str = "") -> Invalid:
    return Invalid(sentence, remedy=remedy, field="url")
