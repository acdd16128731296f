"""Writes about people: set-up, sign in and out, passwords, invitations, tokens, and taking rights away at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from axes.utils import reset
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.password_validation import validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.audit.services import append
from apps.core import access, jobs
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.dataplane.errors import Conflict, Invalid, LockgateError, NotFound, Refused

from . import devices, links, zones
from .models import ApiToken, Membership, Organisation, User
from .selectors import ANONYMOUS, actor_of

LONGEST_TOKEN = 365
ONE_MAIL_EVERY = 120  # seconds
USE_SEEN_EVERY = timedelta(minutes=1)


def found(*, organisation: str, name: str, email: str, password: str, time_zone: str, request_id: str = "") -> Actor:
    """Make the organisation and its first person, once. Returns that person as the founder: who may propose themself.

    The roles themselves are governed: the founder holds none until the applier has carried the proposal out.
    """
    if Organisation.objects.exists():
        raise _already_founded()
    user = User(email=email.strip().lower(), name=name, time_zone=_zone(time_zone))
    user.set_password(_strong(password, user))
    try:
        with transaction.atomic():
            Organisation(name=organisation).save(force_insert=True)
            user.save(force_insert=True)
            founder = Actor(
                id=str(user.id), name=name, organisation=frozenset({access.ADMINISTRATOR}), request_id=request_id
            )
            append(
                actor=founder,
                action="organisation.founded",
                subject="organisation",
                summary=_("founded %(organisation)s") % {"organisation": organisation},
            )
    except IntegrityError as error:
        raise _already_founded() from error  # Somebody else was at the same page and got there first.
    return founder


def _already_founded() -> LockgateError:
    return Refused(
        _("Lockgate is set up already; nothing was changed."),
        remedy=_("Sign in, or ask an administrator to invite you."),
    )


def sign_in(*, request: HttpRequest, email: str, password: str) -> User:
    """Open a session. Every failure, for whatever reason, is an event; too many are refused for a while."""
    address = email.strip().lower()
    user = authenticate(request, email=address, password=password)
    if not isinstance(user, User):
        _record_failure(request, address)
        raise _not_signed_in(request)
    with transaction.atomic():
        login(request, user)
        devices.begin(request, user)
        _record(_self(user, request), "person.signed_in", _("signed in"))
    return user


def _record_failure(request: HttpRequest, address: str) -> None:
    locked = bool(getattr(request, "axes_locked_out", False))
    known = User.objects.filter(email__iexact=address).first()
    with transaction.atomic():
        append(
            actor=_nobody(request),
            action="person.locked_out" if locked else "person.sign_in_failed",
            subject=f"person/{known.id}" if known else "person/unknown",
            summary=_("was kept from signing in after too many failures") if locked else _("failed to sign in"),
        )


def _not_signed_in(request: HttpRequest) -> LockgateError:
    if getattr(request, "axes_locked_out", False):
        return Refused(
            _("Too many attempts to sign in as this person have failed."), remedy=_("Wait a quarter of an hour.")
        )
    return Invalid(
        _("This e-mail address and this password do not belong together."),
        remedy=_("Check both, or choose a new password by mail."),
    )


def sign_out(*, request: HttpRequest) -> None:
    """End the session."""
    if isinstance(request.user, User):
        with transaction.atomic():
            devices.end_here(request)
            _record(_self(request.user, request), "person.signed_out", _("signed out"))
    logout(request)


def _self(user: User, request: HttpRequest) -> Actor:
    return actor_of(user, request_id=getattr(request, "id", ""))


def _nobody(request: HttpRequest) -> Actor:
    return Actor(id=ANONYMOUS.id, name=ANONYMOUS.name, request_id=getattr(request, "id", ""))


def _record(actor: Actor, action: str, summary: str, *, person: object = None, **detail: str) -> None:
    append(actor=actor, action=action, subject=f"person/{person or actor.id}", summary=summary, detail=detail)


def change_password(*, actor: Actor, current: str, new: str) -> User:
    """Replace the actor's own password, which ends every session that was opened with the old one."""
    with transaction.atomic():
        user = _own(actor)
        if not user.check_password(current):
            raise Invalid(_("This is not your current password."), field="current")
        _set_password(user, new, field="new")
        _record(actor, "person.password_changed", _("changed their password"))
    return user


