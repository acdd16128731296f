"""The suite's own page: checks by form, suggested, in and out as Great Expectations JSON, proposed as a change."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from apps.changes.models import Change
from apps.dataplane.quality.catalogue import CATALOGUE
from apps.dataplane.quality.parameters import Parameter
from apps.pipelines.models import Pipeline, PipelineVersion
from apps.quality.models import CheckResult
from apps.sources.models import Dataset, Profile
from tests.runs.support import HOSTILE, Shop
from tests.runs.test_pages import get, text
from tests.support import as_role

Browse = Callable[[str], Client]
SUITE = "/pipelines/crm/customer-360/suite"
API = "/api/v1/pipelines/crm/customer-360"
NOT_NULL = "expect_column_values_to_not_be_null"
BETWEEN = "expect_column_values_to_be_between"


def form(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The page as the browser sends it, with these checks."""
    sent: dict[str, Any] = {
        "act": "propose",
        "base": "1",
        "output_checks.count": str(len(checks)),
        "reason": "Because.",
    }
    for index, check in enumerate(checks):
        held = {"stream": "customers", "severity": "ERROR", "id": "", **check}
        sent |= {f"output_checks.{index}.{name}": value for name, value in held.items()}
    return {**sent, **more}


def send(browse: Browse, sent: dict[str, Any], address: str = SUITE, who: str = "alice") -> HttpResponse:
    with as_role("web"):
        return browse(who).post(address, sent)


def proposed() -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = Change.objects.get().proposal["definition"]["output_checks"]
    return checks


def value_of(one: Parameter) -> Any:
    """Something that this parameter takes, for a numeric column unless it needs another."""
    given = {
        "share": "99 %", "number": "1", "integer": "1", "bound": "1", "values": "1\n2", "regex": "^a",
        "regexes": "^a\n^b",
        "columns": ["id", "country"], "names": "id\ncountry", "text": "id", "choice": "any", "boolean": "1",
    }  # fmt: skip
    return given[one.kind]


def filled_in(kind: str) -> dict[str, Any]:
    """One check of that kind as somebody would fill it in."""
    check: dict[str, Any] = {"expectation": kind}
    for one in CATALOGUE[kind].parameters:
        if one.name in ("strict_min", "strict_max", "max_value"):
            continue
        value = ("country" if one.families == ("text",) else "id") if one.kind == "column" else value_of(one)
        check[f"kwargs.{one.name}"] = "email" if one.name == "column_B" and not one.families else value
    return check


