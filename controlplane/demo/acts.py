"""What the tour's buttons do, by the same services as the pages, as the person whose turn it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.urls import reverse

from apps.audit import proof
from apps.audit import selectors as log
from apps.audit import services as audit
from apps.changes import services as changes
from apps.changes.models import Change
from apps.core import jobs
from apps.core.actor import Actor
from apps.dataplane.errors import Conflict
from apps.policies.models import Policy, PolicyVersion
from apps.runs import services as runs
from apps.sources import services as sources

from . import governed
from .facts import Facts
from .hand import NEW_COLUMN

TOUR = "console:home"
RULE = "passport numbers"


@dataclass(frozen=True)
class Act:
    """Who does it, and how; `do` returns the address on which one sees what came of it."""

    who: str
    do: Callable[[Actor, Facts], str]


def _asked(name: str, back: str = TOUR) -> Callable[[Actor, Facts], str]:
    """An act at a source of the demo: a worker does it."""

    def ask(actor: Actor, facts: Facts) -> str:
        with transaction.atomic():
            jobs.enqueue("demo.act", subject=f"demo/{name}")
        return reverse(back)

    return ask


def _start(actor: Actor, facts: Facts) -> str:
    run = runs.start(actor=actor, pipeline_id=facts.pipeline.id)
    run.refresh_from_db()
    return reverse("runs:run", args=[run.number])


def _start_orders(actor: Actor, facts: Facts) -> str:
    run = runs.start(actor=actor, pipeline_id=facts.orders.id)
    run.refresh_from_db()
    return reverse("runs:run", args=[run.number])


def _discover(actor: Actor, facts: Facts) -> str:
    sources.discover(actor=actor, connection_id=facts.pipeline.source_id)
    return reverse(TOUR)


def _classify(actor: Actor, facts: Facts) -> str:
    if facts.column is None:
        raise Conflict(f"Lockgate does not know {NEW_COLUMN} yet.", remedy="Discover the source first.")
    column = {"schema": "public", "table": "customers", "column": NEW_COLUMN, "tags": ["pii.national_id"]}
    proposal = {"connection": str(facts.pipeline.source_id), "columns": [column]}
    reason = "The detector suggests it: passport numbers."
    return _at(_propose(actor, facts, "classification", proposal, reason))


def _propose(actor: Actor, facts: Facts, kind: str, proposal: Mapping[str, Any], reason: str) -> Change:
    return changes.propose(
        actor=actor, kind=kind, team_id=facts.pipeline.team_id, proposal=proposal, reason=reason
    )  # fmt: skip


def _at(change: Change) -> str:
    change.refresh_from_db()
    return reverse("changes:change", args=[change.number])


def _propose_pass(actor: Actor, facts: Facts) -> str:
    return _at(_propose(actor, facts, "policy", _policy("pass"), "Support wants to see the numbers."))


def _policy(treatment: str) -> dict[str, Any]:
    """The active policy with one rule more."""
    policy = Policy.objects.get(slug=governed.POLICY["slug"])
    text = PolicyVersion.objects.get(policy=policy, number=policy.active_version).text
    kept = [rule for rule in text["rules"] if rule["name"] != RULE]
    rule = {"name": RULE, "column": f"public.customers.{NEW_COLUMN}", "zone": "*", "treatment": {"kind": treatment}}
    return {"slug": policy.slug, "name": policy.name, "text": {**text, "rules": [*kept, rule]}}


def _of_policy(facts: Facts) -> Change:
    if facts.policy_change is None:
        raise Conflict("Nobody has proposed a rule for the column yet.", remedy="Go back to the tour.")
    return facts.policy_change


def _approve_own(actor: Actor, facts: Facts) -> str:
    return _at(changes.approve(actor=actor, change_id=_of_policy(facts).id))


def _ask(actor: Actor, facts: Facts) -> str:
    comment = "Nobody needs to read them. Tokens join just as well."
    return _at(changes.request_changes(actor=actor, change_id=_of_policy(facts).id, comment=comment))


def _edit_token(actor: Actor, facts: Facts) -> str:
    wanted = _of_policy(facts)
    return _at(changes.edit(actor=actor, change_id=wanted.id, proposal=_policy("token"), reason="Tokens, then."))


def _approve_token(actor: Actor, facts: Facts) -> str:
    return _at(changes.approve(actor=actor, change_id=_of_policy(facts).id))


def _approve_classification(actor: Actor, facts: Facts) -> str:
    if facts.classification is None:
        raise Conflict("Nobody has proposed a classification yet.", remedy="Go back to the tour.")
    return _at(changes.approve(actor=actor, change_id=facts.classification.id))


def _kill(actor: Actor, facts: Facts) -> str:
    with transaction.atomic():
        run = runs.start(actor=actor, pipeline_id=facts.pipeline.id)
        jobs.enqueue("demo.kill", subject=f"run/{run.id}")
    run.refresh_from_db()
    return reverse("runs:run", args=[run.number])


def _verify(actor: Actor, facts: Facts) -> str:
    audit.verify_as(actor=actor)
    return reverse("audit:events")


def _tamper(actor: Actor, facts: Facts) -> str:
    """A copy of the log in memory, one event of it altered as somebody with every right at the database could."""
    copy = list(log.links())
    place = len(copy) // 2
    link, entry = copy[place]
    body = json.loads(entry.body)
    altered = json.dumps({**body, "action": "nothing.happened"}, sort_keys=True, separators=(",", ":")).encode()
    copy[place] = (link, replace(entry, body=altered))
    found, whole = _first_fault(copy), _first_fault(list(log.links()))
    with transaction.atomic():
        audit.append(
            actor=actor,
            action="demo.copy_tampered",
            subject="audit",
            summary=f"altered event {link.number} in a copy of the log and verified the copy",
            detail={
                "altered": link.number,
                "found": found,
                "log_itself": whole or "whole",
                "copy": hashlib.sha256(altered).hexdigest(),
            },
        )
    return reverse(TOUR)


def _first_fault(links: list[tuple[proof.Link, proof.Entry]]) -> str:
    previous = proof.GENESIS
    for number, (link, entry) in enumerate(links, 1):
        fault = proof.fault_of_link(link, entry, expected=number, previous=previous)
        if fault:
            return fault
        previous = link.chain_hash
    return ""


def _connect(actor: Actor, facts: Facts) -> str:
    return reverse("sources:new")


ACTS: Mapping[str, Act] = {
    "compare": Act("alice", _asked("compare", "demo:rows")),
    "add-column": Act("alice", _asked("add-column")),
    "add-room": Act("alice", _asked("add-room")),
    "break-file": Act("alice", _asked("break-file")),
    "mend-file": Act("alice", _asked("mend-file")),
    "start-orders": Act("alice", _start_orders),
    "start": Act("alice", _start),
    "discover": Act("alice", _discover),
    "classify": Act("alice", _classify),
    "approve-classification": Act("erin", _approve_classification),
    "propose-pass": Act("bob", _propose_pass),
    "approve-own": Act("bob", _approve_own),
    "ask": Act("erin", _ask),
    "edit-token": Act("bob", _edit_token),
    "approve-token": Act("erin", _approve_token),
    "kill": Act("alice", _kill),
    "verify": Act("dora", _verify),
    "tamper": Act("dora", _tamper),
    "connect": Act("alice", _connect),
}