def _own(actor: Actor) -> User:
    user = (
        User.objects.select_for_update().filter(id=actor.id, is_active=True).first() if actor.kind == "person" else None
    )
    if user is None:
        raise Refused(_("Only a signed-in person can do this; a token or a process has no account of its own."))
    return user


def _set_password(user: User, password: str, *, field: str) -> None:
    user.set_password(_strong(password, user, field=field))
    user.save(update_fields=["password"])
    devices.end_with_password(user)


def _strong(password: str, user: User, *, field: str = "password") -> str:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field=field) from error
    return password


def _zone(name: str) -> str:
    if name not in zones.known():
        raise Invalid(_("This is not a time zone that Lockgate knows."), field="time_zone")
    return name


def update_profile(*, actor: Actor, name: str, time_zone: str) -> User:
    """Change how the actor is called and in which zone they see times."""
    with transaction.atomic():
        user = _own(actor)
        before = {"time_zone": user.time_zone}
        user.name, user.time_zone = name, _zone(time_zone)
        user.save(update_fields=["name", "time_zone"])
        append(
            actor=actor,
            action="person.profile_changed",
            subject=f"person/{user.id}",
            summary=_("changed their profile"),
            detail={"before": before, "after": {"time_zone": time_zone}},
        )
    return user


def request_reset(*, email: str, request_id: str = "") -> None:
    """Have a link mailed to an active person. Whether there is one is not for the asker to know."""
    user = User.objects.filter(email__iexact=email.strip(), is_active=True, is_service=False).first()
    if user is None or not cache.add(f"accounts.reset.{user.id}", True, ONE_MAIL_EVERY):
        return
    nobody = Actor(id=ANONYMOUS.id, name=ANONYMOUS.name, request_id=request_id)
    with transaction.atomic():
        _record(nobody, "person.password_reset_requested", _("asked for a new password"), person=user.id)
        jobs.enqueue("account.mail", subject=f"reset/{user.id}")


def reset_password(*, person_id: UUID, token: str, password: str, request_id: str = "") -> User:
    """Set a new password by a mailed link, which dies with it."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(id=person_id, is_active=True).first()
        if user is None or not links.RESET.check_token(user, token):
            raise _stale_link()
        _set_password(user, password, field="password")
        _record(actor_of(user, request_id=request_id), "person.password_reset", _("chose a new password by mail"))
    return user


def recover(*, actor: Actor, email: str, password: str) -> User:
    """Whoever holds the key files and the machine sets the password of an administrator. It is no way to become one."""
    if actor.kind != "system":
        raise Refused(_("An account is recovered at the machine alone."))
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email__iexact=email.strip(), is_active=True).first()
        held = Membership.objects.filter(user=user, role=access.ADMINISTRATOR, revoked_at=None)
        if user is None or not held.exists():
            raise Refused(
                _("There is no active administrator with this address. Nothing was changed."),
                remedy=_("Ask an administrator to invite you, or recover the account of one."),
            )
        _set_password(user, password, field="password")
        _record(actor, "person.recovered", _("set a new password for %(name)s at the machine") % {"name": user.name},
                person=user.id)  # fmt: skip
        reset(username=user.email)
    return user


def accept_invitation(
    *, person_id: UUID, token: str, name: str, password: str, time_zone: str, request_id: str = ""
) -> User:
    """An invited person joins: from now on their roles count."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(_invited(), id=person_id).first()
        if user is None or not links.INVITATION.check_token(user, token):
            raise _stale_link()
        user.name, user.time_zone, user.is_active, user.activated_at = name, _zone(time_zone), True, now()
        user.set_password(_strong(password, user))
        user.save(update_fields=["name", "time_zone", "is_active", "activated_at", "password"])
        _record(actor_of(user, request_id=request_id), "person.joined", _("accepted the invitation"))
    return user


