"""Reads changes: the inbox, one change with everything that its reviewer needs, and who may still decide."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts import selectors as accounts
from apps.core import access
from apps.core.actor import Actor
from apps.core.clock import now
from apps.core.ids import Id
from apps.core.paging import Page, page, sorted_page
from apps.dataplane.errors import Conflict, LockgateError, NotFound

from . import meaning, people, previewing, standing, timeline
from .binding import derive, moved
from .kinds import KINDS
from .models import Change, Comment, Participant
from .plans import by_pipeline, table
from .shown import MINE, NEEDS_ME, OPEN, ChangeDetail, ChangeRow, Check, Decision, Editable, Filters, Part, Said

SORTS = {"number": "number", "expires": "expires_at", "title": "title", "risk": "gravity"}
SHOWN_STATES = {Change.OPEN: "AWAITING_REVIEW"}
TEAMLESS_READERS = frozenset({access.ADMINISTRATOR, access.AUDITOR})


def visible(actor: Actor) -> QuerySet[Change]:
    """The changes that the actor may see: of their teams, and those they took part in."""
    rows = Change.objects.select_related("team")
    if access.everywhere(actor, "change.view"):
        return rows
    seen: Any = Q(team_id__in=access.teams(actor, "change.view"))
    if actor.organisation & TEAMLESS_READERS or _teams_with(actor, frozenset({access.REVIEWER})):
        seen |= Q(team=None)
    person = _uuid(actor.id)
    if person:
        seen |= Exists(Participant.objects.filter(change_id=OuterRef("id"), person_id=person))
    return rows.filter(seen)


def visible_one(actor: Actor, change_id: Id) -> Change:
    """Raises NotFound."""
    key = _uuid(change_id)
    return _one(visible(actor).filter(id=key) if key else Change.objects.none())


def numbered(actor: Actor, number: int) -> Change:
    """Raises NotFound."""
    _require_scope(actor)
    return _one(visible(actor).filter(number=number))


def to_review(actor: Actor, number: int) -> Change:
    """The change, for whoever holds the role that decides it. Raises NotFound, Denied."""
    found = numbered(actor, number)
    access.require(actor, "change.review", found.team_id)
    return found


def to_discuss(actor: Actor, number: int) -> Change:
    """The change, for whoever may comment on it. Raises NotFound, Denied."""
    found = numbered(actor, number)
    if actor.id not in people.makers(found):
        access.require(actor, "change.comment", found.team_id)
    return found


def to_propose_anew(actor: Actor, number: int) -> Change:
    """The change, for whoever may propose its kind: to edit it or to roll it back. Raises NotFound, Denied."""
    found = numbered(actor, number)
    access.require(actor, KINDS[found.kind].proposals.ACTION, found.team_id)
    return found


def to_edit(actor: Actor, number: int, kind: str) -> Editable:
    """The proposal of an open change of this kind, for the form of that kind. Raises NotFound, Denied, Conflict."""
    found = to_propose_anew(actor, number)
    if found.kind != kind:
        raise NotFound(_("Change %(number)s is about something else.") % {"number": number})
    if found.state != Change.OPEN:
        raise Conflict(
            _("Change %(number)s can no longer be edited: it is %(state)s.")
            % {"number": number, "state": found.state.lower()},
            remedy=_("Propose it anew."),
        )
    return Editable(found.id, number, found.team_id, found.target, found.proposal, found.reason, found.binding_hash)


def require_proposing(actor: Actor) -> None:
    """Raise Denied for whoever may propose nothing anywhere."""
    actions = [kind.proposals.ACTION for kind in KINDS.values()]
    if not any(access.allowed(actor, action) for action in actions):
        access.require(actor, actions[0])


def _one(rows: QuerySet[Change]) -> Change:
    found = rows.first()
    if found is None:
        raise NotFound(_("There is no such change, or none that you may see."))
    return found


def _teams_with(actor: Actor, roles: frozenset[str]) -> list[str]:
    return [team for team, held in actor.teams.items() if held & roles]


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _require_scope(actor: Actor) -> None:
    if actor.scopes is not None and access.READ not in actor.scopes:
        access.require(actor, "change.view")


def changes(actor: Actor, filters: Filters, *, cursor: str = "", size: int = 50) -> Page[Any]:
    """One page of the inbox, newest first."""
    if not actor.organisation & TEAMLESS_READERS:
        # An administrator holds no team's role, but may read what is proposed for the organisation.
        access.require(actor, "change.view")
    _require_scope(actor)
    rows = _matching(actor, filters)
    if filters.sort:
        by = SORTS[filters.sort.removeprefix("-")]
        found = sorted_page(rows, by=by, descending=filters.sort.startswith("-"), cursor=cursor, size=size)
    else:
        found = page(rows, by="number", cursor=cursor, size=size)
    return Page(_rows(actor, found.rows), older=found.older, newer=found.newer)


def _matching(actor: Actor, filters: Filters) -> QuerySet[Change]:
    rows = _needing(actor) if filters.show == NEEDS_ME else visible(actor)
    if filters.show == MINE:
        mine = Participant.objects.filter(change_id=OuterRef("id"), person_id=_uuid(actor.id)).exclude(
            part=Participant.REVIEWER
        )
        rows = rows.filter(Exists(mine))
    if filters.show == OPEN and not filters.state:
        rows = rows.filter(state__in=[Change.OPEN, Change.APPROVED])
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.team:
        rows = rows.filter(team__slug=filters.team)
    if filters.risk:
        rows = rows.filter(risk=filters.risk)
    if filters.author:
        wrote = Participant.objects.filter(change_id=OuterRef("id"), part=Participant.AUTHOR)
        rows = rows.filter(Exists(wrote.filter(person__name__icontains=filters.author)))
    if filters.sort.endswith("risk"):
        gravity = Case(When(risk="HIGH", then=3), When(risk="MEDIUM", then=2), default=1, output_field=IntegerField())
        rows = rows.annotate(gravity=gravity)
    if filters.text:
        number = filters.text.removeprefix("#")
        by_number = Q(number=int(number)) if number.isdecimal() and len(number) < 16 else Q()
        rows = rows.filter(
            by_number | Q(title__icontains=filters.text) if by_number else Q(title__icontains=filters.text)
        )
    return rows


def _needing(actor: Actor) -> QuerySet[Change]:
    """Open changes that this reviewer has not yet judged in their present text, and did not write."""
    teams = _teams_with(actor, frozenset({access.REVIEWER}))
    if not teams or actor.kind == "system":
        return Change.objects.none()
    done = Participant.objects.filter(change_id=OuterRef("id"), person_id=_uuid(actor.id)).filter(
        ~Q(part=Participant.REVIEWER) | Q(binding_hash=OuterRef("binding_hash"))
    )
    mine_to_judge = Q(team_id__in=teams) | Q(team=None)
    waiting = Change.objects.select_related("team").filter(mine_to_judge, state=Change.OPEN, expires_at__gt=now())
    return waiting.filter(~Exists(done))


def waiting_count(actor: Actor) -> int:
    """How many changes wait for this person's review; for the navigation."""
    return _needing(actor).count()


