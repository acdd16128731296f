"""Proposes, discusses and decides changes. Nothing here writes a governed table: that is the applier's alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts import selectors as accounts
from apps.audit import services as audit
from apps.core import access
from apps.core.actor import Actor, system
from apps.core.clock import now
from apps.core.ids import Id
from apps.dataplane.errors import Conflict, Denied, Invalid, NotFound, Refused

from . import announce, people, selectors, wanting
from .applier import apply_next
from .binding import Binding, derive
from .kinds import kind as kind_named
from .models import Change, Comment, Participant

__all__ = [
    "apply_next",
    "approve",
    "comment",
    "edit",
    "expire",
    "propose",
    "propose_wanted",
    "reject",
    "request_changes",
    "roll_back",
    "withdraw",
]

OPEN_FOR = timedelta(days=7)
LONGEST_TEXT = 10_000


def propose(
    *,
    actor: Actor,
    kind: str,
    team_id: Id | None,
    proposal: Mapping[str, Any],
    reason: str = "",
    rolls_back: Change | None = None,
) -> Change:
    """Open a change. While founding is open it carries its author's signature alone and waits for the applier at once.

    Raises Invalid naming the form's field.
    """
    access.require(actor, kind_named(kind).proposals.ACTION, team_id)
    author = _person(actor)
    with transaction.atomic():
        binding = derive(kind, team_id, proposal)
        _require_something_new(binding)
        # A machine's signature is none: what the product itself proposes waits for a person.
        founding = accounts.founding_open() and actor.kind != "system"
        change = Change(
            team_id=team_id,
            kind=kind,
            target=binding.target,
            reason=_text(reason, "reason"),
            founding=founding,
            state=Change.APPROVED if founding else Change.OPEN,
            decided_at=now() if founding else None,
            rolls_back=rolls_back,
            expires_at=now() + OPEN_FOR,
            **_following_from(binding),
        )
        change.save(force_insert=True)
        Participant(change=change, person_id=author, part=Participant.AUTHOR).save(force_insert=True)
        _record(actor, change, "proposed", _("proposed change %(number)s: %(title)s"), risk=change.risk)
        if not founding:
            announce.opened(change)
    return change


def propose_wanted() -> int:
    """Propose what lower parts want changed; the scheduler's. Returns how many were taken up."""
    return wanting.take_up(propose)


def edit(
    *, actor: Actor, change_id: Id, proposal: Mapping[str, Any], reason: str | None = None, seen: str = ""
) -> Change:
    """Replace the proposal; risk and approvals needed follow from the new one.

    Whoever edits can no longer review, and verdicts on the former text no longer count. `seen` is the hash of the
    binding that the editor began with: Conflict when somebody edited it meanwhile.
    """
    with transaction.atomic():
        change = _locked(actor, change_id)
        access.require(actor, "change.edit", change.team_id)
        access.require(actor, kind_named(change.kind).proposals.ACTION, change.team_id)
        _require_state(change, Change.OPEN)
        _require_seen(change, seen)
        binding = derive(change.kind, change.team_id, proposal)
        if binding.target != change.target:
            raise Invalid(
                _("This would change something else than change %(number)s is about.") % {"number": change.number},
                remedy=_("Propose it as a change of its own."),
            )
        _require_something_new(binding)
        _take_part_as_editor(change, _person(actor))
        values = _following_from(binding) | ({} if reason is None else {"reason": _text(reason, "reason")})
        _move(change, Change.OPEN, Change.OPEN, **values)
        _record(actor, change, "edited", _("edited change %(number)s: %(title)s"), risk=change.risk)
        announce.opened(change, again=True)
    return change


def approve(*, actor: Actor, change_id: Id, seen: str = "", comment: str = "") -> Change:
    """Approve what the binding says; with enough approvals the change waits for the applier.

    `seen` is the hash of the binding that the reviewer looked at: Conflict when it was edited meanwhile.
    """
    with transaction.atomic():
        change = _judge(actor, change_id, Participant.APPROVED, seen, comment, Change.OPEN)
        given = len(people.counting(change))
        decided = given >= change.approvals_needed
        if decided:
            _move(change, Change.OPEN, Change.APPROVED, decided_at=Now())
        said = {"given": given, "needed": change.approvals_needed}
        _record(actor, change, "approved", _("approved change %(number)s: %(title)s"), **said)
        if decided:
            announce.decided(change)
    return change