class TestEditing:
    def test_every_expectation_has_a_form_that_can_be_filled_in(self, shop: Shop, browse: Browse) -> None:
        checks = [filled_in(kind) for kind in CATALOGUE]
        page = unescape(send(browse, form(*checks, act="update")).content.decode())
        for index, expectation in enumerate(CATALOGUE.values()):
            for one in expectation.parameters:
                assert f'"output_checks.{index}.kwargs.{one.name}"' in page
        assert send(browse, form(*checks)).status_code == 302
        assert [(one["expectation"], one["severity"]) for one in proposed()] == [(kind, "ERROR") for kind in CATALOGUE]

    def test_it_opens_with_the_active_checks_in_words(self, shop: Shop, browse: Browse) -> None:
        page = text(get(browse, "alice", SUITE))
        assert "email is present in at least 99 % of the rows" in page
        assert 'value="99 %"' in get(browse, "alice", SUITE).content.decode()

    def test_only_the_checks_are_changed(self, shop: Shop, browse: Browse) -> None:
        check = {"expectation": NOT_NULL, "kwargs.column": "country", "kwargs.mostly": "99.5 %", "severity": "WARN"}
        send(browse, form(check))
        change, active = Change.objects.get(), PipelineVersion.objects.get()
        assert change.target == f"pipeline/{shop.pipeline.id}"
        expected = [{"id": "country-not_be_null", "stream": "customers", "expectation": NOT_NULL,
                     "kwargs": {"column": "country", "mostly": "0.995"}, "severity": "WARN"}]  # fmt: skip
        assert change.proposal["definition"] == {**active.definition, "output_checks": expected}
        assert change.reason == "Because."
        shop.pipeline.refresh_from_db()
        assert shop.pipeline.active_version == 1

    def test_a_share_is_typed_as_people_write_it(self, shop: Shop, browse: Browse) -> None:
        typed = {
            "99 %": "0.99", "99%": "0.99", "99": "0.99", "0.99": "0.99", "99,5 %": "0.995", "100 %": "1", "1": "1",
            "0.5 %": "0.005",
        }  # fmt: skip
        checks = [{"expectation": NOT_NULL, "kwargs.column": "country", "kwargs.mostly": text} for text in typed]
        send(browse, form(*checks))
        assert [one["kwargs"]["mostly"] for one in proposed()] == list(typed.values())

    def test_what_the_form_can_not_show_exactly_comes_back_as_it_was(self, shop: Shop, browse: Browse) -> None:
        kwargs = {"column": "country", "value_set": ["DE", 1, "2"], "mostly": "0.990"}
        kept = json.dumps(["expect_column_values_to_be_in_set", kwargs])
        shown = {"kwargs.column": "country", "kwargs.value_set": "DE\r\n1\r\n2", "kwargs.mostly": "99 %", "kept": kept}
        send(browse, form({"expectation": "expect_column_values_to_be_in_set", **shown}))
        assert proposed()[0]["kwargs"] == kwargs

    def test_a_check_is_added_and_one_taken_away(self, shop: Shop, browse: Browse) -> None:
        check = {"expectation": NOT_NULL, "kwargs.column": "country"}
        sent = form(check, act="add:1", **{"new.1": "expect_table_row_count_to_be_between"})
        page = unescape(send(browse, sent).content.decode())
        assert 'name="output_checks.count" value="2"' in page
        assert 'name="output_checks.1.stream" value="payments"' in page
        assert 'name="output_checks.1.kwargs.min_value"' in page
        page = unescape(send(browse, form(check, act="remove:output_checks.0")).content.decode())
        assert 'name="output_checks.count" value="0"' in page

    def test_the_judge_tells_every_check_in_words_and_what_is_wrong_with_it(self, shop: Shop, browse: Browse) -> None:
        good = {"expectation": NOT_NULL, "kwargs.column": "country"}
        bad = {"expectation": BETWEEN, "kwargs.column": "id", "kwargs.min_value": "9", "kwargs.max_value": "1"}
        answer = send(browse, form(good, bad), f"{SUITE}/judge")
        assert answer.status_code == 200
        assert "country is present in every row" in text(answer)
        assert "The lower bound is above the upper one." in text(answer)
        assert 'href="#output_checks.1.kwargs.min_value"' in answer.content.decode()
        assert Change.objects.count() == 0


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"expectation": "expect_column_values_to_be_of_type"}, "cannot be checked on staged data"),
    ({"expectation": "nonsense"}, "there is no such expectation"),
    ({"expectation": NOT_NULL}, 'The check "Values are present" needs "Column".'),
    ({"expectation": NOT_NULL, "kwargs.column": "name"}, '"Column" must be a column of the stream'),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "kwargs.mostly": "120 %"}, "must be at most 1"),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "kwargs.mostly": "most"}, "must be a number"),
    ({"expectation": BETWEEN, "kwargs.column": "id"}, "The check has no bound."),
    ({"expectation": BETWEEN, "kwargs.column": "id", "kwargs.min_value": "x"}, "must be a number"),
    ({"expectation": BETWEEN, "kwargs.column": "email", "kwargs.min_value": "1"}, "this check needs a number"),
    ({"expectation": "expect_column_values_to_match_regex", "kwargs.column": "email", "kwargs.regex": "("},
     "does not compile"),
    ({"expectation": "expect_column_values_to_match_regex", "kwargs.column": "email",
      "kwargs.regex": "a" * 1001}, "must have at most 1000 characters"),
    ({"expectation": NOT_NULL, "kwargs.column": HOSTILE}, '"Column" must be a column of the stream'),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "stream": "nothing"}, "There is no stream 'nothing'."),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "severity": "<script>"}, "must be ERROR or WARN"),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "id": "'; --"}, "An id has lower-case letters"),
    ({"expectation": NOT_NULL, "kwargs.column": "id", "id": "\u202ex"}, "An id has lower-case letters"),
]  # fmt: skip


