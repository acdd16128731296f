"""The pieces of docs/ui.md: what they render, and that the style guide is accessible and obeys the content policy."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.template import Context, Engine
from django.test import RequestFactory, override_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright

from apps.core.templatetags import _diff, _drawings, _states, formats
from apps.core.templatetags.styleguide import ExampleForm
from apps.core.templatetags.ui import ICONS

ROOT = Path(settings.BASE_DIR)
ENGINE = Engine(
    dirs=[ROOT / "templates"],
    context_processors=["django.template.context_processors.request"],
    builtins=["apps.core.templatetags.ui"],
    libraries={
        "i18n": "django.templatetags.i18n",
        "tz": "django.templatetags.tz",
        "static": "django.templatetags.static",
        "styleguide": "apps.core.templatetags.styleguide",
    },
)
MOMENT = datetime(2026, 11, 22, 7, 31, 4, 118_000, tzinfo=UTC)


def rendered(source: str, path: str = "/", **context: Any) -> str:
    """The template's text with runs of white space made one."""
    request = RequestFactory().get(path)
    text = ENGINE.from_string(source).render(Context({"request": request, **context}))
    return re.sub(r"\s+", " ", text).strip()


class TestNumbersAndMoments:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [(0, "0"), (9_999, "9,999"), (52_310, "52.3 k"), (418_020, "418 k"), (1_204_118, "1.2 M"), (None, "—")],
    )
    def test_large_numbers_are_shortened(self, value: int | None, shown: str) -> None:
        assert formats.compact(value) == shown

    def test_exact_numbers_keep_every_digit(self) -> None:
        assert [formats.number(n) for n in (1_204_118, Decimal("1234.50"), None)] == ["1,204,118", "1,234.50", "—"]

    def test_sizes_are_powers_of_1024(self) -> None:
        assert [formats.file_size(n) for n in (0, 1023, 1024, 14_890_000)] == ["0 B", "1023 B", "1.0 KiB", "14.2 MiB"]

    @pytest.mark.parametrize(("ratio", "shown"), [(1, "100%"), (0.984, "98.4%"), (0.99999, "99.9%"), (0, "0%")])
    def test_nearly_all_is_not_all(self, ratio: float, shown: str) -> None:
        assert formats.percent(ratio) == shown

    @pytest.mark.parametrize(
        ("value", "shown"),
        [(0.42, "0.4 s"), (38, "00:38"), (192, "03:12"), (timedelta(minutes=64), "1 h 04 min"), (183_600, "2 d 3 h")],
    )
    def test_durations_read_as_a_clock_below_an_hour(self, value: float | timedelta, shown: str) -> None:
        assert formats.duration(value) == shown

    @pytest.mark.parametrize(
        ("ahead", "shown"),
        [
            (-20, "just now"),
            (-2_460, "41 min ago"),
            (-7_200, "2 h ago"),
            (-86_400, "1 day ago"),
            (432_000, "in 5 days"),
        ],
    )
    def test_how_long_ago_is_said_in_one_unit(self, ahead: int, shown: str) -> None:
        assert formats.relative(MOMENT + timedelta(seconds=ahead), now=MOMENT) == shown

    def test_a_moment_is_shown_in_the_readers_zone_with_utc_in_its_title(self) -> None:
        with timezone.override("Europe/Berlin"):
            assert rendered("{% time at %}", at=MOMENT) == (
                '<time datetime="2026-11-22T07:31:04.118000+00:00" title="2026-11-22 07:31:04 UTC">'
                "2026-11-22 08:31</time>"
            )


class TestChips:
    def test_a_state_has_a_word_and_an_icon_besides_its_colour(self) -> None:
        html = rendered('{% state "AWAITING_REVIEW" %}')
        assert html.startswith('<span class="chip chip-warn"><svg')
        assert html.endswith("</svg>Awaiting review</span>")

    def test_an_unknown_state_is_shown_plainly(self) -> None:
        assert _states.shown("half_baked") == ("mute", "Half baked", "")

    def test_an_open_change_waits_and_an_open_incident_is_bad(self) -> None:
        assert _states.shown("OPEN", "change") == ("warn", "Awaiting review", "clock")
        assert _states.shown("OPEN") == ("fail", "Open", "flame")

    def test_a_count_of_nothing_is_not_drawn(self) -> None:
        assert rendered("{% badge 0 %}{% badge None %}") == ""

    def test_every_icon_of_a_state_exists(self) -> None:
        assert [name for name in _states._ICONS.values() if not (ICONS / f"{name}.svg").is_file()] == []

    @pytest.mark.parametrize("name", ["nothing-like-this", "../vendor/README"])
    def test_an_icon_that_is_not_ours_is_a_bug(self, name: str) -> None:
        with pytest.raises(LookupError, match="There is no icon"):
            rendered("{% icon name %}", name=name)