def reject(*, actor: Actor, change_id: Id, comment: str, seen: str = "") -> Change:
    """End the change without applying it; the comment tells the author why."""
    _require_comment(comment)
    with transaction.atomic():
        change = _judge(actor, change_id, Participant.REJECTED, seen, comment, Change.OPEN, Change.APPROVED)
        _move(change, change.state, Change.REJECTED, outcome=comment.strip(), decided_at=Now())
        _record(actor, change, "rejected", _("rejected change %(number)s: %(title)s"))
        announce.decided(change)
    return change


def request_changes(*, actor: Actor, change_id: Id, comment: str, seen: str = "") -> Change:
    """Ask the author for something else; the change stays open."""
    _require_comment(comment)
    with transaction.atomic():
        change = _judge(actor, change_id, Participant.ASKED, seen, comment, Change.OPEN)
        _record(actor, change, "questioned", _("requested changes to change %(number)s: %(title)s"))
        announce.questioned(change)
    return change


def comment(*, actor: Actor, change_id: Id, text: str) -> Comment:
    """Say something about a change, at any time."""
    _require_write_scope(actor)
    with transaction.atomic():
        change = _visible(actor, change_id)
        if actor.id not in people.makers(change):
            access.require(actor, "change.comment", change.team_id)
        _require_comment(text)
        said = Comment(change=change, person_id=_person(actor), text=_text(text, "comment"))
        said.save(force_insert=True)
        _record(actor, change, "commented", _("commented on change %(number)s: %(title)s"))
    return said


def withdraw(*, actor: Actor, change_id: Id) -> Change:
    """Take back one's own change, as long as it is not applied."""
    _require_write_scope(actor)
    with transaction.atomic():
        change = _locked(actor, change_id)
        author = Participant.objects.get(change=change, part=Participant.AUTHOR)
        if str(author.person_id) != actor.id:
            raise Denied(_("Only its author can withdraw a change."), remedy=_("A reviewer can reject it."))
        _require_state(change, Change.OPEN, Change.APPROVED)
        _move(change, change.state, Change.WITHDRAWN, decided_at=Now())
        _record(actor, change, "withdrawn", _("withdrew change %(number)s: %(title)s"))
    return change


def roll_back(*, actor: Actor, change_id: Id, reason: str = "") -> Change:
    """Propose, as a change of its own, what was active before an applied one."""
    change = _visible(actor, change_id)
    access.require(actor, kind_named(change.kind).proposals.ACTION, change.team_id)
    _require_state(change, Change.APPLIED)
    before = change.exhibits.get("proposal_before")
    if before is None:
        raise Refused(
            _("Change %(number)s made something new, so there is nothing to go back to.") % {"number": change.number},
            remedy=_("Propose what shall hold instead."),
        )
    why = reason.strip() or _("Rolls back change %(number)s.") % {"number": change.number}
    return propose(
        actor=actor, kind=change.kind, team_id=change.team_id, proposal=before, reason=why, rolls_back=change
    )


def expire() -> int:
    """End what nobody decided in time; the scheduler's. Returns how many."""
    ended = 0
    waiting = Change.objects.filter(state=Change.OPEN, expires_at__lte=Now()).order_by("number")
    for change in waiting[:100]:
        with transaction.atomic():
            expired = Change.objects.filter(id=change.id, state=Change.OPEN, expires_at__lte=Now())
            if not expired.update(state=Change.EXPIRED, outcome=_("Nobody decided in time."), decided_at=Now()):
                continue  # A reviewer was faster.
            change.state = Change.EXPIRED
            _record(system("scheduler"), change, "expired", _("change %(number)s expired: %(title)s"))
            announce.decided(change)
            ended += 1
    return ended


def _judge(actor: Actor, change_id: Id, verdict: str, seen: str, comment: str, *states: str) -> Change:
    """Lock the change and write this reviewer's verdict on the binding as it is."""
    change = _locked(actor, change_id)
    access.require(actor, "change.review", change.team_id)
    person = _reviewer(actor, change)
    _require_state(change, *states)
    if change.expires_at <= now():
        raise Conflict(_("Change %(number)s has expired.") % {"number": change.number})
    _require_seen(change, seen)
    given = {"verdict": verdict, "binding_hash": change.binding_hash, "comment": _text(comment, "comment")}
    again = Participant.objects.filter(change=change, person_id=person, part=Participant.REVIEWER)
    if not again.update(**given, at=Now()):
        _insert(Participant(change=change, person_id=person, part=Participant.REVIEWER, **given))
    return change


