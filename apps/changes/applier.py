"""Carries out approved changes, one at a time: believes the rows alone, derives everything again, then applies."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.audit import services as audit
from apps.core.actor import system
from apps.core.clock import now
from apps.dataplane.errors import LockgateError, Refused

from . import announce, people
from .binding import derive, hash_of, moved
from .kinds import kind
from .models import Change, Participant

log = logging.getLogger("lockgate.applier")
ONE_APPLIER = 0x4C4F434B_03


def apply_next() -> Change | None:
    """Apply the oldest approved change, or refuse it with the sentence that says what moved; None when none waits."""
    if not Change.objects.filter(state=Change.APPROVED).exists():
        return None
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two appliers could each derive a plan that the other is about to change.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_APPLIER])
        waiting = Change.objects.select_for_update(skip_locked=True, of=("self",)).filter(state=Change.APPROVED)
        change = waiting.order_by("number").first()
        if change is None:
            return None
        try:
            with transaction.atomic():
                _apply(change)
        except LockgateError as error:
            _refuse(change, f"{error.sentence} {error.remedy}".strip())
        except (OperationalError, InterfaceError):
            raise  # The database went away or was busy: nothing was written, and the change still waits.
        except Exception as error:
            _refuse_bug(change, error)
    return change


def _apply(change: Change) -> None:
    _require_approved(change)
    _require_unmoved(change)
    bound = change.binding
    subject = kind(change.kind).applier.apply(
        proposal=bound["proposal"],
        target=bound["target"],
        base_version=bound["base_version"],
        change=f"change/{change.id}",
    )
    if not Change.objects.filter(id=change.id, state=Change.APPROVED).update(state=Change.APPLIED, applied_at=Now()):
        raise Refused(_("The change is no longer approved."))
    change.refresh_from_db()
    audit.append(
        actor=system("applier"),
        action="change.applied",
        subject=f"change/{change.id}",
        summary=_("applied change %(number)s: %(title)s") % {"number": change.number, "title": change.title},
        team_id=change.team_id,
        detail={
            "kind": change.kind,
            "result": subject,
            "binding": change.binding_hash,
            "founding": change.founding,
            "approved_by": sorted(people.counting(change)),
        },
    )
    announce.applied(change)


def _require_approved(change: Change) -> None:
    """The approvals as the rows have them now, whatever the state says."""
    if change.expires_at <= now():
        raise Refused(_("It expired before it could be applied."))
    if hash_of(change.binding) != change.binding_hash or change.binding.get("kind") != change.kind:
        raise Refused(_("What was approved is not what is stored: its hash differs."))
    makers = people.makers(change)
    if not makers:
        raise Refused(_("It has no author."))
    if change.founding:
        if accounts.founding_open():
            return
        raise Refused(
            _("It carries a single signature, and founding has closed since."),
            remedy=_("Propose it again: a second person must approve it now."),
        )
    given = len(people.counting(change, Participant.objects.filter(change=change)) - makers)
    # From the binding, whose hash the verdicts repeat: the column beside it is for lists.
    needed = max(change.binding["approvals_needed"], 1)
    if given < needed:
        sentence = ngettext(
            "It needs %(needed)s approval by an active reviewer, and %(given)s counts.",
            "It needs %(needed)s approvals by active reviewers, and %(given)s count.",
            needed,
        )
        raise Refused(sentence % {"needed": needed, "given": given})


def _require_unmoved(change: Change) -> None:
    difference = moved(change.binding, derive(change.kind, change.team_id, change.proposal).document)
    if difference:
        raise Refused(difference, remedy=_("Propose it again on what is active now."))


def _refuse_bug(change: Change, error: Exception) -> None:
    # A change that cannot be applied must not keep those behind it waiting for ever.
    log.exception("change %s could not be applied", change.id)
    _refuse(change, _("It failed unexpectedly (%(what)s); the log has the place.") % {"what": type(error).__name__})


def _refuse(change: Change, sentence: str) -> None:
    outcome = _("%(why)s Nothing was written.") % {"why": sentence}
    Change.objects.filter(id=change.id, state=Change.APPROVED).update(state=Change.REFUSED, outcome=outcome)
    change.refresh_from_db()
    audit.append(
        actor=system("applier"),
        action="change.refused",
        subject=f"change/{change.id}",
        summary=_("refused to apply change %(number)s: %(why)s") % {"number": change.number, "why": outcome},
        team_id=change.team_id,
        detail={"kind": change.kind, "binding": change.binding_hash},
    )
    announce.decided(change)
