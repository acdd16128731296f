"""Mail: how it leaves (an approved mail server, one of the settings, or files), its headers, and a test in steps."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.filebased import EmailBackend as Files
from django.core.mail.backends.smtp import EmailBackend as Smtp
from django.db.models import F
from django.utils.translation import gettext as _

from apps.dataplane.crypto import sealing
from apps.dataplane.errors import Locked, Unreachable
from apps.keys import services as keys

from . import definition
from .definition import Definition, MailServer
from .models import Channel, ChannelVersion, Delivery

TIMEOUT = 15
OUTBOX, SMTP = "outbox", "smtp"


def server() -> MailServer | None:
    """The approved mail server, if there is one."""
    active = ChannelVersion.objects.filter(
        channel__kind=Channel.SMTP, channel__disabled_at=None, number=F("channel__active_version")
    )
    document = active.values_list("definition", flat=True).first()
    found = definition.parse(Channel.SMTP, document) if document else None
    return found if isinstance(found, MailServer) else None


def transport() -> str:
    """How mail leaves now: by a mail server, or into the built-in outbox."""
    return SMTP if settings.LOCKGATE.mail_url or server() else OUTBOX


def opened(says: Definition) -> str:
    """The secret in the clear, in the general worker alone; Locked elsewhere, or when sealed for another place."""
    if says.secret is None:
        return ""
    key = keys.open_key("credentials", version=says.secret.key)
    secret = sealing.unseal(key.secret, says.secret.raw, place=definition.place(says.kind))
    return definition.opened(says, secret)


class Backend(BaseEmailBackend):
    """The approved mail server, else the one of the settings, else files in the data directory."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        says = server()
        if says is None:
            inner: Any = Smtp() if settings.LOCKGATE.mail_url else Files()
            return int(inner.send_messages(email_messages) or 0)
        for message in email_messages:
            if message.from_email == settings.DEFAULT_FROM_EMAIL:
                message.from_email = says.sender
        return int(_through(says).send_messages(email_messages) or 0)


def _through(says: MailServer) -> Any:
    try:
        password = opened(says)
    except Locked as error:
        # The key file may come back: worth another try.
        raise Unreachable(error.sentence, step="open", remedy=error.remedy, field="password") from None
    return Smtp(
        host=says.host,
        port=says.port,
        username=says.user,
        password=password,
        use_tls=says.security == "starttls",
        use_ssl=says.security == "tls",
        timeout=TIMEOUT,
    )


def message(delivery: Delivery, *, first: bool) -> EmailMessage:
    """The mail of a delivery. Mails of one subject to one person are one thread; `first` begins it."""
    host = mail_host()
    thread = f"<{re.sub(r'[^a-z0-9-]', '.', delivery.subject_ref.lower())}.{delivery.user_id}@{host}>"
    headers = {
        "Message-ID": thread if first else f"<{delivery.id}@{host}>",
        "List-Id": f"Lockgate alerts <alerts.{host}>",
        "Auto-Submitted": "auto-generated",
        "X-Lockgate-Delivery": str(delivery.id),
    }
    if not first:
        headers |= {"In-Reply-To": thread, "References": thread}
    assert delivery.user is not None
    subject = delivery.subject if delivery.event else f"[Lockgate] {delivery.subject}"
    return EmailMessage(subject, delivery.body, to=[delivery.user.email], headers=headers)


def mail_host() -> str:
    """What stands behind the @ of message ids: our own name, never an address of the network."""
    host = urlsplit(settings.LOCKGATE.url).hostname or ""
    return f"lockgate.{host}" if re.fullmatch(r"[a-z][a-z0-9.-]*", host) else "lockgate.localhost"


