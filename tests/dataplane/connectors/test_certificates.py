"""Certificates reach libpq, are checked against a server that really speaks TLS, and are gone afterwards."""

from __future__ import annotations

import datetime as dt
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.dataplane.connectors.postgres import Credentials, PostgresSettings
from apps.dataplane.connectors.postgres import test as connection_test
from apps.dataplane.connectors.postgres.certificates import offered
from apps.dataplane.errors import Invalid

from .conftest import Side

ANNA = Credentials("anna", "hunter2")


@dataclass(frozen=True)
class Signed:
    certificate: str
    key: str


def signed(name: str, by: tuple[x509.Certificate, Any] | None = None) -> tuple[Signed, tuple[x509.Certificate, Any]]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(by[1] if by else key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode()
    return Signed(made.public_bytes(encoding).decode(), private), (made, key)


@dataclass
class TlsServer:
    """Speaks PostgreSQL up to the point where it knows who came, and refuses the password."""

    port: int
    authority: str
    client: Signed
    seen: list[str] = field(default_factory=list)

    @property
    def settings(self) -> PostgresSettings:
        return PostgresSettings("localhost", self.port, "crm", "verify-full", ca_certificate=self.authority)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TlsServer]:
    authority, issuer = signed("Acme CA")
    own, _ = signed("localhost", issuer)
    client, _ = signed("anna", issuer)
    for name, text in (("ca", authority.certificate), ("cert", own.certificate), ("key", own.key)):
        (tmp_path / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    context.load_verify_locations(tmp_path / "ca")
    context.verify_mode = ssl.CERT_OPTIONAL
    listening = socket.create_server(("127.0.0.1", 0))
    made = TlsServer(listening.getsockname()[1], authority.certificate, client)
    thread = threading.Thread(target=_serve, args=(listening, context, made), daemon=True)
    thread.start()
    yield made
    listening.close()


def _serve(listening: socket.socket, context: ssl.SSLContext, server: TlsServer) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            try:
                _answer(connection, context, server)
            except (OSError, struct.error) as error:
                server.seen.append(type(error).__name__)


def _answer(connection: socket.socket, context: ssl.SSLContext, server: TlsServer) -> None:
    if len(connection.recv(8)) < 8:
        return
    connection.sendall(b"S")
    with context.wrap_socket(connection, server_side=True) as secured:
        came = dict(pair[0] for pair in (secured.getpeercert() or {}).get("subject", ()))
        server.seen.append(came.get("commonName", "nobody"))
        (length,) = struct.unpack("!I", secured.recv(4))
        secured.recv(length)
        # A password is asked for by SCRAM, as every server of today does.
        asked = struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"
        secured.sendall(b"R" + struct.pack("!I", len(asked) + 4) + asked)
        server.seen.append("answers SCRAM" if secured.recv(1) == b"p" else "leaves")
        said = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user\0\0"
        secured.sendall(b"E" + struct.pack("!I", len(said) + 4) + said)


def last(settings: PostgresSettings, credentials: Credentials = ANNA) -> Any:
    return list(connection_test(settings, credentials, purpose="read"))[-1]


def test_a_server_whose_certificate_the_authority_signed_is_believed(server: TlsServer) -> None:
    step = last(server.settings)
    assert (step.field, step.sentence.endswith("the user name or the password is wrong.")) == ("password", True)
    assert server.seen[-2:] == ["nobody", "answers SCRAM"]


def test_a_server_of_another_authority_is_not_told_the_password(server: TlsServer) -> None:
    other, _ = signed("Another CA")
    step = last(replace(server.settings, ca_certificate=other.certificate))
    assert (step.step, step.ok, step.field) == ("authenticate", False, "ca_certificate")
    assert step.sentence.endswith("its certificate could not be verified.")
    assert "nobody" not in server.seen


def test_a_certificate_for_another_name_is_told_at_the_host(server: TlsServer) -> None:
    step = last(replace(server.settings, host="127.0.0.1"))
    assert (step.ok, step.field) == (False, "host")
    believed = last(replace(server.settings, host="127.0.0.1", sslmode="verify-ca"))
    assert believed.field == "password"


def test_a_client_certificate_and_its_key_reach_the_server(server: TlsServer) -> None:
    settings = replace(server.settings, client_certificate=server.client.certificate)
    last(settings, replace(ANNA, client_key=server.client.key))
    assert "anna" in server.seen


@pytest.mark.parametrize("key", ["", "no key at all", "another"])
def test_a_key_that_does_not_belong_is_told_at_its_field(server: TlsServer, key: str) -> None:
    text = signed("x")[0].key if key == "another" else key
    settings = replace(server.settings, client_certificate=server.client.certificate)
    step = last(settings, replace(ANNA, client_key=text))
    assert (step.ok, step.field) == (False, "client_key")
    assert step.sentence.endswith("the key of the client certificate is missing, has a passphrase, or is another's.")


def test_nothing_is_left_of_the_files_and_nobody_else_may_read_them(server: TlsServer) -> None:
    settings = replace(server.settings, client_certificate=server.client.certificate)
    with offered(settings, replace(ANNA, client_key=server.client.key)) as said:
        modes = {name: os.stat(said[name]).st_mode & 0o777 for name in ("sslrootcert", "sslcert", "sslkey")}
        assert Path(said["sslkey"]).read_text() == server.client.key
    assert set(modes.values()) == {0o600}
    assert not any(os.path.exists(said[name]) for name in modes)


def test_without_certificates_none_is_offered_and_the_machine_decides_whom_to_believe() -> None:
    with offered(PostgresSettings("h", 1, "d", "verify-full"), ANNA) as said:
        assert said == {"sslcertmode": "disable", "channel_binding": "prefer", "sslrootcert": "system"}
    with offered(PostgresSettings("h", 1, "d"), ANNA) as said:
        assert said == {"sslcertmode": "disable", "channel_binding": "prefer", "require_auth": "!password"}


def test_a_server_without_tls_is_refused_at_the_field_that_asks_for_it(source: Side) -> None:
    step = last(replace(source.settings, sslmode="verify-full"), source.credentials)
    assert (step.ok, step.field) == (False, "sslmode")
    assert step.sentence.endswith("an encrypted connection could not be agreed on.")
    bound = last(replace(source.settings, channel_binding="require"), source.credentials)
    assert (bound.ok, bound.field) == (False, "channel_binding")


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"sslmode": "verify-ca"}, "ca_certificate"),
        ({"sslmode": "require", "ca_certificate": "PEM"}, "sslmode"),
        ({"sslmode": "prefer", "client_certificate": "PEM"}, "sslmode"),
        ({"ca_certificate": "not pem"}, "ca_certificate"),
        ({"client_certificate": 5}, "client_certificate"),
        ({"ca_certificate": "x" * 64_001}, "ca_certificate"),
        ({"channel_binding": "maybe"}, "channel_binding"),
    ],
)
def test_certificates_that_contradict_are_told_at_their_field(changed: dict[str, Any], where: str) -> None:
    pem = signed("x")[0].certificate
    held = {name: pem if value == "PEM" else value for name, value in changed.items()}
    with pytest.raises(Invalid) as caught:
        PostgresSettings.from_json({"host": "h", "database": "d", **held})
    assert caught.value.field == where


def test_a_private_key_in_the_settings_is_refused_before_anybody_reviews_it() -> None:
    both = signed("x")[0]
    with pytest.raises(Invalid) as caught:
        PostgresSettings.from_json(
            {"host": "h", "database": "d", "sslmode": "require", "client_certificate": both.certificate + both.key}
        )
    assert caught.value.sentence == "The client certificate holds a private key, which is a secret."
