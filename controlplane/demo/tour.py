"""The guided tour: seven steps, each of which finds out from the database how far it is and who goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from apps.changes.models import Change
from apps.incidents.models import Incident
from apps.runs.models import Run
from apps.sources.models import Connection, ConnectionTest

from . import governed
from .facts import Facts, treatment_of
from .hand import NEW_COLUMN


@dataclass(frozen=True)
class Move:
    """One thing to do: by whom, the act that does it, where one sees it, and what came of it once it is done."""

    text: str
    who: str
    done: bool
    act: str = ""
    label: str = ""
    url: str = ""
    link: str = ""
    result: str = ""


@dataclass(frozen=True)
class Step:
    """One of the seven."""

    number: int
    title: str
    text: str
    moves: tuple[Move, ...]

    @property
    def done(self) -> bool:
        return all(move.done for move in self.moves)

    @property
    def following(self) -> Move | None:
        return next((move for move in self.moves if not move.done), None)


@dataclass(frozen=True)
class Tour:
    """The steps as they are now, and what is under way; empty when everything waits for somebody."""

    steps: tuple[Step, ...]
    busy: str

    @property
    def following(self) -> Step | None:
        return next((step for step in self.steps if not step.done), None)

    @property
    def done(self) -> int:
        return sum(1 for step in self.steps if step.done)


def tour() -> Tour:
    """Asks the database."""
    facts = Facts()
    return Tour(tuple(make(facts) for make in STEPS), facts.busy)


def _run_url(run: Run | None) -> str:
    return reverse("runs:run", args=[run.number]) if run else ""


def _change_url(change: Change | None) -> str:
    return reverse("changes:change", args=[change.number]) if change else ""


def _side_by_side(facts: Facts) -> Step:
    text = (
        "Customers went from the CRM to the warehouse. Names, accounts and cards were masked on the way, and the fraud "
        "analysts' query still works."
    )
    rings = facts.detail("compared")
    told = f"{rings['same']} of {rings['source']} fraud rings are found on the masked data." if rings else ""
    look = Move(
        "Look at the same customers on both sides, and let the fraud query run on each.", "alice", bool(rings),
        "compare", "Compare both sides", reverse("demo:rows") if rings else "", "The rows, side by side", told,
    )  # fmt: skip
    return Step(1, "The data left, the people stayed", text, (look,))


def _drift(facts: Facts) -> Step:
    added = facts.events.get("column_added")
    refused = facts.run_after(added.at if added else None, Run.REFUSED)
    add = Move(
        f"Add the column {NEW_COLUMN} to customers, at the source itself.", "alice", added is not None,
        "add-column", "Add the column", result=f"customers has {NEW_COLUMN} now." if added else "",
    )  # fmt: skip
    start = Move(
        "Start the pipeline. It stops, writes nothing, and names the column.", "alice", refused is not None,
        "start", "Start the run", _run_url(refused), "What it says", refused.sentence if refused else "",
    )  # fmt: skip
    text = "Somebody adds passport numbers to the source, and tells nobody."
    return Step(2, "A column appears, and nothing leaks", text, (add, start))


def _review(facts: Facts) -> Step:
    text = "Bob would like passport numbers to be readable. He may propose it."
    moves = (*_classifying(facts), *_proposing(facts), *_agreeing(facts))
    return Step(3, "Nobody approves alone", text, moves)


def _classifying(facts: Facts) -> tuple[Move, ...]:
    column, change = facts.column, facts.classification
    dataset = reverse("sources:dataset", args=[column.dataset_id]) if column else ""
    suggested = f"Suggested: {column.suggested_tag}." if column and column.suggested_tag else ""
    proposed = change is not None or facts.classified
    return (
        Move("Discover the source again, so that Lockgate knows the column.", "alice", column is not None,
             "discover", "Discover", dataset, "The table", suggested),
        Move("Propose what it is: a number that a state gave a person.", "alice", proposed,
             "classify", "Propose the classification", _change_url(change), "The change"),
        Move("Agree.", "erin", facts.classified,
             "approve-classification", "Approve it", _change_url(change), "The change"),
    )  # fmt: skip


def _proposing(facts: Facts) -> tuple[Move, ...]:
    change = facts.policy_change
    at, kind = _change_url(change), treatment_of(change.proposal) if change else ""
    denied = change is not None and _after(facts.said("access.denied", who="bob"), change)
    asked = change is not None and facts.said("change.questioned", f"change/{change.id}") is not None
    settled = change is not None and (kind == "token" or change.state == Change.APPLIED)
    reads = f"{change.sentence} Risk: {change.risk.lower()}." if change and kind == "pass" else ""
    return (
        Move("Propose to let passport numbers pass as they are.", "bob", change is not None,
             "propose-pass", "Propose “pass”", at, "What the reviewer reads", reads),
        Move("Try to approve your own change.", "bob", denied or settled,
             "approve-own", "Approve it yourself", result="Refused, and in the audit log." if denied else ""),
        Move("Ask for something else: nobody needs to read them.", "erin", asked or settled,
             "ask", "Request changes", at, "The change"),
    )  # fmt: skip


def _after(event: Any, change: Change) -> bool:
    return event is not None and event.at > change.created_at


def _agreeing(facts: Facts) -> tuple[Move, ...]:
    change = facts.policy_change
    at, token = _change_url(change), change is not None and treatment_of(change.proposal) == "token"
    applied = change is not None and change.state == Change.APPLIED
    green = facts.run_after(change.applied_at if change and applied else None, Run.PUBLISHED)
    room = green is not None or "room_added" in facts.events
    needs = f"Risk: {change.risk.lower()}. Approvals it takes: {change.approvals_needed}." if change and token else ""
    return (
        Move("Propose tokens instead: they join, and nobody can read them.", "bob", token,
             "edit-token", "Change it to “token”", at, "The change", needs),
        Move("Agree. One approval is enough now, and it is applied.", "erin", applied,
             "approve-token", "Approve it", at, "The change"),
        Move("Make room for it at the warehouse: Lockgate never alters somebody's table by itself.", "alice", room,
             "add-room", "Add the column there"),
        Move("Start the pipeline again.", "alice", green is not None,
             "start", "Start the run", _run_url(green), "The green run", green.sentence if green else ""),
    )  # fmt: skip


def _bad_file(facts: Facts) -> Step:
    broken, mended = facts.events.get("file_broken"), facts.events.get("file_mended")
    blocked = facts.run_after(broken.at if broken else None, Run.BLOCKED, orders=True)
    green = facts.run_after(mended.at if mended else None, Run.PUBLISHED, orders=True)
    incident = facts.incident_of(blocked)
    mails = facts.mails_about(incident)
    at = reverse("incidents:incident", args=[incident.number]) if incident else ""
    closed = incident is not None and incident.state == Incident.RESOLVED
    text = "A partner's file comes broken. Nothing of it reaches the warehouse, and nobody has to get up at night."
    return Step(4, "A malformed file stays outside", text, (
        Move("Let the partner deliver a file whose later lines lost a column.", "alice", broken is not None,
             "break-file", "Deliver the broken file"),
        Move("Start the pipeline. The gate stays closed; yesterday's table is still served.", "alice",
             blocked is not None, "start-orders", "Start the run", _run_url(blocked), "The closed gate",
             blocked.sentence if blocked else ""),
        Move("One incident, and one mail that says it in its subject line.", "alice", bool(mails),
             url=reverse("alerts:outbox"), link="The outbox", result="; ".join(mails)),
        Move("The partner delivers the file again, whole.", "alice", mended is not None,
             "mend-file", "Deliver it again"),
        Move("Start the pipeline again.", "alice", green is not None, "start-orders", "Start the run", _run_url(green),
             "The green run", green.sentence if green else ""),
        Move("The incident has closed by itself.", "alice", closed, url=at, link="The incident"),
    ))  # fmt: skip


def _kill(facts: Facts) -> Step:
    text = (
        "The extract worker is killed while it reads. The supervisor starts it again, another attempt takes the run "
        "over, and every row arrives once."
    )
    killed = facts.detail("worker_killed")
    number = int(killed["run"]) if killed else 0
    run = next((one for one in facts.runs if one.number == number), None)
    done = run is not None and run.state == Run.PUBLISHED
    when = f"Killed after {int(killed['rows']):,} rows of run {number}." if killed else ""
    kill = Move(
        "Start a run and kill its worker (SIGKILL).", "alice", bool(killed),
        "kill", "Kill a worker now", _run_url(run), "Watch it go on", when,
    )  # fmt: skip
    seen = Move(
        "See it published all the same; it takes up to a minute.", "alice", done,
        url=_run_url(run), link="The run", result=_counts(facts, run) if run and done else "",
    )  # fmt: skip
    return Step(5, "A worker dies in the middle", text, (kill, seen))


def _counts(facts: Facts, run: Run) -> str:
    before = next((one for one in reversed(facts.runs) if one.number < run.number and one.state == Run.PUBLISHED), None)
    told = f"Run {run.number} read {run.rows_read:,} rows and published {run.rows_published:,}"
    if before is None:
        return f"{told}."
    same = _equation(before) == _equation(run)
    return f"{told}: {'the same as' if same else 'not the same as'} run {before.number}, which nobody disturbed."


def _equation(run: Run) -> tuple[int, ...]:
    return run.rows_read, run.rows_published, run.rows_quarantined, run.rows_rejected, run.rows_excluded


def _proof(facts: Facts) -> Step:
    text = (
        "Dora audits. She follows a column to its proof: what was done, by which rule, approved by whom, in a record "
        "that the notary signed."
    )
    verified, torn = facts.said("audit.verified", who="dora"), facts.detail("copy_tampered")
    published = next((run for run in reversed(facts.runs) if run.state == Run.PUBLISHED), None)
    manifest = reverse("runs:manifest", args=[published.number]) if published else ""
    follow = Move(
        "Read and download the signed manifest of the last run, then verify the whole log.", "dora",
        verified is not None, "verify", "Verify the log", manifest, "The manifest",
        f"Dora {verified.summary}" if verified else "",
    )  # fmt: skip
    tamper = Move(
        "Alter one event in a copy of the log, and verify the copy.", "dora", bool(torn),
        "tamper", "Tamper with a copy", reverse("audit:events"), "The log itself", torn.get("found", ""),
    )  # fmt: skip
    return Step(6, "Proof, without trusting anybody", text, (follow, tamper))


def _yours(facts: Facts) -> Step:
    text = (
        "Connect a PostgreSQL of your own. The test names the field that is wrong and how to mend it; the password is "
        "sealed so that only one kind of worker can open it."
    )
    ours = [name.replace("_", "-") for name in governed.CONNECTIONS]
    own = Connection.objects.filter(archived_at=None).exclude(slug__in=ours).first()
    tried = own is not None or ConnectionTest.objects.filter(connection=None).exclude(proposal__slug__in=ours).exists()
    connect = Move(
        "Connect your own PostgreSQL.", "alice", tried, "connect", "Connect your own PostgreSQL",
        result=f"{own.name} is connected." if own else "",
    )  # fmt: skip
    return Step(7, "Now yours", text, (connect,))


STEPS: Sequence[Callable[[Facts], Step]] = (_side_by_side, _drift, _review, _bad_file, _kill, _proof, _yours)
