"""`manage.py test` runs every stage, counts what ran, and fails when anything failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane import browsers, testing
from controlplane.testing import Outcome

ROOT = Path(__file__).parents[2]
REPORT = """<testsuites><testsuite tests="7" failures="1" errors="1" skipped="2"></testsuite></testsuites>"""
GOOD = Outcome("ruff", 1, 0, 0, 1.0)
BAD = Outcome("tests", 10, 2, 1, 1.0)


def test_counts_are_read_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert testing._counts(report) == (3, 2, 2)


def test_the_closing_line_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert testing._conclude([GOOD, BAD], missing_browser=False, require_browser=True) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "11 passed, 2 failed, 1 skipped"


def test_all_good_is_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert testing._conclude([GOOD], missing_browser=False, require_browser=True) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_without_a_browser_the_last_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert testing._conclude([GOOD], missing_browser=True, require_browser=False) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "1 passed, 0 failed",
        "No browser could be had on this machine: the browser tests did not run.",
    ]


def test_a_required_browser_that_cannot_be_had_is_a_failure() -> None:
    assert testing._conclude([GOOD], missing_browser=True, require_browser=True) == 1


def test_nothing_run_is_a_failure() -> None:
    assert testing._conclude([Outcome("tests", 0, 0, 0, 1.0)], missing_browser=False, require_browser=False) == 1


def test_every_stage_runs_also_after_one_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def stage(name: str, _command: list[str]) -> Outcome:
        ran.append(name)
        return Outcome(name, 0, 1, 0, 0.0)

    monkeypatch.setattr(testing, "_check", stage)
    monkeypatch.setattr(testing, "_tests", stage)
    monkeypatch.setattr(browsers, "find", lambda say: "/usr/bin/true")
    monkeypatch.setenv("LOCKGATE_TEST_BROWSER", "")
    assert testing.run(paths=(), require_browser=True) == 1
    assert ran == ["ruff", "mypy", "import contracts", "tests", "browser tests", "fault tests"]


def test_a_broken_test_run_is_a_failure(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = testing._tests("tests", ["--no-such-option"])
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_settings_of_an_installation_do_not_reach_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_DATABASE_URL", "postgresql://somewhere/real")
    monkeypatch.setenv("LOCKGATE_TEST_BROWSER", "/usr/bin/chromium")
    given = testing._environment()
    assert {name: given[name] for name in given if name.startswith("LOCKGATE_")} == {
        "LOCKGATE_TEST_BROWSER": "/usr/bin/chromium"
    }


def test_a_browser_on_path_is_taken_without_asking_anybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexit 0\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LOCKGATE_TEST_BROWSER", "")
    said: list[str] = []
    assert browsers.find(said.append) == str(browser)
    assert said == []


def test_a_browser_that_does_not_start_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, status in (("chromium", 1), ("google-chrome", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LOCKGATE_TEST_BROWSER", "")
    assert browsers.find(print) == str(tmp_path / "google-chrome")


def test_ci_calls_exactly_the_test_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec python3 manage.py test --require-browser"
    assert "set -euo pipefail" in lines
