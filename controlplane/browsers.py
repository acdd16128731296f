"""Finds a browser for the tests: one on PATH, else Playwright's own download, else, for root, Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def find(say: Callable[[str], None]) -> str:
    """The path of a browser that starts; "" when none can be had. A later way is tried only when those before fail."""
    for candidate in _candidates(say):
        if candidate and _starts(candidate):
            return candidate
    return ""


def _candidates(say: Callable[[str], None]) -> Iterator[str]:
    yield os.environ.get("LOCKGATE_TEST_BROWSER", "")
    yield from _on_path()
    yield _playwrights_own()
    say("No browser is on PATH; asking Playwright to download one ...")
    if _quietly([sys.executable, "-m", "playwright", "install", "chromium"]):
        yield _playwrights_own()
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing Debian's chromium ...")
        if _quietly(["apt-get", "update"]) and _quietly(["apt-get", "install", "--yes", "chromium"]):
            yield from _on_path()


def _on_path() -> Iterator[str]:
    yield from (found for name in NAMES if (found := shutil.which(name)))


def _playwrights_own() -> str:
    asked = subprocess.run([sys.executable, "-c", _ASK_PLAYWRIGHT], capture_output=True, text=True, check=False)
    path = asked.stdout.strip()
    return path if path and Path(path).exists() else ""


def _quietly(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _starts(browser: str) -> bool:
    try:
        return subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