class TestBadInput:
    def test_what_can_not_be_evaluated_is_named_and_nothing_is_saved(self, shop: Shop, browse: Browse) -> None:
        for check, told in WRONG:
            answer = send(browse, form({"expectation": NOT_NULL, "kwargs.column": "country"}, check))
            html = answer.content.decode()
            assert (answer.status_code, told in text(answer)) == (422, True), (check, text(answer))
            assert "<script>alert" not in html
            assert "Because." in html
            assert 'name="output_checks.count" value="2"' in html
        assert Change.objects.count() == 0

    def test_two_checks_of_one_id_are_refused(self, shop: Shop, browse: Browse) -> None:
        one = {"expectation": NOT_NULL, "kwargs.column": "country", "id": "same"}
        answer = send(browse, form(one, {**one, "kwargs.column": "id"}))
        assert answer.status_code == 422
        assert "Two entries have the same check: customers/same." in text(answer)

    def test_nothing_new_is_no_change(self, shop: Shop, browse: Browse) -> None:
        same = {"expectation": NOT_NULL, "kwargs.column": "email", "kwargs.mostly": "0.99", "id": "email-there"}
        assert send(browse, form(same)).status_code == 422
        assert Change.objects.count() == 0

    def test_a_count_is_bounded(self, shop: Shop, browse: Browse) -> None:
        answer = send(browse, form(**{"output_checks.count": "99999", "act": "update"}))
        assert 'name="output_checks.count" value="200"' in answer.content.decode()

    @pytest.mark.parametrize("who", ["bob", "dora"])
    def test_others_read_it_and_propose_nothing(self, shop: Shop, browse: Browse, who: str) -> None:
        page = get(browse, who, SUITE)
        assert "email is present in at least 99 % of the rows" in text(page)
        assert 'value="propose"' not in page.content.decode()
        assert send(browse, form(), who=who).status_code == 403
        assert Change.objects.count() == 0


class TestMeanwhile:
    def test_a_stale_edit_shows_both_and_loses_nothing(self, shop: Shop, browse: Browse) -> None:
        """Somebody else's version became active after alice had opened the page."""
        first = PipelineVersion.objects.get()
        theirs = {**first.definition["output_checks"][0], "kwargs": {"column": "email", "mostly": "0.5"}}
        document = {**first.definition, "output_checks": [theirs], "purpose": "billing"}
        PipelineVersion.objects.create(
            pipeline=shop.pipeline, number=2, definition=document, hash="1" * 64, change="change/test"
        )
        Pipeline.objects.filter(id=shop.pipeline.id).update(active_version=2)
        mine = {"expectation": NOT_NULL, "kwargs.column": "country"}
        answer = send(browse, form(mine))
        page = text(answer)
        assert answer.status_code == 409
        assert "Version 2 is active; this page was opened on version 1." in page
        assert "0.5" in page
        assert "country" in page.split("what yours would change in theirs")[1]
        assert Change.objects.count() == 0
        html = answer.content.decode()
        assert 'name="base" value="2"' in html
        assert '<option value="country" selected>' in html
        assert send(browse, form(mine, base="2")).status_code == 302
        definition = Change.objects.get().proposal["definition"]
        assert [check["id"] for check in definition["output_checks"]] == ["country-not_be_null"]
        assert definition["purpose"] == "billing"


SUITE_TEXT = json.dumps(
    {
        "name": "s",
        "expectations": [
            {"type": NOT_NULL, "kwargs": {"column": "country", "mostly": 0.9}, "severity": "warning"},
            {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "id", "type_": "INT"}},
            {"type": NOT_NULL, "kwargs": {"column": "phone"}, "notes": "since March"},
        ],
    },
    indent=1,
)


class TestExchange:
    def imported(self, browse: Browse, text_: str, **more: Any) -> HttpResponse:
        return send(browse, form(act="import", import_stream="customers", import_text=text_, **more))

    def test_an_import_adds_what_can_run_and_names_the_line_of_what_can_not(self, shop: Shop, browse: Browse) -> None:
        answer = self.imported(browse, SUITE_TEXT)
        page = text(answer)
        assert "2 checks were added." in page
        assert (
            'Line 12: "expect_column_values_to_be_of_type" cannot be checked on staged data: '
            "staged columns are text until they are published." in page
        )
        assert "Line 19: a check has no place for notes." in page
        html = unescape(answer.content.decode())
        assert 'name="output_checks.count" value="2"' in html
        assert '"expect_column_values_to_be_of_type"' in html.split('id="import_text"')[1]
        assert Change.objects.count() == 0

    def test_a_second_import_adds_nothing_twice(self, shop: Shop, browse: Browse) -> None:
        held = {"expectation": NOT_NULL, "kwargs.column": "country", "kwargs.mostly": "0.9", "severity": "WARN"}
        answer = send(browse, form(held, act="import", import_stream="customers", import_text=SUITE_TEXT))
        assert 'name="output_checks.count" value="2"' in answer.content.decode()

    def test_a_file_is_read(self, shop: Shop, browse: Browse) -> None:
        upload = SimpleUploadedFile("suite.json", SUITE_TEXT.encode(), "application/json")
        answer = send(browse, form(act="import", import_stream="customers", import_file=upload))
        assert "2 checks were added." in text(answer)

    def test_a_file_that_is_too_large_is_refused_and_the_checks_stay(self, shop: Shop, browse: Browse) -> None:
        upload = SimpleUploadedFile("suite.json", b"x" * 1_000_001)
        check = {"expectation": NOT_NULL, "kwargs.column": "country"}
        answer = send(browse, form(check, act="import", import_file=upload))
        assert answer.status_code == 422
        assert "The file is larger than a megabyte." in text(answer)
        assert 'name="output_checks.count" value="1"' in answer.content.decode()

    def test_what_is_no_suite_is_told_and_kept(self, shop: Shop, browse: Browse) -> None:
        for bad in ("", "{", "[]", "null", "\x00", '{"expectations": 3}', HOSTILE):
            answer = self.imported(browse, bad)
            assert (answer.status_code, "This is no" in text(answer)) == (422, True), bad
            assert "<script>alert" not in answer.content.decode()

    def test_it_goes_out_and_comes_in_again(self, shop: Shop, browse: Browse) -> None:
        answer = get(browse, "dora", f"{SUITE}/customers.json")
        assert answer["Content-Disposition"] == 'attachment; filename="customer-360.customers.suite.json"'
        suite = json.loads(answer.content)
        assert [(one["type"], one["kwargs"]) for one in suite["expectations"]] == [
            (NOT_NULL, {"column": "email", "mostly": 0.99})
        ]
        page = self.imported(browse, answer.content.decode())
        assert "1 check was added." in text(page)
        assert get(browse, "alice", f"{SUITE}/nothing.json").status_code == 404