def link_holds(*, kind: Literal["invitation", "reset"], person_id: UUID, token: str) -> bool:
    """Whether a mailed link still lets its holder in."""
    if kind == "invitation":
        user = User.objects.filter(_invited(), id=person_id).first()
        return links.INVITATION.check_token(user, token)
    return links.RESET.check_token(User.objects.filter(id=person_id, is_active=True).first(), token)


def _invited() -> Q:
    return Q(is_active=False, deactivated_at=None)


def _stale_link() -> LockgateError:
    return Invalid(_("This link has been used already, or is older than three days."), remedy=_("Ask for a new one."))


def invite_again(*, actor: Actor, person_id: UUID) -> None:
    """Mail a new link to somebody who has not joined yet; the roles were approved before."""
    access.require(actor, "membership.propose")
    with transaction.atomic():
        if not User.objects.filter(_invited(), id=person_id).exists():
            raise Conflict(_("This person does not wait for an invitation."), remedy=_("Reload the page."))
        _record(actor, "person.invited_again", _("sent the invitation again"), person=person_id)
        jobs.enqueue("account.mail", subject=f"invitation/{person_id}")


def send_link(*, kind: str, person_id: str) -> None:
    """Mail an invitation or a password link, signed now. Who no longer waits for one gets none."""
    waits = _invited() if kind == "invitation" else Q(is_active=True)
    user = User.objects.filter(waits, id=person_id).first()
    if user is None:
        return
    address = links.invitation(user) if kind == "invitation" else links.reset(user)
    organisation = Organisation.objects.values_list("name", flat=True).first() or "Lockgate"
    said = {"name": user.name, "address": address, "organisation": organisation}
    subject = _("Join %(name)s on Lockgate") if kind == "invitation" else _("A new password for Lockgate at %(name)s")
    body = render_to_string(f"accounts/mail/{kind}.txt", said)
    with transaction.atomic():
        sent = _("mailed an invitation") if kind == "invitation" else _("mailed a password link")
        _record(system("general"), "person.mailed", sent, person=user.id)
        EmailMessage(subject % {"name": " ".join(organisation.split())}, body, to=[user.email]).send()


def give_up_link(*, kind: str, person_id: str) -> None:
    """Record that no mail with this link left, after every try failed."""
    what = _("could not mail an invitation") if kind == "invitation" else _("could not mail a password link")
    with transaction.atomic():
        _record(system("general"), "person.mail_failed", what, person=person_id)


@dataclass(frozen=True)
class NewToken:
    """A token at the only moment when it can be seen."""

    name: str
    expires: datetime
    secret: str = field(repr=False)


def create_token(*, actor: Actor, name: str, scopes: Sequence[str], days: int) -> NewToken:
    """Make a token that acts as the actor, within its scopes, until it expires; only its hash is kept."""
    with transaction.atomic():
        user = _own(actor)
        if not scopes or not set(scopes) <= set(access.SCOPES):
            raise Invalid(_("Choose what the token may do: read, write, or both."), field="scopes")
        if not 1 <= days <= LONGEST_TOKEN:
            raise Invalid(_("A token lives for 1 to 365 days."), field="days")
        token, secret = ApiToken.objects.create(
            user, expiry=timedelta(days=days), prefix="lg_", name=name, scopes=sorted(set(scopes))
        )
        append(
            actor=actor,
            action="token.created",
            subject=f"token/{token.public_id}",
            summary=_("made a token that may %(scopes)s") % {"scopes": " and ".join(token.scopes)},
            detail={"name": name, "expires": token.expiry.date().isoformat()},
        )
    return NewToken(name, token.expiry, secret)


def revoke_token(*, actor: Actor, token_id: UUID) -> None:
    """End one of the actor's own tokens at once."""
    with transaction.atomic():
        ended = _end_tokens(ApiToken.objects.filter(user_id=_own(actor).id, public_id=token_id))
        if not ended:
            raise NotFound(_("You have no such token, or it has ended already."))
        append(actor=actor, action="token.revoked", subject=f"token/{token_id}", summary=_("revoked a token"))


