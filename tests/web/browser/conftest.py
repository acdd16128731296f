"""One real installation for all browser tests, founded in the browser, and a page for each of its people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.faults.installation import ROOT, Installation

from .founding import Founding, found
from .watching import Watched

BROWSER = os.environ.get("LOCKGATE_TEST_BROWSER") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE = {"width": 1360, "height": 900}
ZONE = "Europe/Berlin"


@dataclass(frozen=True)
class Site:
    """A running Lockgate with people and rows in it."""

    installation: Installation
    founding: Founding
    passwords: dict[str, str] = field(repr=False)
    rows: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.installation.port}"

    def address(self, name: str) -> str:
        return f"{name}@acme.example"


# Playwright keeps an event loop running in this thread, in which Django refuses its database: it ends with the package.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def site(chromium: Browser) -> Iterator[Site]:
    installation = Installation.new()
    try:
        installation.start()
        founding = found(installation, chromium)
        told = _seed(installation, founding)
        yield Site(installation, founding, told.pop("passwords"), told)
    finally:
        installation.remove()


def _seed(installation: Installation, founding: Founding) -> dict[str, Any]:
    environment = Path(f"/proc/{installation.pid('web')}/environ").read_bytes().decode().split("\0")
    its = dict(pair.split("=", 1) for pair in environment if "=" in pair)
    done = subprocess.run(
        [sys.executable, "-m", "tests.web.browser.seed"],
        cwd=ROOT,
        env=its | {"LOCKGATE_BOOT_ADMIN_URL": installation.admin_url()},
        input=json.dumps(founding.passwords),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="package")
def signed_in(site: Site, chromium: Browser) -> Iterator[Callable[[str], Any]]:
    """The cookies of each person, signed in once by the form."""
    kept: dict[str, Any] = {}

    def state(name: str) -> Any:
        if name not in kept:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"{site.url}/login/")
            page.get_by_label("E-mail address").fill(site.address(name))
            page.get_by_label("Password").fill(site.passwords[name])
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda url: "/login/" not in url)
            kept[name] = context.storage_state()
            context.close()
        return kept[name]

    return state


@pytest.fixture
def as_person(site: Site, chromium: Browser, signed_in: Callable[[str], Any]) -> Iterator[Callable[..., Watched]]:
    """A fresh page, signed in as somebody or as nobody; what its console says is a failure at the end."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def page_of(name: str = "", **options: Any) -> Watched:
        state = signed_in(name) if name else None
        settings = {"viewport": WIDE, "reduced_motion": "reduce", "color_scheme": "light", "timezone_id": ZONE}
        context = chromium.new_context(base_url=site.url, storage_state=state, **(settings | options))
        context.set_default_timeout(20_000)
        watched = Watched(context.new_page())
        opened.append((context, watched))
        return watched

    yield page_of
    for context, _watched in opened:
        context.close()
    assert [complaint for _context, watched in opened for complaint in watched.complaints] == []