class TestDifferences:
    def test_only_the_changed_words_are_marked(self) -> None:
        old, new = _diff.unified("treatment: token", "treatment: partial")
        assert old.segments == (("treatment: ", False), ("token", True))
        assert new.segments == (("treatment: ", False), ("partial", True))

    def test_lines_without_likeness_are_not_marked(self) -> None:
        old, new = _diff.unified("alpha", "- 17: [x, y]")
        assert (old.segments, new.segments) == ((("alpha", False),), (("- 17: [x, y]", False),))

    def test_long_equal_stretches_are_folded_around_a_change(self) -> None:
        before = [str(n) for n in range(20)]
        lines = _diff.unified("\n".join(before), "\n".join([*before[:-1], "nineteen"]))
        assert [(line.kind, line.folded) for line in lines[:2]] == [("fold", 16), ("same", 0)]
        assert [line.kind for line in lines[1:]] == ["same"] * 3 + ["del", "add"]
        assert (lines[-2].old, lines[-1].new) == (20, 20)

    def test_hostile_text_stays_text(self) -> None:
        html = rendered("{% diff before after %}", before="<script>alert(1)</script>", after="")
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script" not in html

    def test_counts_say_how_much_changed(self) -> None:
        assert _diff.counts(_diff.unified("a\nb", "a\nc\nd")) == (2, 1)


class TestDrawings:
    def test_a_sparkline_spans_its_box(self) -> None:
        assert _drawings.sparkline([1, 3, 2]) == "0.0,25.0 60.0,3.0 120.0,14.0"

    def test_a_flat_line_lies_in_the_middle(self) -> None:
        assert _drawings.sparkline([5, 5]) == "0.0,14.0 120.0,14.0"

    def test_one_point_is_no_line(self) -> None:
        assert _drawings.sparkline([5]) == ""

    def test_boxes_stand_right_of_everything_they_come_from(self) -> None:
        nodes = [{"id": i, "label": i} for i in ("mart", "raw", "stage")]
        drawing = _drawings.lineage({"nodes": nodes, "edges": [("raw", "stage"), ("stage", "mart"), ("raw", "mart")]})
        across = {node.id: node.x for node in drawing.nodes}
        assert drawing.layers == 3
        assert across["raw"] < across["stage"] < across["mart"]

    def test_a_circle_is_drawn_and_ends(self) -> None:
        drawing = _drawings.lineage({"nodes": [{"id": "a"}, {"id": "b"}], "edges": [("a", "b"), ("b", "a")]})
        assert len(drawing.edges) == 2

    def test_nothing_is_a_drawing_too(self) -> None:
        assert _drawings.lineage({}).nodes == ()

    def test_lineage_is_said_in_words(self) -> None:
        graph = {"nodes": [{"id": 1, "label": "raw"}, {"id": 2, "label": "mart"}], "edges": [(1, 2)]}
        assert 'aria-label="raw → mart"' in rendered("{% lineage graph %}", graph=graph)


class TestTables:
    def test_a_second_click_turns_the_order_round_and_keeps_the_filters(self) -> None:
        html = rendered('{% sort "name" "Pipeline" %}', path="/runs?state=failed&sort=name&cursor=abc")
        assert 'aria-sort="ascending"' in html
        assert 'href="?state=failed&amp;sort=-name"' in html

    def test_the_pager_keeps_the_filters(self) -> None:
        page = SimpleNamespace(older="b2xk", newer="")
        html = rendered("{% pager page %}", path="/runs?state=failed", page=page)
        assert 'href="?state=failed&amp;cursor=b2xk"' in html
        assert "Newer" not in html

    def test_a_single_page_without_a_note_has_no_footer(self) -> None:
        assert rendered("{% pager page %}", page=SimpleNamespace(older="", newer="")) == ""

    def test_the_filter_bar_shows_what_is_filtered_and_how_to_clear_it(self) -> None:
        source = '{% filterbar %}{% filterselect "state" "State" choices %}{% endfilterbar %}'
        choices = [("failed", "Failed"), ("passed", "Passed")]
        html = rendered(source, path="/runs?state=failed&q=crm", choices=choices)
        assert '<option value="failed" selected>' in html
        assert 'name="q" value="crm"' in html
        assert re.search(r'<a class="btn btn-ghost" href="/runs">.* Clear</a>', html)

    def test_without_filters_there_is_nothing_to_clear(self) -> None:
        assert "Clear" not in rendered("{% filterbar %}{% endfilterbar %}", path="/runs?sort=name&cursor=x")