def mine_count(actor: Actor) -> int:
    """How many open changes this person proposed or edited; for the tabs."""
    return _matching(actor, Filters(show=MINE, state=Change.OPEN)).count()


def open_count(actor: Actor) -> int:
    """How many changes that this person may see are open; for the tabs."""
    return _matching(actor, Filters(show=OPEN)).count()


def waiting(actor: Actor, *, limit: int = 5) -> list[ChangeRow]:
    """The changes that wait for this person's review, soonest to expire first; for the home page."""
    return _rows(actor, list(_needing(actor).order_by("expires_at", "number")[:limit]))


def of_target(actor: Actor, target: str, *, limit: int = 20) -> list[ChangeRow]:
    """The changes that are about one governed thing, newest first; for that thing's page."""
    return _rows(actor, list(visible(actor).filter(target=target).order_by("-number")[:limit]))


def mine_open(actor: Actor, *, limit: int = 5) -> list[ChangeRow]:
    """What this person proposed and nobody has decided yet; for the home page."""
    return _rows(actor, list(_matching(actor, Filters(show=MINE, state=Change.OPEN)).order_by("-number")[:limit]))


def _rows(actor: Actor, found: Sequence[Change]) -> list[ChangeRow]:
    parts: dict[UUID, list[Participant]] = {change.id: [] for change in found}
    for part in Participant.objects.filter(change_id__in=parts):
        parts[part.change_id].append(part)
    everybody = {part.person_id for held in parts.values() for part in held}
    names = accounts.names(everybody)
    return [_row(actor, change, parts[change.id], names) for change in found]


