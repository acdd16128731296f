"""A browser page whose console is read along, and what axe, the content policy and a phone say about it.

With LOCKGATE_TEST_SHOTS=<folder> pictures of the pages are kept there.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Response

AXE = Path(__file__).parents[2] / "vendor" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NARROW = {"width": 390, "height": 844}
SHOTS = os.environ.get("LOCKGATE_TEST_SHOTS", "")
TALLEST_PICTURE = 8_000
_RUN = """async ([tags, rules]) => {
    const only = rules.length ? {type: "rule", values: rules} : {type: "tag", values: tags};
    const found = await axe.run(document, {runOnly: only, resultTypes: ["violations"]});
    return found.violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 160)} `
        + (node.any[0] ?? node.all[0] ?? node.none[0])?.message));
}"""
# Which element reaches beyond the window, so that the message names it.
_TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 3).map(one => one.outerHTML.slice(0, 160))"""


@cache
def _axe() -> str:
    return AXE.read_text()


class Watched:
    """`page`, and every complaint of its console, its scripts and the content policy since it was opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        # A browser says so as well when a form is answered with 422: that is meant.
        if message.type == "error" and not message.text.startswith("Failed to load resource: the server responded"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, path: str) -> Response:
        """Go there and wait for the fonts, without which widths and contrasts are others."""
        response = self.page.goto(path)
        assert response is not None
        self.page.evaluate("document.fonts.ready.then(() => true)")
        return response

    def violations(self, *rules: str) -> list[str]:
        """What axe finds against WCAG A and AA, or against these rules alone."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_axe())
        return self.page.evaluate(_RUN, [TAGS, list(rules)])  # type: ignore[no-any-return]

    def too_wide(self) -> list[str]:
        return self.page.evaluate(_TOO_WIDE)  # type: ignore[no-any-return]

    def keep(self, name: str) -> None:
        """A picture of the page, where pictures are wanted; only of its beginning when it is very long."""
        if SHOTS:
            whole = self.page.evaluate("document.documentElement.scrollHeight") < TALLEST_PICTURE
            file = re.sub(r"\W+", "-", name).strip("-") + ".png"
            self.page.screenshot(path=Path(SHOTS) / file, full_page=whole)

    @property
    def theme(self) -> str:
        return str(self.page.evaluate("document.documentElement.dataset.bsTheme"))

    def said(self, selector: str = "main") -> str:
        return " ".join(self.page.inner_text(selector).split())

    def focused(self) -> dict[str, Any]:
        """Of the element that has the focus: id, text, whether one sees it, and whether it is the whole page."""
        return self.page.evaluate(  # type: ignore[no-any-return]
            """() => { const one = document.activeElement, look = getComputedStyle(one);
                return {id: one.id, page: one === document.body,
                    text: (one.innerText || one.getAttribute("aria-label") || "").trim(),
                    visible: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) > 0
                        || look.boxShadow !== "none"}; }"""
        )
