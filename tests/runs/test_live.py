"""A run's page while it runs: server-sent fragments, which resume, end by themselves and hold no surprises."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from apps.accounts.models import Membership
from apps.core.clock import now
from apps.runs import live
from apps.runs.live import Watch, last_event, stream
from apps.runs.models import Run, Step
from tests.support import as_role

from .support import HOSTILE, Shop

Browse = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 0.01)


@pytest.fixture
def watch(shop: Shop) -> Callable[..., Watch]:
    """Somebody's watch of a run."""

    def of(run: Run, who: str = "alice", **headers: str) -> Watch:
        request = RequestFactory().get(f"/runs/{run.number}/events", headers=headers)
        request.actor = shop.world.actor(who)  # type: ignore[attr-defined]
        request.session = Client().session
        return Watch.begin(request, run.number)  # type: ignore[arg-type]

    return of


def look(seen: Watch) -> list[str]:
    """What a look brings under the grants of the web process."""
    with as_role("web"):
        return seen.look()


def parts(events: list[str]) -> list[str]:
    return re.findall(r'hx-target="#([\w-]+)"', "".join(events))


def ids(events: list[str]) -> list[int]:
    return [int(found) for event in events for found in re.findall(r"^id: (\d+)$", event, re.M)]


class TestOneLook:
    def test_the_first_look_sends_every_part_and_the_log(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.running()
        seen = watch(run)
        events = look(seen)
        assert parts(events) == ["run-log-lines", "run-state", "run-actions", "run-progress"]
        assert ids(events) == [seen.last, seen.last]

    def test_the_second_look_sends_only_what_is_news(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.run()
        seen = watch(run)
        look(seen)
        assert look(seen) == []
        line = shop.log(run, "plan", "11 columns")
        events = look(seen)
        assert parts(events) == ["run-log-lines"]
        assert ids(events) == [line.id]

    def test_buttons_are_sent_again_only_when_they_change(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.running()
        seen = watch(run)
        look(seen)
        Step.objects.filter(run=run, name="publish").update(state="RUNNING", started_at=now())
        events = look(seen)
        assert parts(events) == ["run-actions", "run-progress"]
        assert f"/runs/{run.number}/cancel" not in "".join(events)

    def test_a_reconnect_resumes_after_the_last_line_received(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.run()
        first, second = shop.log(run, "plan", "the first line"), shop.log(run, "plan", "the second line")
        told = "".join(look(watch(run, **{"Last-Event-ID": str(first.id)})))
        assert "the second line" in told
        assert "the first line" not in told
        assert "the second line" not in "".join(look(watch(run, **{"Last-Event-ID": str(second.id)})))

    @pytest.mark.parametrize("text", ["", "-1", "1e3", "x", "٣", "9" * 40, "0x10"])
    def test_an_id_that_is_none_of_ours_means_everything(self, text: str) -> None:
        assert last_event(text) == 0

    def test_a_long_log_comes_in_pieces_without_a_gap(
        self, shop: Shop, watch: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "LINES_AT_ONCE", 2)
        run = shop.run()
        for number in range(5):
            shop.log(run, "plan", f"line {number}.")
        seen, told = watch(run), []
        for _ in range(3):
            told += look(seen)
        assert re.findall(r"line (\d)\.", "".join(told)) == ["0", "1", "2", "3", "4"]
        assert not seen.behind

    def test_no_text_of_a_log_line_becomes_an_event_or_markup(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.run()
        shop.log(run, "plan", f"{HOSTILE}\r\nevent: concluded\rid: 1\n\ndata: x")
        event = look(watch(run))[0]
        assert all(re.match(r"(id: \d+|data: .*|data: ?|)$", line) for line in re.split(r"\r\n|\r|\n", event))
        assert "<script>alert" not in event

    def test_the_end_brings_the_outcome_in_place_of_the_progress(self, shop: Shop, watch: Callable[..., Watch]) -> None:
        run = shop.published()
        seen = watch(run)
        events = look(seen)
        assert seen.ended
        assert parts(events) == ["run-log-lines", "run-state", "run-actions", "run-body"]
        assert "954 published" in "".join(events)

    def test_whoever_loses_the_role_loses_the_stream(
        self, shop: Shop, watch: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "POLLS_BETWEEN_CHECKS", 2)
        run = shop.running()
        seen = watch(run)
        look(seen)
        Membership.objects.filter(user=shop.world.users["alice"]).update(revoked_at=now(), revoked_by="test")
        with as_role("web"):
            assert async_to_sync(everything)(seen) == [live.RETRY]


async def everything(seen: Watch) -> list[str]:
    return [event async for event in stream(seen)]


async def whole(response: HttpResponseBase) -> bytes:
    if not isinstance(response, StreamingHttpResponse):
        return b""
    return b"".join([piece async for piece in response.streaming_content])


class TestStream:
    def read(self, browse: Browse, who: str, run: Run) -> tuple[int, str]:
        with as_role("web"):
            response = browse(who).get(f"/runs/{run.number}/events")
            body = async_to_sync(whole)(response)
        return response.status_code, body.decode()

    def test_it_ends_when_the_run_has_ended(self, shop: Shop, browse: Browse) -> None:
        status, body = self.read(browse, "alice", shop.published())
        assert status == 200
        assert body.startswith("retry: 1000\n\n")
        assert body.endswith("event: concluded\ndata: ended\n\n")

    def test_it_lives_no_longer_than_its_bound(
        self, shop: Shop, browse: Browse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "LIFE_SECONDS", 0.2)
        _status, body = self.read(browse, "alice", shop.running())
        assert "run-progress" in body
        assert "concluded" not in body

    def test_a_quiet_stream_says_that_it_is_there(
        self, shop: Shop, browse: Browse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "LIFE_SECONDS", 0.3)
        monkeypatch.setattr(live, "QUIET_SECONDS", 0.02)
        _status, body = self.read(browse, "alice", shop.run())
        assert live.ALIVE in body

    def test_no_proxy_keeps_it(self, shop: Shop, browse: Browse) -> None:
        run = shop.published()
        with as_role("web"):
            response = browse("alice").get(f"/runs/{run.number}/events")
        assert response["Content-Type"] == "text/event-stream"
        assert response["Cache-Control"] == "no-store"
        assert response["X-Accel-Buffering"] == "no"

    def test_a_stranger_gets_nothing(self, shop: Shop, browse: Browse) -> None:
        assert self.read(browse, "charlie", shop.running())[0] == 404

    def test_who_is_not_signed_in_is_led_to_sign_in(self, shop: Shop) -> None:
        answer = Client().get(f"/runs/{shop.running().number}/events")
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/")
