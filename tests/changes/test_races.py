"""Whoever is faster wins, and nothing is applied that was not approved in exactly that form."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from apps.audit import services as audit
from apps.changes import services
from apps.changes.models import Change, Participant
from apps.dataplane.errors import LockgateError
from apps.sources.models import Classification
from tests.copies import Copy, copy
from tests.support import World

from .support import Crm

__all__ = ["copy"]


Act = tuple[str, Callable[[], object]]


def test_edits_approvals_and_appliers_at_once_never_apply_what_was_not_approved(copy: Copy) -> None:
    with copy.as_role("owner"):
        crm = Crm.discovered(World.found())
        people = {name: crm.world.actor(name) for name in crm.world.users}
        texts = [crm.proposal(email=[tag]) for tag in ("pii.contact.email", "pii.name", "pii.text", "secret")]
    for _ in range(5):
        with copy.as_role("web"):
            change = services.propose(
                actor=people["alice"], kind="classification", team_id=crm.world.team.id, proposal=random.choice(texts)
            )
        acts: list[Act] = [("applier", services.apply_next)] * 8
        acts += [
            ("web", partial(services.edit, actor=people["alice"], change_id=change.id, proposal=text)) for text in texts
        ]
        acts += [
            ("web", partial(services.approve, actor=people[name], change_id=change.id)) for name in ("bob", "erin") * 4
        ]
        random.shuffle(acts)
        for result in copy.together(*acts):
            assert not isinstance(result, BaseException) or isinstance(result, LockgateError), repr(result)
        with copy.as_role("applier"):
            services.apply_next()
        with copy.as_role("owner"):
            change.refresh_from_db()
            require_consistent(change)
            Change.objects.filter(id=change.id, state="OPEN").update(state="WITHDRAWN")
            Classification.objects.all().delete()
    with copy.as_role("notary"):
        while audit.sequence():
            pass
        assert audit.verify().ok


def require_consistent(change: Change) -> None:
    counted = Participant.objects.filter(change=change, verdict="APPROVED", binding_hash=change.binding_hash)
    written = list(Classification.objects.values_list("tags", flat=True))
    if change.state == "APPLIED":
        assert counted.count() >= change.binding["approvals_needed"]
        assert written == [change.binding["proposal"]["columns"][0]["tags"]]
    else:
        assert written == []