def revoke_token_of(*, actor: Actor, token_id: UUID) -> None:
    """End anybody's token at once; its owner can make another."""
    access.require(actor, "token.revoke")
    with transaction.atomic():
        token = (
            ApiToken.objects.select_for_update(of=("self",)).filter(public_id=token_id).select_related("user").first()
        )
        if token is None or not _end_tokens(ApiToken.objects.filter(public_id=token_id)):
            raise NotFound(_("There is no such token, or it has ended already."))
        append(
            actor=actor,
            action="token.revoked",
            subject=f"token/{token_id}",
            summary=_("revoked the token %(token)s of %(name)s") % {"token": token.name, "name": token.user.name},
            detail={"owner": str(token.user_id)},
        )


def _end_tokens(tokens: QuerySet[ApiToken]) -> int:
    return tokens.filter(revoked_at=None).update(revoked_at=now())


def token_used(*, token: ApiToken) -> None:
    """Note that a token is in use, at most once a minute."""
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now() - USE_SEEN_EVERY)
    ApiToken.objects.filter(stale, digest=token.digest).update(last_used_at=now())


def revoke_role(*, actor: Actor, membership_id: UUID) -> None:
    """Take a role away at once; giving it back is a change."""
    access.require(actor, "role.revoke")
    with transaction.atomic():
        held = Membership.objects.select_for_update(of=("self",)).filter(id=membership_id, revoked_at=None)
        membership = held.select_related("team").first()
        if membership is None:
            raise Conflict(_("This role is not held any more."), remedy=_("Reload the page."))
        _keep_an_administrator(without=Q(id=membership_id))
        _end_roles(held, actor)
        append(
            actor=actor,
            action="role.revoked",
            subject=f"person/{membership.user_id}",
            summary=_("revoked the role %(role)s") % {"role": membership.role},
            team_id=membership.team_id,
            detail={"role": membership.role, "team": membership.team.slug if membership.team else ""},
        )


def deactivate(*, actor: Actor, person_id: UUID) -> None:
    """Shut somebody out at once: roles, tokens, password and with it every session end; coming back is a change."""
    access.require(actor, "person.deactivate")
    with transaction.atomic():
        user = User.objects.select_for_update().filter(id=person_id).first()
        if user is None:
            raise NotFound(_("There is no such person."))
        if user.deactivated_at:
            raise Conflict(_("This person is deactivated already."), remedy=_("Reload the page."))
        _keep_an_administrator(without=Q(user_id=person_id))
        _shut_out(user)
        roles = _end_roles(Membership.objects.filter(user_id=person_id, revoked_at=None), actor)
        tokens = _end_tokens(ApiToken.objects.filter(user_id=person_id))
        append(
            actor=actor,
            action="person.deactivated",
            subject=f"person/{person_id}",
            summary=_("deactivated %(name)s") % {"name": user.name},
            detail={"roles": roles, "tokens": tokens},
        )


def revoke_invitation(*, actor: Actor, person_id: UUID) -> None:
    """The mailed link lets nobody in any more, and what was approved with it has ended."""
    access.require(actor, "person.deactivate")
    if not User.objects.filter(_invited(), id=person_id).exists():
        raise Conflict(_("This person does not wait for an invitation."), remedy=_("Reload the page."))
    deactivate(actor=actor, person_id=person_id)


def _shut_out(user: User) -> None:
    devices.end_with_password(user)
    was_active = Coalesce("activated_at", F("created_at")) if user.is_active else None
    user.set_unusable_password()
    User.objects.filter(id=user.id).update(
        is_active=False, deactivated_at=now(), activated_at=was_active, password=user.password
    )


def _keep_an_administrator(*, without: Q) -> None:
    # Locked, so that two administrators cannot each remove the other at the same time.
    held = Membership.objects.select_for_update(of=("self",)).filter(
        role=access.ADMINISTRATOR, revoked_at=None, user__is_active=True
    )
    everyone = set(held.values_list("id", flat=True))
    leaving = set(Membership.objects.filter(without, id__in=everyone).values_list("id", flat=True))
    if leaving and leaving == everyone:
        raise Refused(
            _("This is the last administrator; nobody could invite anybody any more. Nothing was changed."),
            remedy=_("Propose another administrator first."),
        )


def _end_roles(memberships: QuerySet[Membership], actor: Actor) -> int:
    return memberships.update(revoked_at=now(), revoked_by=f"person/{actor.id}")