class TestForms:
    def test_help_and_error_are_tied_to_their_field(self) -> None:
        html = rendered("{% field form.name %}", form=ExampleForm({"name": ""}))
        assert 'aria-describedby="id_name_help id_name_error"' in html
        assert 'aria-invalid="true"' in html
        assert 'id="id_name_help"' in html
        assert 'id="id_name_error"' in html

    def test_the_summary_names_every_error_with_a_link(self) -> None:
        html = rendered("{% formerrors form %}", form=ExampleForm({"name": "x", "kind": "tape", "purpose": "read"}))
        assert '<a href="#id_host">Host</a>: This field is required.' in html
        assert "The server at db.example:5432 answered, but refused the password." in html

    def test_a_form_without_errors_has_no_summary(self) -> None:
        assert rendered("{% formerrors form %}", form=ExampleForm()) == ""

    def test_a_button_posts_with_its_token(self) -> None:
        html = rendered('{% postbutton url="/pause" label="Pause" %}', csrf_token="t0ken")
        assert '<form method="post" action="/pause" class="postform">' in html
        assert '<input type="hidden" name="csrfmiddlewaretoken" value="t0ken">' in html

    def test_two_buttons_to_one_address_ask_in_two_dialogs(self) -> None:
        source = '{% postbutton url="/x" label="Drop" confirm="Sure?" fields=fields %}'
        first = rendered(source, fields={"row": 1})
        second = rendered(source, fields={"row": 2})
        ids = [re.search(r'data-dialog="([^"]+)"', html).group(1) for html in (first, second)]  # type: ignore[union-attr]
        assert ids[0] != ids[1]
        assert f'<dialog class="dialog" id="{ids[0]}"' in first


