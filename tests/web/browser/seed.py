"""Fills an installation that a browser has just founded: people, governed things of every kind, and runs that ended.

Runs with the rights of the web process, as `manage.py demo` does. Reads the founders' passwords from standard input and
writes to standard output where the rows are that pages need, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import django

CUSTOMERS, PAYMENTS = 4_000, 8_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    django.setup()
    founders = json.load(sys.stdin)
    from controlplane.demo import databases, story
    from controlplane.demo.organisation import Organisation

    people = Organisation()
    people.passwords.update(founders)
    _little_data(os.environ["LOCKGATE_BOOT_ADMIN_URL"])
    made = databases.make(os.environ["LOCKGATE_BOOT_ADMIN_URL"])
    _invite(people)
    story._govern(people, made)
    json.dump({"passwords": people.passwords, **_happened(people, made)}, sys.stdout)


def _little_data(admin_url: str) -> None:
    """The demo's data, a fiftieth of it, and the bounds of its row count with it."""
    import psycopg

    from controlplane.demo import databases, governed

    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {governed.SOURCE}")
    text = (databases.HERE / "data.sql").read_text()
    text = re.sub(r"\b199880\b", str(CUSTOMERS), re.sub(r"\b500000\b", str(PAYMENTS), text))
    with psycopg.connect(databases.address(admin_url, governed.SOURCE)) as source:
        source.execute(text.encode())
        source.commit()
        source.execute("ANALYZE")
    whole = governed._output_checks

    def fitting() -> list[dict[str, Any]]:
        checks = whole()
        many = next(check for check in checks if check["id"] == "many-customers")
        many["kwargs"] |= {"min_value": CUSTOMERS // 2, "max_value": CUSTOMERS * 2}
        return checks

    governed._output_checks = fitting


def _invite(people: Any) -> None:
    from apps.accounts.models import Membership
    from controlplane.demo.governed import PEOPLE

    for name, roles, organisation_roles in PEOPLE:
        if name not in people.passwords:
            team = people.team() if roles else None
            proposal = people._membership(name, roles, organisation_roles)
            _approved(people, "admin", "membership", team, proposal)
            people._join(name)
    _approved(people, "admin", "membership", people.team(), people._membership("charlie", ("viewer",), ()))
    people._join("charlie")
    from apps.accounts import services as joining

    held = Membership.objects.filter(user__email="charlie@acme.example", revoked_at=None).get()
    joining.revoke_role(actor=people.actor("admin"), membership_id=held.id)


def _approved(people: Any, author: str, kind: str, team: Any, proposal: dict[str, Any]) -> str:
    """Proposed, approved by as many others as it takes, and carried out."""
    from apps.changes import services as changes
    from controlplane.demo.organisation import applied

    change = changes.propose(
        actor=people.actor(author), kind=kind, team_id=team.id if team else None, proposal=proposal
    )
    reviewers = [name for name in ("bob", "erin", "admin") if name in people.passwords and name != author]
    for name in reviewers[: change.approvals_needed]:
        changes.approve(actor=people.actor(name), change_id=change.id)
    return applied(change)


def _happened(people: Any, made: Any) -> dict[str, Any]:
    """Two pipelines, one published and one that its gate blocked, and changes in every state that waits or failed."""
    from apps.pipelines.models import Pipeline
    from apps.sources.models import Column, Dataset
    from controlplane.demo import governed

    copied = _strict_copy(people)
    runs = {slug: _ran(people, Pipeline.objects.get(slug=slug)) for slug in (governed.PIPELINE, copied)}
    _counted(people)
    dataset = Dataset.objects.get(table="customers", connection__slug="demo-crm")
    return {
        "published": runs[governed.PIPELINE],
        "blocked": runs[copied],
        "dataset": str(dataset.id),
        "column": str(Column.objects.get(dataset=dataset, name="email").id),
        "bob": str(people.actor("bob").id),
        "test": _failed_test(people, made),
        "channel_test": _channels(people),
        **_audited(people),
        "open_change": _open_change(people),
        "rejected_change": _rejected_change(people),
    }


def _audited(people: Any) -> dict[str, str]:
    """An event about a change, a finished export, and a verification that a worker has made."""
    from apps.audit import exporting, selectors
    from apps.audit.models import Export, Walk
    from controlplane.demo.organisation import until

    dora = people.actor("dora")
    event = selectors.events(dora, selectors.Filters(action="change.applied")).rows[0]
    export = exporting.request(actor=dora, filters=selectors.Filters(action="change."), format="csv")
    until(lambda: Export.objects.filter(id=export.id, state=Export.DONE).exists(), "the export")
    walk = Walk.objects.create(
        asked_by=dora.id,
        state=Walk.DONE,
        done=3,
        total=3,
        ok=True,
        sequenced=3,
        sentence="Audit log verified to event 3.",
    )
    return {"event": str(event.id), "export": str(export.id), "walk": str(walk.id)}


def _channels(people: Any) -> str:
    """A webhook and a route to it, and a test that was refused: no message leaves this machine."""
    from apps.alerts import channel_services
    from apps.alerts.models import ChannelTest
    from controlplane.demo.organisation import until

    says = channel_services.webhook(url="https://hooks.invalid/in", secret="of-the-tests-and-long-enough", held=None)
    proposal = {"slug": "pager", "name": "Pager", "kind": "webhook", "definition": says}
    _approved(people, "admin", "channel", None, proposal)
    route = {
        "format": 1, "levels": ["ERROR"], "subject": "payments*", "channels": ["pager"], "owners": True, "people": [],
        "recoveries": True,
    }  # fmt: skip
    named = {"slug": "to-the-pager", "name": "To the pager", "definition": route}
    _approved(people, "alice", "alert_route", people.team(), named)
    test = channel_services.test_channel(actor=people.actor("admin"), proposal=proposal)
    until(lambda: ChannelTest.objects.filter(id=test.id).exclude(state="RUNNING").exists(), "the channel's test")
    return str(test.id)


def _counted(people: Any) -> None:
    """A dry run of the retention rule, and a hold on what it reaches."""
    from apps.retention import services as retention
    from apps.retention.models import Enforcement, RetentionRule
    from apps.sources.models import Dataset
    from controlplane.demo.organisation import until

    bob = people.actor("bob")
    run = retention.dry_run(actor=bob, rule_id=RetentionRule.objects.get().id)
    until(lambda: Enforcement.objects.filter(id=run.id, state__in=Enforcement.ENDED).exists(), "the dry run")
    held = Dataset.objects.get(table="payments", connection__slug="demo-crm")
    retention.place_hold(actor=bob, dataset_id=held.id, title="Case 7", reason="Letter of the court of 3 May.")


def _strict_copy(people: Any) -> str:
    from apps.sources.models import Connection
    from controlplane.demo import governed

    ends = [str(Connection.objects.get(slug=slug).id) for slug in ("demo-crm", "demo-warehouse")]
    proposal = governed.pipeline(*ends)
    proposal |= {"slug": "strict-copy", "name": "Strict copy of customers"}
    definition = proposal["definition"] | {"schedule": None}
    definition["streams"] = definition["streams"][:1]
    definition["streams"][0]["destination"] = {"schema": "public", "table": "customers_strict"}
    definition["output_checks"] = [one for one in definition["output_checks"] if one["stream"] == "customers"]
    for check in definition["output_checks"]:
        if check["id"] == "many-customers":
            check["kwargs"] = {"min_value": CUSTOMERS * 10, "max_value": CUSTOMERS * 20}
    proposal["definition"] = definition
    _approved(people, "alice", "pipeline", people.team(), proposal)
    return "strict-copy"


def _ran(people: Any, pipeline: Any) -> int:
    from apps.runs import services as runs
    from apps.runs.models import Run
    from controlplane.demo.organisation import until

    run = runs.start(actor=people.actor("alice"), pipeline_id=pipeline.id)
    until(lambda: Run.objects.filter(id=run.id, state__in=Run.ENDED).exists(), f"run {run.number}")
    return int(run.number)


def _failed_test(people: Any, made: Any) -> str:
    """A connection whose password is wrong, tested."""
    from apps.dataplane.connectors.postgres import PostgresSettings
    from apps.sources import services as sources
    from controlplane.demo import databases, governed

    settings = made.settings(governed.SOURCE)
    sealed = sources.seal(
        purpose="read", settings=PostgresSettings.from_json(settings), user=databases.READER, password="not this one"
    )
    proposal = governed.connection("half_known", settings, "restricted", {"read": sealed, "write": None})
    batch = sources.test_connection(actor=people.actor("alice"), team_id=people.team().id, proposal=proposal)
    return str(batch)


def _policy(name: str) -> dict[str, Any]:
    from controlplane.demo import governed

    rules = [rule for rule in governed.POLICY["text"]["rules"] if rule["name"] != name]
    return governed.POLICY | {"text": {"format": 1, "rules": rules}}


def _open_change(people: Any) -> int:
    from apps.changes import services as changes

    proposal = _policy("mail keeps its domain")
    proposal["text"]["rules"].append(
        {"name": "mail by token", "tag": "pii.contact.email", "zone": "analytics", "treatment": {"kind": "token"}}
    )
    change = changes.propose(
        actor=people.actor("erin"), kind="policy", team_id=people.team().id, proposal=proposal,
        reason="Domains of small companies tell who somebody is.",
    )  # fmt: skip
    changes.comment(actor=people.actor("bob"), change_id=change.id, text="Do the marketing reports need the domain?")
    return int(change.number)


def _rejected_change(people: Any) -> int:
    from apps.changes import services as changes

    proposal = _policy("birth by year")
    proposal["text"]["rules"].append(
        {"name": "birth", "tag": "pii.birth_date", "zone": "analytics", "treatment": {"kind": "pass"}}
    )
    change = changes.propose(actor=people.actor("erin"), kind="policy", team_id=people.team().id, proposal=proposal)
    changes.reject(actor=people.actor("bob"), change_id=change.id, comment="A birth date finds a person.")
    return int(change.number)


if __name__ == "__main__":
    main()
