"""The privileges of every database role equal the golden file, so that a widened grant shows in review.

After a wanted change: `LOCKGATE_TEST_WRITE_GOLDEN=1 python -m pytest tests/controlplane/test_grants.py`; read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from controlplane import roles
from tests.conftest import url_of
from tests.postgres import Server

GOLDEN = Path(__file__).with_name("grants.golden")


@pytest.fixture
def held(django_db_setup: None, postgres: Server) -> str:
    with psycopg.connect(url_of(postgres, "owner")) as connection:
        return roles.golden(connection)


def test_each_roles_grants_equal_the_golden_file(held: str) -> None:
    if os.environ.get("LOCKGATE_TEST_WRITE_GOLDEN"):
        GOLDEN.write_text(held)
    assert held.splitlines() == GOLDEN.read_text().splitlines()


def test_nobody_may_empty_a_table_or_change_an_audit_event(held: str) -> None:
    assert "TRUNCATE" not in held
    log = ("audit_event:", "audit_eventdetail:", "audit_sequenced:")
    audit = [line for line in held.splitlines() if line.split()[1].startswith(log)]
    assert len(audit) > len(log)
    assert [line for line in audit if "UPDATE" in line or "DELETE" in line] == []
    assert [line.split()[0] for line in audit if "audit_sequenced" in line and "INSERT" in line] == ["lockgate_notary"]


def test_governed_tables_are_written_by_the_applier_alone(held: str) -> None:
    governed = ("policies_", "sources_connectionversion", "sources_classification", "pipelines_pipelineversion")
    lines = [line for line in held.splitlines() if line.split()[1].startswith(governed)]
    writers = {line.split()[0] for line in lines if "INSERT" in line or "UPDATE" in line}
    assert writers == {"lockgate_applier"}


def test_the_web_process_reads_no_private_half_of_a_key(held: str) -> None:
    (line,) = (line for line in held.splitlines() if line.startswith("lockgate_web keys_key:"))
    assert line.startswith("lockgate_web keys_key: SELECT(")
    assert "wrapped" not in line


def test_nobody_but_the_roles_holds_anything(held: str, django_db_setup: Any) -> None:
    assert {line.split()[0] for line in held.splitlines()} <= set(roles.ROLES.values())
