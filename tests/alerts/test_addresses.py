"""Where a webhook may lead: by the form of its address, and by what its name resolves to."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from apps.alerts import addresses
from apps.alerts.addresses import Allowed
from apps.dataplane.errors import Invalid, Refused, Unreachable
from controlplane import config

NOTHING = Allowed()
LOOPBACK = Allowed(networks=(ipaddress.ip_network("127.0.0.0/8"),), http_hosts=("127.0.0.1",))


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("https://hooks.example.org:8443/a/b?c=d", "hooks.example.org", 8443, "/a/b?c=d"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]/x", "2606:4700::1111", 443, "/x"),
    ],
)
def test_plain_addresses_are_taken_apart(url: str, host: str, port: int, path: str) -> None:
    found = addresses.parse(url, NOTHING)
    assert (found.scheme, found.host, found.port, found.path) == ("https", host, port, path)
    assert addresses.parse(found.url, NOTHING) == found


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///x", "//example.org",
        "https://user@example.org/", "https://user:secret@example.org/", "https://example.org/#part",
        "https://exa mple.org/", "https://example.org\\@evil.example/", "https://example.org:0/",
        "https://example.org:99999/", "https://example.org:x/", "https://[::1", "https://-a.example/",
        "https://example.org/\n", "https://example.org/\x00", "https://ex\u202eample.org/", "https://münchen.example/",
        "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://0x7f000001/",
        "https://[fe80::1%25eth0]/", "https://" + "a" * 1000 + ".example/", None, 7,
    ],
)  # fmt: skip
def test_anything_else_is_invalid_and_names_the_field(url: Any) -> None:
    with pytest.raises(Invalid) as caught:
        addresses.parse(url, NOTHING)
    assert caught.value.field == "url"


def test_http_is_for_hosts_that_the_operator_named() -> None:
    with pytest.raises(Invalid, match="reached by http, without encryption"):
        addresses.parse("http://hooks.example.org/", NOTHING)
    allowed = Allowed(http_hosts=("hooks.example.org",))
    assert addresses.parse("http://hooks.example.org/", allowed).port == 80
    with pytest.raises(Invalid, match="reached by http"):
        addresses.parse("http://other.example.org/", allowed)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"), ("127.8.8.8", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"), ("2002:7f00:1::", "loopback"), ("64:ff9b::7f00:1", "loopback"),
        ("0.0.0.0", "unspecified"), ("::", "unspecified"),
        ("10.0.0.1", "private"), ("172.16.0.1", "private"), ("192.168.1.1", "private"), ("fc00::1", "private"),
        ("::ffff:10.0.0.1", "private"), ("64:ff9b::a00:1", "private"), ("fec0::1", "private"),
        ("169.254.1.1", "link-local"), ("fe80::1", "link-local"),
        ("169.254.169.254", "metadata"), ("::ffff:169.254.169.254", "metadata"), ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"), ("100.64.0.1", "shared"),
        ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("240.0.0.1", "private"), ("255.255.255.255", "private"),
        ("192.0.2.1", "private"), ("2001:db8::1", "private"),
        ("8.8.8.8", ""), ("2606:4700::1111", ""), ("2002:808:808::", ""),
    ],
)  # fmt: skip
def test_addresses_are_known_for_what_they_are(address: str, why: str) -> None:
    assert addresses.kind_of(ipaddress.ip_address(address)) == why


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254", "10.1.2.3"])
def test_a_written_address_is_refused_before_anything_is_sealed(host: str) -> None:
    with pytest.raises(Refused, match="which a webhook does not reach; nothing was sent"):
        addresses.parse(f"https://{host}/", NOTHING)


def resolves(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    def answer(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_a_name_is_judged_by_every_address_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    target = addresses.parse("https://hooks.example.org/", NOTHING)
    resolves(monkeypatch, "93.184.216.34", "2606:4700::1111")
    assert addresses.resolve(target, NOTHING) == "93.184.216.34"
    for hidden in ("10.0.0.7", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1%eth0"):
        resolves(monkeypatch, "93.184.216.34", hidden)
        with pytest.raises(Refused, match=r"hooks\.example\.org leads to a"):
            addresses.resolve(target, NOTHING)


def test_localhost_is_what_it_resolves_to() -> None:
    with pytest.raises(Refused, match="localhost leads to a loopback address"):
        addresses.resolve(addresses.parse("https://localhost/", NOTHING), NOTHING)


def test_a_name_that_does_not_resolve_is_said_so() -> None:
    with pytest.raises(Unreachable, match=r"The name hooks\.invalid does not resolve\."):
        addresses.resolve(addresses.parse("https://hooks.invalid/", NOTHING), NOTHING)


def test_an_opened_network_opens_itself_alone_and_never_metadata() -> None:
    assert addresses.resolve(addresses.parse("http://127.0.0.1:9/", LOOPBACK), LOOPBACK) == "127.0.0.1"
    wide = Allowed(networks=(ipaddress.ip_network("169.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8")))
    addresses.parse("https://10.9.8.7/", wide)
    for closed in ("https://192.168.0.1/", "https://169.254.169.254/", "https://[::1]/"):
        with pytest.raises(Refused):
            addresses.parse(closed, wide)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("LOCKGATE_WEBHOOK_NETWORKS", "0.0.0.0/0", "too wide"),
        ("LOCKGATE_WEBHOOK_NETWORKS", "fc00::/7", "too wide"),
        ("LOCKGATE_WEBHOOK_NETWORKS", "169.254.0.0/16", "leads to metadata"),
        ("LOCKGATE_WEBHOOK_NETWORKS", "10.0.0.1/8", "is no network"),
        ("LOCKGATE_WEBHOOK_NETWORKS", "everything", "is no network"),
        ("LOCKGATE_DISK_FREE", "0", "from 1 to 90"),
        ("LOCKGATE_DISK_FREE", "ten", "from 1 to 90"),
    ],
)
def test_settings_are_strict(name: str, value: str, why: str) -> None:
    with pytest.raises(config.ConfigError, match=why):
        config.read({name: value})


def test_settings_are_read() -> None:
    read = config.read({
        "LOCKGATE_WEBHOOK_NETWORKS": "10.1.0.0/16, fd12:3456::/32", "LOCKGATE_WEBHOOK_HTTP_HOSTS": "Chat.Internal,b",
        "LOCKGATE_DISK_FREE": "7",
    })  # fmt: skip
    assert [str(one) for one in read.webhook_networks] == ["10.1.0.0/16", "fd12:3456::/32"]
    assert (read.webhook_http_hosts, read.disk_free) == (("chat.internal", "b"), 7)