def _row(actor: Actor, change: Change, parts: Sequence[Participant], names: dict[str, str]) -> ChangeRow:
    kind = KINDS[change.kind]
    author = next((str(part.person_id) for part in parts if part.part == Participant.AUTHOR), "")
    on_this_text = [part.verdict for part in parts if part.binding_hash == change.binding_hash]
    return ChangeRow(
        id=change.id,
        number=change.number,
        title=change.title,
        sentence=change.sentence,
        kind=change.kind,
        kind_label=kind.label,
        icon=kind.icon,
        team=change.team.name if change.team else "",
        team_slug=change.team.slug if change.team else "",
        risk=change.risk,
        state=_shown_state(change, on_this_text),
        author=names.get(author, ""),
        mine=author == actor.id,
        given=on_this_text.count(Participant.APPROVED),
        needed=change.approvals_needed,
        founding=change.founding,
        created_at=change.created_at,
        expires_at=change.expires_at,
    )


def _shown_state(change: Change, verdicts: Sequence[str]) -> str:
    if change.state == Change.OPEN and Participant.ASKED in verdicts:
        return "CHANGES_REQUESTED"
    return SHOWN_STATES.get(change.state, change.state)


def change(actor: Actor, number: int) -> ChangeDetail:
    """One change with everything on its page. Raises NotFound."""
    found = numbered(actor, number)
    parts = list(Participant.objects.filter(change=found).order_by("at"))
    comments = list(Comment.objects.filter(change=found).order_by("id"))
    names = accounts.names({part.person_id for part in parts} | {said.person_id for said in comments})
    mine = next((part for part in parts if str(part.person_id) == actor.id), None)
    author = mine is not None and mine.part == Participant.AUTHOR
    maker = mine is not None and mine.part != Participant.REVIEWER
    plan = table(found.binding.get("plans_before", []), found.binding.get("plans_after", []))
    may_propose = access.allowed(actor, KINDS[found.kind].proposals.ACTION, found.team_id)
    waiting = found.state in (Change.OPEN, Change.APPROVED)
    return ChangeDetail(
        row=_row(actor, found, parts, names),
        reason=found.reason,
        risk_reasons=tuple(found.risk_reasons),
        target=found.target,
        base_version=found.binding["base_version"],
        text_before=found.exhibits.get("text_before", ""),
        text_after=found.exhibits.get("text_after", ""),
        plan=plan,
        pipelines=by_pipeline(plan),
        parts=tuple(_part(part, found, names) for part in parts),
        comments=tuple(Said(names.get(str(said.person_id), ""), said.text, said.created_at) for said in comments),
        checks=_checks(found, parts) if waiting else (),
        checked_at=now() if waiting else None,
        differences=meaning.differences(found.kind, found.exhibits.get("proposal_before"), found.proposal),
        seen=previewing.seen(found.team_id, plan) if waiting else (),
        timeline=timeline.timeline(found, parts, comments, names),
        standing=standing.standing(found, parts),
        decision=_decision(actor, found, mine, parts),
        may_edit=found.state == Change.OPEN and may_propose and (mine is None or maker),
        may_withdraw=author and found.state in (Change.OPEN, Change.APPROVED),
        may_comment=maker or access.allowed(actor, "change.comment", found.team_id),
        may_roll_back=found.state == Change.APPLIED
        and may_propose
        and found.exhibits.get("proposal_before") is not None,
        rolls_back=found.rolls_back.number if found.rolls_back else None,
        rolled_back_by=tuple(found.rolled_back_by.order_by("number").values_list("number", flat=True)),
        binding_hash=found.binding_hash,
        proposal=found.proposal,
        outcome=found.outcome,
        applied_at=found.applied_at,
    )


