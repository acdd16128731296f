"""Proposing a pipeline: the same definition by form or as YAML, judged while it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import yaml
from django.http import HttpResponse, QueryDict
from django.test import Client

from apps.accounts.models import Team
from apps.changes.models import Change
from apps.dataplane import definition as definitions
from apps.dataplane.errors import Invalid
from apps.pipelines import drafting, yamltext
from apps.pipelines.models import Pipeline
from tests.runs.support import DOCUMENT, HOSTILE, Shop, connect, discover
from tests.runs.test_pages import get, text
from tests.support import as_role

Browse = Callable[[str], Client]
CUSTOMERS = '["crm", "customers"]'


def send(browse: Browse, form: dict[str, Any], address: str = "/pipelines/new", who: str = "alice") -> HttpResponse:
    with as_role("web"):
        return browse(who).post(address, form)


def filled(shop: Shop, **changed: Any) -> dict[str, Any]:
    """What alice fills in for one table."""
    return {
        "mode": "form",
        "team": "crm",
        "act": "propose",
        "name": "Customers, nightly",
        "slug": "customers-nightly",
        "source": str(shop.source.id),
        "destination": str(shop.destination.id),
        "purpose": "analytics",
        "cron": "0 3 * * *",
        "zone": "Europe/Berlin",
        "reason": "The marketing team asks for it.",
        "streams.count": "1",
        "streams.0.source": CUSTOMERS,
        "streams.0.filters.count": "1",
        "streams.0.filters.0.column": "country",
        "streams.0.filters.0.kind": "in_set",
        "streams.0.filters.0.params.values": "DE\r\nFR\r\n\r\n",
        "streams.0.row_checks.count": "1",
        "streams.0.row_checks.0.column": "name",
        "streams.0.row_checks.0.kind": "length",
        "streams.0.row_checks.0.params.min": "1",
        "streams.0.row_checks.0.on_fail": "reject",
        "streams.0.settle.count": "1",
        "streams.0.settle.0.kind": "unique",
        "streams.0.settle.0.columns": ["id"],
        "output_checks.count": "1",
        "output_checks.0.stream": "customers",
        "output_checks.0.expectation": "expect_column_values_to_not_be_null",
        "output_checks.0.kwargs.column": "email",
        "output_checks.0.kwargs.mostly": "0.99",
        "output_checks.0.severity": "WARN",
        **changed,
    }


class TestProposing:
    def test_the_form_becomes_a_change_and_nothing_else(self, shop: Shop, browse: Browse) -> None:
        answer = send(browse, filled(shop))
        change = Change.objects.get()
        assert answer["Location"] == f"/changes/{change.number}/"
        assert (change.kind, change.state, change.reason) == ("pipeline", "OPEN", "The marketing team asks for it.")
        definition = definitions.parse(change.proposal["definition"])
        stream = definition.streams[0]
        assert (stream.name, str(stream.source), str(stream.destination)) == (
            "customers", "crm.customers", "crm.customers",
        )  # fmt: skip
        assert [(rule.id, rule.params) for rule in stream.filters] == [("country-in_set", {"values": ["DE", "FR"]})]
        assert [(rule.id, rule.params, rule.on_fail) for rule in stream.row_checks] == [
            ("name-length", {"min": 1}, "reject")
        ]
        assert [(rule.id, rule.columns) for rule in stream.settle] == [("id-unique", ("id",))]
        assert [(check.id, check.kwargs, check.severity) for check in definition.output_checks] == [
            ("email-not_be_null", {"column": "email", "mostly": "0.99"}, "WARN")
        ]
        assert definition.schedule is not None
        assert (definition.schedule.cron, definition.schedule.zone) == ("0 3 * * *", "Europe/Berlin")
        assert not Pipeline.objects.filter(slug="customers-nightly").exists()

    def test_yaml_becomes_the_same_change(self, shop: Shop, browse: Browse) -> None:
        form = filled(shop, mode="yaml", definition=yaml.safe_dump(DOCUMENT))
        send(browse, form)
        expected = definitions.as_document(definitions.parse(DOCUMENT))
        assert Change.objects.get().proposal["definition"] == expected

    def test_an_edit_proposes_upon_the_active_version(self, shop: Shop, browse: Browse) -> None:
        text_of = yaml.safe_dump({**DOCUMENT, "output_checks": []})
        form = filled(shop, mode="yaml", definition=text_of, name="Customer 360")
        send(browse, form, "/pipelines/crm/customer-360/edit")
        change = Change.objects.get()
        assert change.target == f"pipeline/{shop.pipeline.id}"
        assert change.proposal["slug"] == "customer-360"
        assert change.risk == "HIGH"
        shop.pipeline.refresh_from_db()
        assert shop.pipeline.active_version == 1

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"slug": "Not A Slug"}, "A short name has 1 to 60 small letters"),
            ({"name": ""}, "This field is required."),
            ({"cron": "every day"}, "is no schedule: five fields are expected"),
            ({"zone": "Mars/Base"}, "Select a valid choice."),
            ({"source": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice."),
            ({"streams.0.source": ""}, "streams[0].source.schema"),
            ({"streams.0.settle.0.columns": []}, "streams[0].settle[0].columns: Name at least one column."),
            ({"output_checks.0.id": "UPPER"}, "output_checks[0].id: An id has lower-case letters"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_saved(
        self, shop: Shop, browse: Browse, changed: dict[str, Any], told: str
    ) -> None:
        answer = send(browse, filled(shop, **changed))
        assert answer.status_code == 422
        assert told in text(answer)
        assert "Customers, nightly" in unescape(answer.content.decode()) or changed.get("name") == ""
        assert Change.objects.count() == 0

    def test_another_teams_connection_can_not_be_named(self, shop: Shop, browse: Browse) -> None:
        sales = replace(shop.world, team=Team.objects.create(slug="sales", name="Sales"))
        theirs = connect(sales, "sales-warehouse", "Sales", zone="analytics", read=False)
        answer = send(browse, filled(shop, destination=str(theirs.id)))
        assert answer.status_code == 422
        assert "Select a valid choice." in text(answer)
        assert Change.objects.count() == 0

    @pytest.mark.parametrize("who", ["bob", "dora", "charlie"])
    def test_only_engineers_propose(self, shop: Shop, browse: Browse, who: str) -> None:
        assert get(browse, who, "/pipelines/new").status_code == 403
        assert send(browse, filled(shop), who=who).status_code == 403
        assert send(browse, filled(shop), "/pipelines/check", who=who).status_code == 403
        assert Change.objects.count() == 0

    def test_a_team_of_others_is_refused(self, shop: Shop, browse: Browse) -> None:
        assert send(browse, filled(shop, team="sales")).status_code == 403
        assert Change.objects.count() == 0


class TestEditing:
    def test_a_button_adds_a_row_and_keeps_what_was_typed(self, shop: Shop, browse: Browse) -> None:
        answer = send(browse, filled(shop, act="add:streams.0.row_checks"))
        html = unescape(answer.content.decode())
        assert answer.status_code == 200
        assert 'name="streams.0.row_checks.count" value="2"' in html
        assert 'value="Customers, nightly"' in html
        assert Change.objects.count() == 0

    def test_a_button_takes_a_table_away(self, shop: Shop, browse: Browse) -> None:
        form = filled(shop, act="remove:streams.0", **{"streams.count": "2", "streams.1.source": '["crm", "payments"]'})
        html = unescape(send(browse, form).content.decode())
        assert 'name="streams.count" value="1"' in html
        assert """<option value='["crm", "payments"]' selected>""" in html or (
            '<option value="["crm", "payments"]" selected>' in html
        )

    def test_the_form_turns_into_yaml_and_back(self, shop: Shop, browse: Browse) -> None:
        page = send(browse, filled(shop, act="yaml")).content.decode()
        area = unescape(page.split('id="id_definition"')[1].split(">", 1)[1].split("</textarea>")[0])
        assert yaml.safe_load(area)["streams"][0]["filters"][0]["params"] == {"values": ["DE", "FR"]}
        back = unescape(send(browse, filled(shop, mode="yaml", act="form", definition=area)).content.decode())
        assert 'name="streams.0.filters.count" value="1"' in back
        assert ">DE\nFR</textarea>" in back

    def test_yaml_that_can_not_be_read_stays_yaml(self, shop: Shop, browse: Browse) -> None:
        answer = send(browse, filled(shop, mode="yaml", act="form", definition="format: 1\nstreams: {}"))
        page = text(answer)
        assert 'name="mode" value="yaml"' in answer.content.decode()
        assert "streams: `streams` must be a list." in page or "streams: A pipeline needs at least one stream" in page

    def test_a_hostile_column_survives_the_round_trip(self, shop: Shop, browse: Browse) -> None:
        discover(shop.source, "crm", HOSTILE[:60], {"id": ("bigint", []), HOSTILE[:63]: ("text", [])})
        table = drafting.table_value("crm", HOSTILE[:60])
        form = filled(shop, act="update", **{"streams.0.source": table})
        form["streams.0.row_checks.0.column"] = HOSTILE[:63].replace("\n", "\r\n")
        html = send(browse, form).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html

    def test_it_opens_with_the_active_version(self, shop: Shop, browse: Browse) -> None:
        html = unescape(get(browse, "alice", "/pipelines/crm/customer-360/edit").content.decode())
        assert 'value="Customer 360"' in html
        assert 'name="streams.count" value="2"' in html
        assert 'name="slug"' not in html
        page = unescape(get(browse, "alice", "/pipelines/crm/customer-360/edit?as=yaml").content.decode())
        assert "- name: customers" in page


class TestVerdict:
    def judge(self, browse: Browse, form: dict[str, Any]) -> tuple[int, str]:
        answer = send(browse, form, "/pipelines/check")
        assert "<html" not in answer.content.decode()
        return answer.status_code, text(answer)

    def test_it_says_the_consequence_and_what_happens_to_each_column(self, shop: Shop, browse: Browse) -> None:
        status, page = self.judge(browse, filled(shop))
        assert status == 200
        assert page.startswith("After approval, 1 table can be copied from CRM to Warehouse (zone analytics) by the ")
        assert "7 columns, 5 treated." in page
        assert "email text token email is pii.contact.email; policy contacts-pii v7" in page

    @pytest.mark.parametrize(
        ("definition", "place"),
        [
            ("format: 1\nstreams:\n- name: a\n  colour: red", "streams[0].colour"),
            ("format: 2", "format"),
            ("a: [", "definition"),
            ("- a list", "definition"),
            ("format: 1\nstreams: &x [*x]", "definition"),
        ],
    )
    def test_wrong_yaml_is_told_with_its_place(self, shop: Shop, browse: Browse, definition: str, place: str) -> None:
        status, page = self.judge(browse, filled(shop, mode="yaml", definition=definition))
        assert status == 422
        assert page.startswith((f"{place} :", f"{place}:"))

    def test_a_rule_that_no_run_could_follow_is_told_before_it_is_proposed(self, shop: Shop, browse: Browse) -> None:
        _status, page = self.judge(browse, filled(shop, **{"streams.0.filters.0.column": "nothing"}))
        assert "A run would be refused" in page
        assert 'The table has no column "nothing".' in page

    def test_a_refused_column_leads_to_its_remedy(self, shop: Shop, browse: Browse) -> None:
        discover(shop.source, "crm", "leads", {"id": ("bigint", []), "nickname": ("text", None)})
        bare = {"streams.0.filters.count": "0", "streams.0.row_checks.count": "0", "output_checks.count": "0"}
        form = filled(shop, **{"streams.0.source": '["crm", "leads"]', **bare})
        status, page = self.judge(browse, form)
        assert status == 200
        assert "Column crm.leads.nickname is unclassified: nobody has said whether it is sensitive." in page
        assert "Classify the column" in page

    def test_before_anything_is_chosen_it_waits(self, shop: Shop, browse: Browse) -> None:
        status, page = self.judge(browse, filled(shop, source="", **{"streams.0.source": ""}))
        assert (status, page) == (
            200, "Choose a source, a destination and a table to see what happens to each column.",
        )  # fmt: skip

    def test_judging_saves_nothing(self, shop: Shop, browse: Browse) -> None:
        self.judge(browse, filled(shop))
        assert Change.objects.count() == 0


class TestDrafting:
    @pytest.mark.parametrize(
        "action",
        ["", "add:", "remove:streams.9", "add:streams.0.nothing", "remove:__class__", "add:streams.0.name.x", "x" * 99,
         "remove:streams", "add:streams.0", "remove:streams.0.settle.0.columns.0"],
    )  # fmt: skip
    def test_an_act_that_makes_no_sense_changes_nothing(self, action: str) -> None:
        draft = drafting.empty()
        assert drafting.act(draft, action) == draft

    def test_a_count_is_bounded(self) -> None:
        assert len(drafting.read(QueryDict("streams.count=99999"))["streams"]) == 50
        assert drafting.read(QueryDict("streams.count=999999999999")) == {"streams": [], "output_checks": []}
        assert drafting.read(QueryDict("streams.count=-1")) == {"streams": [], "output_checks": []}

    def test_suggested_ids_are_free_and_valid(self) -> None:
        draft = drafting.empty()
        rule = {"id": "", "kind": "not_null", "column": "Straße 1", "params": {}, "on_fail": "quarantine"}
        draft["streams"][0]["source"] = {"schema": "s", "table": "Ä table"}
        draft["streams"][0]["row_checks"] = [dict(rule), dict(rule)]
        stream = drafting.complete(draft)["streams"][0]
        assert [found["id"] for found in stream["row_checks"]] == ["stra-e-1-not_null", "stra-e-1-not_null-2"]
        assert stream["name"] == "table"

    def test_a_whole_definition_survives_the_form(self) -> None:
        document = definitions.as_document(definitions.parse(DOCUMENT))
        draft = drafting.of_document(document)
        schedule = document["schedule"]
        again = drafting.document(draft, purpose="analytics", cron=schedule["cron"], zone=schedule["zone"])
        assert definitions.as_document(definitions.parse(again)) == document

    @pytest.mark.parametrize(
        "bomb", ["a: &a [x]\nb: *a", "!!python/object/apply:os.system [id]", "x" * 200_001, "2020-99-99", "\x00"]
    )
    def test_no_yaml_does_more_than_describe(self, bomb: str) -> None:
        with pytest.raises(Invalid):
            yamltext.from_yaml(bomb)