def _require_seen(change: Change, seen: str) -> None:
    if seen and seen != change.binding_hash:
        raise Conflict(
            _("Change %(number)s was edited while you were reading it.") % {"number": change.number},
            remedy=_("Read it again: your decision covers exactly what you saw."),
            field="seen",
        )


def _reviewer(actor: Actor, change: Change) -> UUID:
    if actor.kind != "person" or actor.id not in people.reviewers(change.team_id):
        raise Denied(
            _("A change is decided by a person who may review, signed in in the browser."),
            remedy=_("A token or a service account can propose, but never approve."),
        )
    return UUID(actor.id)


def _insert(participant: Participant) -> None:
    """The primary key lets a person take one part: who wrote it cannot judge it, whatever their role."""
    try:
        with transaction.atomic():
            participant.save(force_insert=True)
    except IntegrityError as error:
        held = Participant.objects.get(change_id=participant.change_id, person_id=participant.person_id)
        parts = {
            Participant.AUTHOR: _("You took part in this change as its author, so somebody else must decide it."),
            Participant.EDITOR: _("You took part in this change as an editor, so somebody else must decide it."),
            Participant.REVIEWER: _("You took part in this change as a reviewer, so you cannot edit it."),
        }
        raise Denied(parts[held.part]) from error


def _take_part_as_editor(change: Change, person: UUID) -> None:
    if str(person) not in people.makers(change):
        _insert(Participant(change=change, person_id=person, part=Participant.EDITOR))


def _following_from(binding: Binding) -> dict[str, Any]:
    """The columns of a change that follow from its binding; the exhibits show it as of this moment."""
    says, text = binding.consequence, binding.kind.proposals.text
    return {
        "title": says.title[:200],
        "sentence": says.sentence,
        "risk": says.risk,
        "risk_reasons": list(says.reasons),
        "approvals_needed": binding.document["approvals_needed"],
        "proposal": binding.proposal,
        "binding": binding.document,
        "binding_hash": binding.hash,
        "exhibits": {
            "text_before": text(binding.before) if binding.before is not None else "",
            "text_after": text(binding.proposal),
            "proposal_before": binding.before,
        },
    }


def _require_something_new(binding: Binding) -> None:
    if binding.proposal == binding.before:
        raise Invalid(_("This is what is active already; there is nothing to change."))


def _require_comment(text: str) -> None:
    if not text.strip():
        raise Invalid(_("Say why: the author must know what to do."), field="comment")


def _text(text: str, field: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise Invalid(_("This is longer than %(most)s characters.") % {"most": LONGEST_TEXT}, field=field)
    return text.replace("\x00", "").strip()


def _person(actor: Actor) -> UUID:
    """Changes are made by people, or by tokens that act as one."""
    try:
        return UUID(actor.id)
    except ValueError as error:
        raise Denied(_("Only people propose, edit and discuss changes.")) from error


def _require_write_scope(actor: Actor) -> None:
    """Where authorship suffices and no role is asked for, a token must still be one that may write."""
    if actor.scopes is not None and access.WRITE not in actor.scopes:
        raise Denied(_("This token may only read."), remedy=_("Use a token with the scope write."))


def _visible(actor: Actor, change_id: Id) -> Change:
    return selectors.visible_one(actor, change_id)


def _locked(actor: Actor, change_id: Id) -> Change:
    """The change with its row locked, so that decisions on one change come one after the other."""
    change = _visible(actor, change_id)
    found = Change.objects.select_for_update().filter(id=change.id).first()
    if found is None:
        raise NotFound(_("There is no such change."))
    return found


def _require_state(change: Change, *states: str) -> None:
    if change.state not in states:
        said = {"number": change.number, "state": change.state.lower()}
        raise Conflict(_("Change %(number)s is %(state)s; this can no longer be done.") % said)


def _move(change: Change, before: str, after: str, **values: Any) -> None:
    if not Change.objects.filter(id=change.id, state=before).update(state=after, **values):
        raise Conflict(_("Change %(number)s was decided meanwhile.") % {"number": change.number})
    change.refresh_from_db()


def _record(actor: Actor, change: Change, act: str, summary: str, **detail: Any) -> None:
    audit.append(
        actor=actor,
        action=f"change.{act}",
        subject=f"change/{change.id}",
        summary=summary % {"number": change.number, "title": change.title},
        team_id=change.team_id,
        detail={"kind": change.kind, "target": change.target, "binding": change.binding_hash, **detail},
    )
