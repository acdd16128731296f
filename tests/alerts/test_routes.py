"""Which alerts go where; channels and routes change only by a change that somebody else approves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apps.alerts import channel_services, services
from apps.alerts.models import Channel, Delivery, Notice, Route
from apps.audit.models import Event
from apps.changes import services as changes
from apps.changes.models import Change
from apps.dataplane.errors import Conflict, Denied, Invalid
from tests.support import World, as_role

from .support import ROUTE, WEBHOOK, alert_route, webhook_channel

MAIL = {
    "format": 1, "host": "mail.example.org", "port": 25, "security": "none", "user": "", "sender": "a@b.example",
    "secret": None,
}  # fmt: skip


def told(world: World, level: Any = "ERROR", line: str = "customers: broken", **more: Any) -> list[str]:
    """Who would hear of an alert."""
    Delivery.objects.all().delete()
    with as_role("gate"):
        given = {"team_id": world.team.id, "about": "pipeline/1", **more}
        services.raise_alert(
            subject_ref="incident/1", level=level, subject_line=line, body="x", url="/incidents/1/", **given
        )
    found = Delivery.objects.select_related("user", "target")
    return sorted(one.user.name if one.user else one.target.slug for one in found)


OWNERS = ["Alice", "Bob", "Erin"]


def test_without_a_route_the_owners_get_mail_and_their_bell_rings(world: World) -> None:
    assert told(world) == OWNERS
    assert [one.sentence for one in Notice.objects.all()] == ["customers: broken"] * 3
    assert told(world, team_id=None, about="system/disk") == ["Admin"]
    assert told(world, recovery=True) == []


def test_a_route_takes_what_it_matches_and_leaves_the_rest(world: World) -> None:
    webhook_channel()
    alert_route(world.team, levels=["ERROR"], subject="customers:*", owners=False)
    assert told(world) == ["pager"]
    assert told(world, "WARN") == OWNERS
    assert told(world, line="payments: broken") == OWNERS
    assert told(world, line="CUSTOMERS: e-mail") == ["pager"]
    assert told(world, team_id=None) == ["Admin"]


def test_matching_routes_add_up_and_nobody_hears_twice(world: World) -> None:
    webhook_channel()
    webhook_channel(slug="chat")
    alert_route(world.team, slug="one", people=[str(world.users["alice"].id)])
    alert_route(None, slug="two", channels=["chat", "pager"])
    assert told(world) == [*OWNERS, "chat", "pager"]
    assert told(world, team_id=None, about="system/disk") == ["Admin", "chat", "pager"]


def test_recoveries_go_only_where_they_are_wanted(world: World) -> None:
    webhook_channel()
    alert_route(world.team, recoveries=True, owners=False)
    assert told(world, recovery=True) == ["pager"]
    assert Delivery.objects.get().subject == "[OK] customers: broken"


def test_when_every_channel_is_off_the_owners_hear_it_all_the_same(world: World) -> None:
    channel = webhook_channel()
    alert_route(world.team, owners=False)
    with as_role("web"):
        channel_services.switch_off_channel(actor=world.actor("admin"), channel_id=channel.id)
    assert told(world) == OWNERS


def decide(world: World, change: Change, *reviewers: str) -> Change:
    for name in reviewers:
        changes.approve(actor=world.actor(name), change_id=change.id)
    with as_role("applier"):
        changes.apply_next()
    change.refresh_from_db()
    return change


def proposed(world: World, kind: str, proposal: dict[str, Any], author: str = "admin", team: Any = None) -> Change:
    return changes.propose(actor=world.actor(author), kind=kind, team_id=team, proposal=proposal)


class TestGoverned:
    def test_a_channel_holds_once_somebody_else_approved_it(self, world: World) -> None:
        proposal = {"slug": "pager", "name": "Pager", "kind": "webhook", "definition": WEBHOOK}
        change = proposed(world, "channel", proposal)
        assert not Channel.objects.exists()
        assert (change.risk, change.approvals_needed) == ("MEDIUM", 1)
        assert "send signed alerts to https://hooks.example.org:443" in change.sentence
        assert decide(world, change, "bob").state == "APPLIED"
        assert Channel.objects.get().active_version == 1

    def test_mail_without_encryption_takes_two(self, world: World) -> None:
        proposal = {"slug": "mail", "name": "Mail", "kind": "smtp", "definition": MAIL}
        change = proposed(world, "channel", proposal)
        assert (change.risk, change.approvals_needed) == ("HIGH", 2)
        assert decide(world, change, "bob").state == "OPEN"
        assert decide(world, change, "erin").state == "APPLIED"
        with pytest.raises(Conflict, match="There is a mail server already"):
            proposed(world, "channel", {**proposal, "slug": "mail-2"})

    def test_a_second_mail_server_that_was_approved_meanwhile_is_refused(self, world: World) -> None:
        secure = {**MAIL, "security": "tls"}
        first, second = (
            proposed(world, "channel", {"slug": slug, "name": "Mail", "kind": "smtp", "definition": secure})
            for slug in ("one", "two")
        )
        assert decide(world, first, "bob").state == "APPLIED"
        late = decide(world, second, "bob")
        assert (late.state, "There is a mail server already" in late.outcome) == ("REFUSED", True)

    def test_switching_off_is_immediate_and_on_is_a_change(self, world: World) -> None:
        channel = webhook_channel()
        with as_role("web"):
            with pytest.raises(Denied):
                channel_services.switch_off_channel(actor=world.actor("alice"), channel_id=channel.id)
            channel_services.switch_off_channel(actor=world.actor("admin"), channel_id=channel.id)
            with pytest.raises(Conflict, match="switched off already"):
                channel_services.switch_off_channel(actor=world.actor("admin"), channel_id=channel.id)
        proposal = {"slug": "pager", "name": "Pager", "kind": "webhook", "definition": WEBHOOK}
        assert decide(world, proposed(world, "channel", proposal), "bob").state == "APPLIED"
        channel.refresh_from_db()
        assert (channel.disabled_at, channel.active_version) == (None, 2)

    def test_an_engineer_proposes_a_route_of_the_team(self, world: World) -> None:
        webhook_channel()
        proposal = {"slug": "to-the-pager", "name": "To the pager", "definition": {**ROUTE, "owners": False}}
        change = proposed(world, "alert_route", proposal, "alice", world.team.id)
        assert change.risk == "MEDIUM"
        assert decide(world, change, "bob").state == "APPLIED"
        assert told(world) == ["pager"]
        with as_role("web"):
            channel_services.switch_off_route(actor=world.actor("alice"), route_id=Route.objects.get().id)
        assert told(world) == OWNERS
        assert Event.objects.filter(action="route.switched_off").count() == 1

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"channels": ["nowhere"]}, "channels"), ({"levels": []}, "levels"), ({"levels": ["DEBUG"]}, "levels"),
            ({"subject": ""}, "subject"), ({"subject": "x" * 121}, "subject"), ({"subject": "a\u202eb"}, "subject"),
            ({"channels": [], "owners": False}, "channels"), ({"owners": "yes"}, "owners"),
            ({"people": ["00000000-0000-0000-0000-000000000000"]}, "people"), ({"extra": 1}, "extra"),
            ({"people": ["x"] * 51}, "people"), ({"people": [{"a": 1}]}, "people"), ({"format": 2}, "definition"),
        ],
    )  # fmt: skip
    def test_bad_input_names_its_field(self, world: World, change: dict[str, Any], field: str) -> None:
        webhook_channel()
        with pytest.raises(Invalid) as caught:
            proposed(
                world, "alert_route", {"slug": "r", "name": "R", "definition": {**ROUTE, **change}}, "alice",
                world.team.id,
            )  # fmt: skip
        assert caught.value.field == field

    def test_nobody_takes_the_short_name_of_another_teams_route(self, world: World) -> None:
        webhook_channel()
        alert_route(None, slug="shared")
        with pytest.raises(Invalid, match="a route of another team"):
            proposed(world, "alert_route", {"slug": "shared", "name": "R", "definition": ROUTE}, "alice", world.team.id)


class TestPages:
    @pytest.fixture
    def browse(self, world: World) -> Iterator[Any]:
        def of(name: str) -> Client:
            client = Client()
            client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
            return client

        with as_role("web"):
            yield of

    def test_the_list_says_where_each_leads(self, world: World, browse: Any) -> None:
        with as_role("owner"):
            webhook_channel()
            alert_route(world.team)
        html = browse("alice").get("/channels/").content.decode()
        for said in ("https://hooks.example.org/in", "signed with key 0a1b2c3d", "owners by mail", "No mail server"):
            assert said in html
        assert "/channels/pager/edit" not in html
        assert "/channels/pager/edit" in browse("admin").get("/channels/").content.decode()

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "name"), ({"name": "x" * 200}, "name"), ({"slug": "Not A Slug"}, "slug"),
            ({"url": "http://localhost/"}, "url"), ({"url": "https://169.254.169.254/latest"}, "url"),
            ({"secret": "short"}, "secret"), ({"name": "a\x00b"}, "name"),
        ],
    )  # fmt: skip
    def test_a_bad_form_comes_back_with_its_error(self, browse: Any, body: dict[str, str], field: str) -> None:
        good = {"name": "Pager", "slug": "pager", "url": "https://hooks.example.org/", "secret": "s" * 30}
        answer = browse("admin").post("/channels/new/webhook", {**good, **body} if body else {})
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert "s" * 30 not in answer.content.decode()

    def test_a_route_is_proposed_from_its_form(self, world: World, browse: Any) -> None:
        body = {
            "name": "Errors", "slug": "errors", "team": str(world.team.id), "levels": ["ERROR"], "subject": "*",
            "owners": "on", "reason": "<script>alert(1)</script>",
        }  # fmt: skip
        answer = browse("alice").post("/routes/new", body)
        number = Change.objects.get().number
        assert answer["Location"] == f"/changes/{number}/"
        again = browse("alice").post("/routes/new", {**body, "levels": []})
        assert (again.status_code, "levels" in again.context["form"].errors) == (422, True)

    def test_the_secret_of_a_channel_is_nowhere_in_the_api(self, browse: Any) -> None:
        with as_role("owner"):
            webhook_channel()
        found = browse("dora").get("/api/v1/alerts/channels").json()
        assert found[0]["settings"] == {"url": "https://hooks.example.org/in", "key_id": "0a1b2c3d"}