class TestFrame:
    def test_the_heading_repeats_the_title(self) -> None:
        page = '{% extends "base.html" %}{% block title %}Sources{% endblock %}'
        html = rendered(page)
        assert "<title>Sources · Lockgate</title>" in html
        assert "<h1>Sources</h1>" in html

    def test_navigation_draws_what_it_is_given(self) -> None:
        item = {"url": "/changes", "label": "Changes", "icon": "git-pull-request", "active": True, "badge": 3}
        html = rendered('{% extends "base.html" %}', nav=[{"label": "Govern", "items": [item]}])
        assert '<a href="/changes" class="active" aria-current="page">' in html
        assert '<span class="count count-warn">3</span>' in html

    @pytest.mark.parametrize(
        ("cookie", "theme"), [("dark", "dark"), ("light", "light"), ('x"><script>', "auto"), ("", "auto")]
    )
    def test_the_theme_comes_from_a_checked_cookie(self, cookie: str, theme: str) -> None:
        request = RequestFactory().get("/")
        request.COOKIES["lockgate_theme"] = cookie
        html = ENGINE.from_string("{% theme %}").render(Context({"request": request}))
        assert html == theme

    def test_banners_say_that_the_product_is_founding_or_locked(self) -> None:
        html = rendered('{% extends "base.html" %}', shell={"founding": True, "locked": True})
        assert "Founding mode." in html
        assert "Lockgate is locked." in html
        assert "banner" not in rendered('{% extends "base.html" %}')

    def test_no_template_carries_script_or_style(self) -> None:
        forbidden = re.compile(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
        tags = re.compile(r"{%.*?%}|{{.*?}}")  # Names of variables in them may begin with "on".
        texts = {path.name: tags.sub("", path.read_text()) for path in (ROOT / "templates").rglob("*.html")}
        found = [name for name, text in texts.items() if forbidden.search(text)]
        assert found == []


NAV = [
    {"label": "", "items": [{"url": "/", "label": "Overview", "icon": "layout-dashboard", "active": True}]},
    {"label": "Govern", "items": [{"url": "#c", "label": "Changes", "icon": "git-pull-request", "badge": 3}]},
]
SHELL = {
    "person": {"name": "Mara Köhler", "role": "Reviewer"},
    "unread": 2,
    "urls": {"home": "/", "search": "/search", "notices": "#n", "profile": "#me", "sign_out": "/out"},
    "founding": True,
    "founding_url": "#f",
}
PAGES = {"/": "core/styleguide.html", **{f"/{code}": f"errors/{code}.html" for code in (404, 500)}}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the style guide and the error pages with the product's own content policy."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in PAGES:
            return super().do_GET()
        request = RequestFactory().get(self.path, headers={"cookie": self.headers.get("Cookie", "")})
        template = ENGINE.get_template(PAGES[path])
        context = Context({"request": request, "nav": NAV, "shell": SHELL, "csrf_token": "t0ken"})
        body = template.render(context).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", content_policy())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *args: object) -> None:
        """Quiet."""


def content_policy() -> str:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    handler = partial(Handler, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with override_settings(STATIC_URL="/static/"):
            yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    on_path = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    found = os.environ.get("LOCKGATE_TEST_BROWSER") or next(filter(None, on_path), None)
    quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*quiet, "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1360, "height": 900}, color_scheme="dark")
    yield context.new_page()
    context.close()


@pytest.mark.browser
class TestInABrowser:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1360, 390])
    @pytest.mark.parametrize("path", list(PAGES))
    def test_nothing_violates_accessibility_or_the_content_policy(
        self, page: Page, site: str, path: str, width: int, theme: str
    ) -> None:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.context.add_cookies([{"name": "lockgate_theme", "value": theme, "url": site}])
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(site + path)
        page.evaluate("document.fonts.ready")
        assert said == []
        assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.evaluate((ROOT / "tests/vendor/axe.min.js").read_text())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        result = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", tags)
        assert [(found["id"], found["nodes"][0]["target"]) for found in result["violations"]] == []

    def test_the_theme_follows_the_system_until_somebody_chooses(self, page: Page, site: str) -> None:
        page.goto(site)
        shown = "document.documentElement.dataset.bsTheme"
        assert page.evaluate(shown) == "dark"
        page.click("[data-theme-toggle]")
        assert page.evaluate(shown) == "light"
        page.reload()
        assert page.evaluate(shown) == "light"

    def test_the_slash_key_brings_the_search_box(self, page: Page, site: str) -> None:
        page.goto(site)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"

    def test_a_dialog_asks_before_it_posts(self, page: Page, site: str) -> None:
        page.goto(site)
        page.click("text=Cancel run")
        assert "Rows read so far are dropped." in page.inner_text("dialog[open]")
        page.keyboard.press("Escape")
        assert page.query_selector("dialog[open]") is None

    def test_the_drawer_opens_and_closes_on_a_phone(self, page: Page, site: str) -> None:
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(site)
        assert not page.is_visible("#side")
        page.click("[aria-controls=side]")
        page.wait_for_selector("#side.show:not(.showing)")
        page.keyboard.press("Escape")
        page.wait_for_selector("#side", state="hidden")

    def test_a_log_follows_its_tail_until_the_reader_scrolls_up(self, page: Page, site: str) -> None:
        page.goto(site)
        page.evaluate(
            """() => { for (let i = 0; i < 80; i++) {
                const line = document.createElement("div"); line.className = "log-line"; line.textContent = "line " + i;
                document.getElementById("run-log-lines").append(line); } }"""
        )
        left = "(log => log.scrollHeight - log.scrollTop - log.clientHeight)(document.querySelector('.log'))"
        settled = "new Promise(done => setTimeout(done, 200))"
        page.evaluate(settled)
        assert page.evaluate(left) < 2
        page.evaluate("document.querySelector('.log').scrollTop = 0")
        page.evaluate(settled)
        assert not page.is_checked("[data-log-follow]")
        page.fill("[data-log-search]", "line 7")
        assert page.locator(".log-line:visible").count() == 11

    def test_an_error_answer_is_told_and_not_swapped_in(self, page: Page, site: str) -> None:
        page.goto(site)
        page.evaluate(
            """() => { const button = document.createElement("button"); button.id = "probe";
                button.textContent = "keep"; button.setAttribute("hx-get", "/missing");
                document.querySelector("main").append(button);
                htmx.process(button); button.click(); }"""
        )
        page.wait_for_selector("#toasts .notice-error")
        assert page.inner_text("#toasts .notice-text") == "That did not work. Nothing was changed."
        assert page.inner_text("#probe") == "keep"
