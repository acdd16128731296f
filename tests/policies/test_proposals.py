"""A policy's text is bounded, plain and complete; mistakes name their place."""

from __future__ import annotations

from typing import Any

import pytest

from apps.dataplane.errors import Conflict, Denied, Invalid
from apps.policies import apply, proposals, yamltext
from apps.policies.models import Policy
from tests.support import as_role

from .support import Crm, rule, text

PHONE = "pii.contact.phone"


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        (rule("a", "pii.nonsense", "drop"), "rules[0].tag"),
        (rule("a", PHONE, "drop", zone="moon"), "rules[0].zone"),
        (rule("a", PHONE, "vanish"), "rules[0].treatment.kind"),
        (rule("a", PHONE, "partial", keep_last=-1), "rules[0].treatment.keep_last"),
        (rule("a", PHONE, "token", domain="absent"), "rules[0].domain"),
        ({"name": "a", "zone": "*", "treatment": {"kind": "drop"}}, "rules[0].tag"),
        ("drop everything", "rules[0]"),
    ],
)
def test_a_mistake_names_its_place(crm: Crm, entry: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        proposals.normalise({"slug": "p", "name": "P", "text": text(entry)}, team_id=crm.world.team.id)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"slug": "Not One"}, "slug"), ({"name": ""}, "name"), ({"extra": 1}, "extra"), ({"text": None}, "text")],
)
def test_the_rest_of_a_proposal_is_checked_too(crm: Crm, changed: dict[str, Any], field: str) -> None:
    proposal = {"slug": "p", "name": "P", "text": text(rule("a", PHONE, "drop")), **changed}
    with pytest.raises(Invalid) as caught:
        proposals.normalise(proposal, team_id=crm.world.team.id)
    assert caught.value.field == field


def test_a_subtree_above_known_tags_can_be_named(crm: Crm) -> None:
    proposal = {"slug": "p", "name": "P", "text": text(rule("a", "pii.contact", "drop"), rule("b", "pii", "null"))}
    once = proposals.normalise(proposal, team_id=crm.world.team.id)
    assert proposals.normalise(once, team_id=crm.world.team.id) == once


def test_a_policy_has_a_bounded_number_of_rules(crm: Crm) -> None:
    rules = [rule(f"r{number}", PHONE, "drop") for number in range(501)]
    with pytest.raises(Invalid) as caught:
        proposals.normalise({"slug": "p", "name": "P", "text": text(*rules)}, team_id=crm.world.team.id)
    assert caught.value.sentence == "A policy has at most 500 rules."


def test_the_text_is_read_back_as_the_same_rules(crm: Crm) -> None:
    rules = (
        rule("no", PHONE, "partial", zone="analytics", keep_last=4, keep_domain=True),
        rule("mail", "crm.*.email", "constant", value="yes"),
        rule("numbers", "financial", "constant", value="2020-01-01"),
        rule("tokens", "pii", "token", domain="default"),
    )
    document = proposals.normalise({"slug": "p", "name": "P", "text": text(*rules)}, team_id=crm.world.team.id)["text"]
    written = yamltext.write(document)
    read = proposals.normalise({"slug": "p", "name": "P", "text": yamltext.read(written)}, team_id=crm.world.team.id)[
        "text"
    ]
    assert read == document
    assert "treatment: {kind: partial, keep_last: 4, keep_domain: true}" in written


def test_the_diff_shows_name_and_text(crm: Crm) -> None:
    document = text(rule("phone", PHONE, "token"))
    complete = proposals.normalise({"slug": "p", "name": "P – q", "text": document}, team_id=crm.world.team.id)
    assert proposals.text(complete) == (
        'policy: p\nname: "P – q"\nformat: 1\nrules:\n  - name: phone\n    tag: pii.contact.phone\n'
        "    zone: '*'\n    treatment: {kind: token}\n    domain: default\n"
    )


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("a: &x 1\nb: *x\n", "Line 1: anchors are not allowed."),
        ("b: *x\n", "Line 1: aliases are not allowed."),
        ("format: 1\nformat: 2\n", "Line 2: format stands here twice."),
        ("a: !!python/object/apply:os.system ['true']\n", "Line 1: could not determine a constructor for the tag"),
        ("[" * 50 + "]" * 50, "Line 1: this is nested too deeply."),
        ("a: [1\n", "Line 2: expected ',' or ']', but got '<stream end>'."),
        ("just text", "A policy is an object with `format` and `rules`."),
        ("a: \x00", "This text holds a character that YAML does not allow."),
        ("a: 1\n---\nb: 2\n", "Line 2: but found another document."),
        ("x" * (200 * 1024 + 1), "This text is larger than 200 KB."),
    ],
)
def test_yaml_that_could_surprise_is_refused(source: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        yamltext.read(source)
    assert caught.value.sentence.startswith(sentence)
    assert caught.value.field == "text"


def test_only_json_like_words_are_more_than_text() -> None:
    read = yamltext.read("a: no\nb: 2020-01-01\nc: 0x1F\nd: 1_000\ne: true\nf: 12\ng: 1.5\nh: null\ni: 007\n")
    assert read == {
        "a": "no",
        "b": "2020-01-01",
        "c": "0x1F",
        "d": "1_000",
        "e": True,
        "f": 12,
        "g": "1.5",
        "h": None,
        "i": "007",
    }


def test_a_base_that_moved_is_a_conflict_and_writes_nothing(crm: Crm) -> None:
    policy = crm.activate(rule("phone", PHONE, "token"))
    proposal = {"slug": "pii", "name": "P", "text": text(rule("phone", PHONE, "drop"))}
    for target, base in ((f"policy/{policy.id}", 0), (f"policy/new/{crm.world.team.id}/pii", 0)):
        with as_role("applier"), pytest.raises(Conflict):
            apply.apply(proposal=proposal, target=target, base_version=base, change="change/x")
    policy.refresh_from_db()
    assert policy.active_version == 1


@pytest.mark.parametrize("name", ["alice", "charlie", "dora", "admin"])
def test_only_a_steward_proposes(crm: Crm, name: str) -> None:
    with pytest.raises(Denied):
        crm.propose(rule("phone", PHONE, "token"), by=name)
    assert not Policy.objects.exists()
