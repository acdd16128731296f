"""`manage.py test`: every check and test, in parallel where that is safe, and one closing line with the totals."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import browsers
from .embedded.processes import ROOT

PYTEST_FOUND_NOTHING = 5
NO_BROWSER = "No browser could be had on this machine: the browser tests did not run."


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def run(*, paths: Sequence[str], require_browser: bool) -> int:
    """Run every stage, also after one has failed; paths choose tests and leave the static checks out."""
    browser = browsers.find(_say)
    if browser:
        os.environ["LOCKGATE_TEST_BROWSER"] = browser
        _say(f"browser tests use {browser}")
    outcomes = [] if paths else [_check(name, command) for name, command in _checks()]
    outcomes += [_tests(name, [*arguments, *paths]) for name, arguments in _suites(bool(browser))]
    return _conclude(outcomes, missing_browser=not browser, require_browser=require_browser)


def _checks() -> tuple[tuple[str, list[str]], ...]:
    tools = Path(sys.executable).parent
    return (
        ("ruff", [str(tools / "ruff"), "check", "."]),
        ("mypy", [str(tools / "mypy"), "apps", "controlplane"]),
        ("import contracts", [str(tools / "lint-imports")]),
    )


def _suites(browser: bool) -> list[tuple[str, list[str]]]:
    # The last two need the machine for themselves: they measure time, or kill what others would be using.
    found = [("tests", ["-n", "2", "-m", "not fault and not browser"])]
    found += [("browser tests", ["-m", "browser and not fault"])] * browser
    return [*found, ("fault tests", ["-m", "fault" if browser else "fault and not browser"])]


def _check(name: str, command: list[str]) -> Outcome:
    _say(f"{name} ...")
    started = time.monotonic()
    good = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode == 0
    return _told(Outcome(name, int(good), int(not good), 0, time.monotonic() - started))


def _tests(name: str, arguments: list[str]) -> Outcome:
    _say(f"{name} ...")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *arguments]
        status = subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode
        passed, failed, skipped = _counts(report)
    if status not in (0, PYTEST_FOUND_NOTHING) and not failed:
        failed = 1  # pytest itself broke down
    return _told(Outcome(name, passed, failed, skipped, time.monotonic() - started))


def _counts(report: Path) -> tuple[int, int, int]:
    if not report.exists():
        return 0, 0, 0
    suites = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314  pytest has just written it
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        for name in totals:
            totals[name] += int(suite.get(name, "0"))
    failed = totals["failures"] + totals["errors"]
    return totals["tests"] - failed - totals["skipped"], failed, totals["skipped"]


def _conclude(outcomes: Sequence[Outcome], *, missing_browser: bool, require_browser: bool) -> int:
    print()
    for outcome in outcomes:
        _say(_sentence(outcome))
    passed, failed, skipped = (sum(getattr(o, name) for o in outcomes) for name in ("passed", "failed", "skipped"))
    if missing_browser and require_browser:
        failed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    if missing_browser:
        print(NO_BROWSER, flush=True)
    return 1 if failed or not passed else 0


def _told(outcome: Outcome) -> Outcome:
    _say(_sentence(outcome))
    return outcome


def _sentence(outcome: Outcome) -> str:
    verdict = "failed" if outcome.failed else "ok"
    return f"{verdict}: {outcome.name}, {outcome.passed} passed, {outcome.failed} failed ({outcome.seconds:.0f} s)"


def _environment() -> dict[str, str]:
    # Settings of an installation on this machine must not reach the tests; without bytecode every worker would compile
    # the product and its libraries again.
    return {
        name: value
        for name, value in os.environ.items()
        if (not name.startswith("LOCKGATE_") or name.startswith("LOCKGATE_TEST_")) and name != "PYTHONDONTWRITEBYTECODE"
    }


def _say(sentence: str) -> None:
    print(f"== {sentence}", flush=True)