def one_line(text: str) -> str:
    """A subject in one line: no line break reaches a header, no control or direction mark a reader."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return " ".join("".join(char for char in kept if unicodedata.category(char) not in ("Cf", "Cs")).split())


# the test


def test(says: MailServer, password: str, *, to: str) -> Iterator[dict[str, Any]]:
    """Reach, secure, authenticate, send; it stops at the first failure and names field, cause and remedy.

    Of what the server says only the code is kept: its words may repeat an address.
    """
    begun = time.monotonic()
    client: Any = None
    try:
        try:
            client = _connected(says)
            client.ehlo_or_helo_if_needed()
        except (OSError, smtplib.SMTPException) as error:
            yield _failed("reach", begun, *_unreached(says, error))
            return
        yield _done("reach", begun, _("%(place)s answers.") % {"place": says.address})
        for step in (_secure, _authenticate, _send):
            begun = time.monotonic()
            outcome = step(client, says, password, to)
            yield (
                _done(outcome[0], begun, outcome[1]) if len(outcome) == 2 else _failed(outcome[0], begun, *outcome[1:])
            )
            if len(outcome) != 2:
                return
    finally:
        if client is not None:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()


test.__test__ = False  # type: ignore[attr-defined]


def _connected(says: MailServer) -> smtplib.SMTP:
    if says.security == "tls":
        return smtplib.SMTP_SSL(says.host, says.port, timeout=TIMEOUT, context=ssl.create_default_context())
    return smtplib.SMTP(says.host, says.port, timeout=TIMEOUT)


def _unreached(says: MailServer, error: Exception) -> tuple[str, str, str]:
    named = {"host": says.host, "port": says.port}
    if isinstance(error, socket.gaierror):
        return _("The name %(host)s does not resolve.") % named, "host", _("Check the spelling.")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(says)
    if isinstance(error, ssl.SSLError):
        return (
            _("%(host)s speaks no TLS on port %(port)s.") % named,
            "security",
            _("Choose STARTTLS, or the port for TLS, usually 465."),
        )
    if isinstance(error, ConnectionRefusedError):
        sentence = _("Nothing listens on port %(port)s of %(host)s.") % named
        return sentence, "port", _("Usual ports are 587 for STARTTLS and 465 for TLS.")
    if isinstance(error, TimeoutError):
        return _("%(host)s does not answer on port %(port)s.") % named, "port", _("Check port and firewall.")
    sentence = _("%(host)s did not greet as a mail server does.") % named
    return (
        sentence,
        "port",
        _("Check that host and port are those of a mail server, and the encryption that it expects."),
    )


def _untrusted(says: MailServer) -> tuple[str, str, str]:
    return (
        _("The certificate of %(host)s is not trusted, or names another host.") % {"host": says.host},
        "host",
        _("Give the name that stands in its certificate, or have this machine trust its authority."),
    )


def _secure(client: smtplib.SMTP, says: MailServer, password: str, to: str) -> tuple[str, ...]:
    if says.security != "starttls":
        encrypted = says.security == "tls"
        return "secure", _("The connection is encrypted.") if encrypted else _("The connection is not encrypted.")
    try:
        client.starttls(context=ssl.create_default_context())
        client.ehlo()
    except smtplib.SMTPNotSupportedError:
        sentence = _("%(host)s offers no STARTTLS on port %(port)s.") % {"host": says.host, "port": says.port}
        return "secure", sentence, "security", _("Choose TLS with its port, usually 465.")
    except ssl.SSLCertVerificationError:
        return "secure", *_untrusted(says)
    except (OSError, smtplib.SMTPException):
        return "secure", _("The encryption could not be agreed."), "security", _("Try TLS with its port, usually 465.")
    return "secure", _("The connection is encrypted.")


def _authenticate(client: smtplib.SMTP, says: MailServer, password: str, to: str) -> tuple[str, ...]:
    if not says.user:
        return "authenticate", _("No user is given, so nobody signs in.")
    try:
        client.login(says.user, password)
    except smtplib.SMTPAuthenticationError as error:
        sentence = _("%(host)s does not take this user and password (code %(code)s).")
        return (
            "authenticate",
            sentence % {"host": says.host, "code": error.smtp_code},
            "password",
            _("Enter them again."),
        )
    except smtplib.SMTPNotSupportedError:
        sentence = _("%(host)s takes no password here.") % {"host": says.host}
        return "authenticate", sentence, "user", _("Leave user and password empty.")
    except (OSError, smtplib.SMTPException):
        sentence = _("%(host)s broke off while signing in.") % {"host": says.host}
        return "authenticate", sentence, "user", _("Test again.")
    return "authenticate", _("The user is signed in.")


def _send(client: smtplib.SMTP, says: MailServer, password: str, to: str) -> tuple[str, ...]:
    mail = EmailMessage(
        _("Lockgate can send mail"),
        _("This is the test that you asked for. Mail of Lockgate will come from this address."),
        says.sender,
        [to],
        headers={"Auto-Submitted": "auto-generated", "List-Id": f"Lockgate alerts <alerts.{mail_host()}>"},
    )
    try:
        client.sendmail(parseaddr(says.sender)[1], [to], mail.message().as_bytes(linesep="\r\n"))  # type: ignore[call-arg]
    except smtplib.SMTPSenderRefused as error:
        sentence = _("%(host)s does not take mail from this sender (code %(code)s).")
        said = sentence % {"host": says.host, "code": error.smtp_code}
        return "send", said, "sender", _("Give an address that this user may send from.")
    except smtplib.SMTPRecipientsRefused:
        sentence = _("%(host)s does not deliver to your address.") % {"host": says.host}
        return "send", sentence, "host", _("Use a server that may relay to your people.")
    except (OSError, smtplib.SMTPException) as error:
        code = getattr(error, "smtp_code", "-")
        sentence = _("%(host)s did not take the mail (code %(code)s).") % {"host": says.host, "code": code}
        return "send", sentence, "host", _("Look into the log of the mail server.")
    return "send", _("The server took a mail to you: look into your mailbox.")


def _done(step: str, begun: float, sentence: str) -> dict[str, Any]:
    return _step(step, True, begun, sentence)


def _failed(step: str, begun: float, sentence: str, field: str, remedy: str) -> dict[str, Any]:
    return _step(step, False, begun, sentence, field, remedy)


def _step(step: str, ok: bool, begun: float, sentence: str, field: str = "", remedy: str = "") -> dict[str, Any]:
    spent = int((time.monotonic() - begun) * 1000)
    return {"step": step, "ok": ok, "sentence": sentence, "field": field, "remedy": remedy, "milliseconds": spent}