def _part(part: Participant, change: Change, names: dict[str, str]) -> Part:
    counts = not part.verdict or part.binding_hash == change.binding_hash
    return Part(names.get(str(part.person_id), ""), part.part, part.verdict, part.comment, part.at, counts)


def _decision(actor: Actor, change: Change, mine: Participant | None, parts: Sequence[Participant]) -> Decision:
    given = people.counting(change, parts) if change.state == Change.OPEN else frozenset()
    judged = mine is not None and mine.part == Participant.REVIEWER and mine.binding_hash == change.binding_hash
    verdict = mine.verdict if mine is not None and judged else ""
    why_not = _why_not(actor, change, mine)
    return Decision(not why_not, why_not, len(given - {actor.id}) + 1, verdict)


def _why_not(actor: Actor, change: Change, mine: Participant | None) -> str:
    if change.state != Change.OPEN:
        return _("Nothing is to be decided any more.")
    if change.expires_at <= now():
        return _("It has expired.")
    if mine is not None and mine.part == Participant.AUTHOR:
        return _("This is your own change. Somebody else must approve it, whatever your role.")
    if mine is not None and mine.part == Participant.EDITOR:
        return _("You edited this change. Somebody else must approve it, whatever your role.")
    if not access.allowed(actor, "change.review", change.team_id):
        return _("It takes the role reviewer to decide this change.")
    if actor.kind != "person":
        return _("A change is decided by a person, signed in in the browser.")
    return ""


def _checks(change: Change, parts: Sequence[Participant]) -> tuple[Check, ...]:
    """Derived again at this moment, as the applier will before it applies."""
    began = perf_counter()
    try:
        now_ = derive(change.kind, change.team_id, change.proposal).document
    except LockgateError as error:
        return (Check("failed", error.sentence),)
    took = _("%(n)s s") % {"n": f"{perf_counter() - began:.1f}"}
    bound = change.binding
    difference = moved(bound, now_)
    pipelines = len({plan["pipeline"] for plan in now_["plans_after"]})
    recompiled = ngettext("Plan of %(n)s pipeline recompiled", "Plans of %(n)s pipelines recompiled", pipelines)
    same_plans = all(bound[side] == now_[side] for side in ("plans_before", "plans_after"))
    base = bound["base_version"]
    checks = [Check("done", _("The proposal is valid"), took)]
    if bound["base_version"] == now_["base_version"]:
        still = (
            _("Based on version %(n)s, which is still active") % {"n": base}
            if base
            else _("Nothing of this name exists yet")
        )
        checks.append(Check("done", still))
    if pipelines and same_plans:
        checks.append(Check("done", recompiled % {"n": pipelines}))
    if difference:
        checks.append(Check("failed", difference))
    given = len(people.counting(change, parts))
    if not change.founding:
        said = {"given": given, "needed": change.approvals_needed}
        state = "done" if given >= change.approvals_needed else "waiting"
        checks.append(Check(state, _("%(given)s of %(needed)s approvals count") % said))
    return tuple(checks)