def profiled(shop: Shop) -> None:
    def column(name: str, **facts: Any) -> dict[str, Any]:
        plain = {"nulls": 0, "distinct": 3, "min_length": 2, "max_length": 2, "minimum": None, "maximum": None}
        return {"name": name, "type": "text", "sensitive": False, "patterns": [], "histogram": [], **plain, **facts}

    body = {
        "rows": 1000, "sampled": 1000, "at": "2026-11-22T10:00:00Z",
        "columns": [column("id", distinct=1000), column("email", distinct=1000, sensitive=True), column("name")],
    }  # fmt: skip
    dataset = Dataset.objects.get(connection=shop.source, table="customers")
    Profile.objects.create(dataset=dataset, state=Profile.DONE, body=body)


class TestSuggestions:
    def test_they_are_told_with_their_reasons_and_accepted_one_by_one_or_all(self, shop: Shop, browse: Browse) -> None:
        profiled(shop)
        answer = send(browse, form(act="update"))
        page, html = text(answer), unescape(answer.content.decode())
        assert "email matches ^tok_[0-9a-f]{32}$, wherever there is a value" in page
        assert "It becomes a token: tok_ and 32 hexadecimal digits." in page
        assert "name is present" not in page
        keys = [part.split('"')[0] for part in html.split('value="accept:0:')[1:]]
        assert len(keys) == 6
        one = unescape(send(browse, form(act=f"accept:0:{keys[0]}")).content.decode())
        assert 'name="output_checks.count" value="1"' in one
        every = unescape(send(browse, form(act="accept-all:0")).content.decode())
        assert 'name="output_checks.count" value="6"' in every
        assert "Suggested by the profile" not in every

    def test_a_key_that_is_none_changes_nothing(self, shop: Shop, browse: Browse) -> None:
        profiled(shop)
        for act in ("accept:0:00000000", "accept:9:00000000", "accept-all:9", "accept:x", "add:99", "x" * 999):
            answer = send(browse, form(act=act))
            assert (answer.status_code, 'output_checks.count" value="0"' in answer.content.decode()) == (200, True)

    def test_without_a_profile_it_leads_to_one(self, shop: Shop, browse: Browse) -> None:
        assert "No profile of the source table yet" in text(get(browse, "alice", SUITE))


