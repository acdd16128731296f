"""Every code with which a plan can be refused has its place in the one table of remedies."""

from __future__ import annotations

import ast
from pathlib import Path
from uuid import UUID

import pytest

from apps.pipelines.remedies import REMEDIES, Place, remedy

DATAPLANE = Path(__file__).parents[2] / "apps" / "dataplane"
# What a run may end with without a refused plan.
ENDINGS = {"locked", "unreachable"}
PLACE = Place(UUID(int=7), "crm.customers.nick name", "/edit", "/load", "/connection")


def codes() -> set[str]:
    """The first argument of every Refusal(…), draft.refuse(…) and _refusal(…) in the data plane."""
    found = set()
    for path in DATAPLANE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("Refusal", "refuse", "_refusal") and isinstance(node.args[0].value, str):
                    found.add(node.args[0].value)
    return found


def test_the_table_holds_every_code_and_no_other():
    assert set(REMEDIES) - ENDINGS == codes()


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_each_leads_to_a_page_with_a_word_on_its_button(code):
    url, word = remedy(code, PLACE)
    assert url.startswith("/")
    assert word


def test_an_unclassified_column_opens_the_columns_filtered_to_it():
    assert remedy("unclassified", PLACE) == (
        "/sources/columns/?connection=00000000-0000-0000-0000-000000000007&state=unclassified&q=nick+name",
        "Classify the column",
    )


def test_without_a_page_of_theirs_nobody_gets_a_dead_button():
    assert remedy("destination-type", Place(UUID(int=7))) == ("", "")