class TestResults:
    def history(self, shop: Shop) -> None:
        for number, found in enumerate(("0.99", "0.98", "0.995")):
            run = shop.run("BLOCKED" if number == 1 else "PUBLISHED")
            shop.check(
                run, "customers", "email-there", "FAILED" if number == 1 else "PASSED", measured=found, lowest="0.99",
                unexpected=(10, 20, 5)[number], total=1000, observed=f"{number}",
            )  # fmt: skip
            shop.check(run, "customers", "email-shape", "PASSED", phase="row", kind="matches", unexpected=0, total=1000)

    def test_all_checks_over_the_last_runs(self, shop: Shop, browse: Browse) -> None:
        self.history(shop)
        page = text(get(browse, "dora", "/pipelines/crm/customer-360/checks"))
        assert (
            "email is present in at least 99 % of the rows customers/email-there Passed since the last run 2 5" in page
        )
        assert "email matches @ customers/email-shape Passed" in page
        assert "Course over the last runs" in get(browse, "dora", "/pipelines/crm/customer-360/checks").content.decode()

    def test_one_check_run_by_run_with_its_course_and_limit(self, shop: Shop, browse: Browse) -> None:
        self.history(shop)
        answer = get(browse, "dora", "/pipelines/crm/customer-360/checks/customers/email-there")
        html = unescape(answer.content.decode())
        payload = json.loads(html.split('data-chart="')[1].split('" role=')[0])
        assert payload["series"][0]["values"] == [99.0, 98.0, 99.5]
        assert (payload["target"], payload["unit"]) == (99.0, " %")
        assert text(answer).count("changed") == 2
        assert get(browse, "dora", "/pipelines/crm/customer-360/checks/customers/nothing").status_code == 404
        assert get(browse, "charlie", "/pipelines/crm/customer-360/checks").status_code == 404

    def test_a_check_that_is_gone_keeps_its_past(self, shop: Shop, browse: Browse) -> None:
        shop.check(shop.run("PUBLISHED"), "customers", "old", "PASSED", kind="expect_column_values_to_be_unique")
        page = text(get(browse, "alice", "/pipelines/crm/customer-360/checks"))
        assert "Values are unique customers/old · no longer part of the pipeline" in page


class TestApi:
    def test_the_suite_in_words_and_as_great_expectations(self, shop: Shop, browse: Browse) -> None:
        checks = get(browse, "dora", f"{API}/suite").json()
        assert [(one["id"], one["words"], one["problem"]) for one in checks] == [
            ("email-there", "email is present in at least 99 % of the rows", "")
        ]
        exported = get(browse, "dora", f"{API}/suite/customers").json()
        assert exported["expectations"][0]["meta"] == {"lockgate": {"id": "email-there"}}
        assert get(browse, "dora", f"{API}/suite/nothing").status_code == 404

    def test_an_import_gives_back_what_to_propose(self, shop: Shop, browse: Browse) -> None:
        with as_role("web"):
            client = browse("alice")
            answer = client.post(f"{API}/suite/customers/import", {"text": SUITE_TEXT}, content_type="application/json")
            bad = client.post(f"{API}/suite/customers/import", {"text": "{"}, content_type="application/json")
        found = answer.json()
        assert (answer.status_code, found["added"]) == (200, 2)
        assert [(one["line"], one["expectation"]) for one in found["refused"]] == [
            (12, "expect_column_values_to_be_of_type")
        ]
        assert len(found["definition"]["output_checks"]) == 3
        assert (bad.status_code, bad.json()["detail"][:15]) == (422, "This is no JSON")
        assert Change.objects.count() == 0

    def test_suggestions_and_results(self, shop: Shop, browse: Browse) -> None:
        profiled(shop)
        shop.published()
        reasons = {(one["expectation"], one["reason"]) for one in get(browse, "dora", f"{API}/suggestions").json()}
        assert ("expect_column_value_lengths_to_equal", "A token has 36 characters.") in reasons
        rows = get(browse, "dora", f"{API}/results?stream=customers&check=email-there").json()["rows"]
        assert [(one["status"], one["unexpected"], one["total"]) for one in rows] == [("PASSED", 0, 860)]
        assert CheckResult.objects.count() == 2

    def test_what_can_be_checked_and_when_it_would_run(self, shop: Shop, browse: Browse) -> None:
        assert {one["type"] for one in get(browse, "bob", "/api/v1/pipelines/expectations").json()} == set(CATALOGUE)
        times = get(browse, "bob", "/api/v1/pipelines/times?cron=30+3+*+*+*&zone=Europe/Berlin").json()
        assert len(times["times"]) == 5
        never = get(browse, "bob", "/api/v1/pipelines/times?cron=0+0+31+2+*")
        assert (never.status_code, never.json()["detail"]) == (422, "'0 0 31 2 *' never comes.")

    def test_a_definition_is_judged_without_being_proposed(self, shop: Shop, browse: Browse) -> None:
        active = PipelineVersion.objects.get().definition
        proposal = {"slug": "x", "name": "X", "source": str(shop.source.id), "destination": str(shop.destination.id)}
        body = {"team": "crm", "proposal": {**proposal, "definition": active}}
        with as_role("web"):
            found = browse("alice").post("/api/v1/pipelines/judge", body, content_type="application/json").json()
        assert (found["risk"], found["columns"], found["refusals"]) == ("MEDIUM", 11, [])
        assert Change.objects.count() == 0
