"""What one client's REST requests may take of the server: places at once, and time of its loop."""

from __future__ import annotations

import asyncio
from time import thread_time

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from orderfox_nb.errors import ClientLimited
from orderfox_nb.server import request_share
from orderfox_nb.server.charged_requests import PAGE_SHARE
from orderfox_nb.server.handlers.market import SymbolsRoute
from orderfox_nb.server.limits import RateLimit
from orderfox_nb.server.request_share import MAX_CLIENT_PLACES, MAX_PAGE_WAIT_S, Measured, PageShare, RequestShare
from orderfox_nb.server.viewer.handlers import ViewerPage
from orderfox_nb.server.viewer.rendering import Page
from tests.server.conftest import TOKEN, served, until

pytestmark = pytest.mark.server


def used_up(seconds: float) -> None:
    """Use processor time of this thread."""
    end_s = thread_time() + seconds
    while thread_time() < end_s:
        pass


async def test_expensive_requests_use_up_the_share_of_their_client(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(_: SymbolsRoute, *_args: str) -> bytes:
        # On both sides of a pause: each step counts, and the pause does not.
        used_up(0.03)
        await asyncio.sleep(0)
        used_up(0.03)
        return b"[]"

    monkeypatch.setattr(SymbolsRoute, "answer", answer)
    async with served(loopback_limited=True) as server:
        server.service.now_s = lambda: 0.0
        statuses: list[int] = []
        for _ in range(40):
            async with server.session.get(server.url + "api/v1/symbols") as response:
                statuses.append(response.status)
                if response.status == 429:
                    assert int(response.headers["Retry-After"]) >= 1
                    assert "share of the server's time" in (await response.json())["detail"]
        # A second of time, at 60 ms and more each.
        assert 2 <= statuses.count(200) <= 17
        assert statuses == [200] * statuses.count(200) + [429] * statuses.count(429)
        headers = {"Authorization": f"token {TOKEN}"}
        assert (await server.ask("api/v1/symbols", headers=headers))[0] == 200
        server.service.now_s = lambda: 60.0
        assert (await server.ask("api/v1/symbols"))[0] == 200


async def test_one_client_cannot_hold_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def answer(_: SymbolsRoute, *_args: str) -> bytes:
        await release.wait()
        return b"[]"

    monkeypatch.setattr(SymbolsRoute, "answer", answer)
    async with served(loopback_limited=True) as server:
        service = server.service
        service.now_s = lambda: 0.0
        held = [asyncio.create_task(server.ask("api/v1/symbols")) for _ in range(MAX_CLIENT_PLACES)]
        await until(lambda: service.requests == MAX_CLIENT_PLACES)
        status, text = await server.ask("api/v1/health")
        assert (status, "answered at once" in text["detail"]) == (429, True)
        release.set()
        assert {status for status, _ in await asyncio.gather(*held)} == {200}
        assert (await server.ask("api/v1/health"))[0] != 429


def test_shares_are_those_of_addresses() -> None:
    share = RequestShare(now_s=lambda: 0.0)
    with share.answering("203.0.113.1") as spend:
        spend(5.0)
    with pytest.raises(ClientLimited), share.answering("203.0.113.1"):
        pass
    for other in ("203.0.113.2", "127.0.0.1"):
        with share.answering(other) as spend:
            spend(5.0)
    with share.answering("127.0.0.1"):
        pass


class ShareOfPages:
    """A share whose time passes as soon as somebody waits for it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waited: list[float] = []
        self.share = PageShare(loopback_limited=True, now_s=lambda: self.now_s, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class CostlyPages:
    """Pages of which each request takes some time of the thread."""

    def current(self) -> Page:
        used_up(0.02)
        return Page(b"page", b"", '"1"')


async def page_statuses(share: PageShare, count: int) -> list[tuple[int, str | None]]:
    """Ask for a page so many times, one after the other; gives each status and how long to wait."""
    app = web.Application([("/", ViewerPage, {"pages": CostlyPages()})], log_function=lambda _: None)
    app.settings[PAGE_SHARE] = share
    listeners = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(app)
    server.add_sockets(listeners)
    answers: list[tuple[int, str | None]] = []
    try:
        async with ClientSession() as session:
            for _ in range(count):
                async with session.get(f"http://127.0.0.1:{listeners[0].getsockname()[1]}/") as response:
                    answers.append((response.status, response.headers.get("Retry-After")))
    finally:
        server.stop()
        await server.close_all_connections()
    return answers


async def test_page_requests_beyond_a_share_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = ShareOfPages()
    pages.share.spend("127.0.0.1", 2.0)
    assert await page_statuses(pages.share, 5) == [(200, None)] * 5
    # The first one found nothing owed; the time of the four before the last one has been waited for.
    assert sum(pages.waited) >= 4 * 4 * 0.02
    monkeypatch.setattr(request_share, "MAX_PAGE_WAITING", 0)
    pages.share.spend("127.0.0.1", 2.0)
    assert await page_statuses(pages.share, 1) == [(429, "20")]
    monkeypatch.undo()
    monkeypatch.setattr(request_share, "MAX_PAGE_WAIT_S", 0)
    assert (await page_statuses(pages.share, 1))[0][0] == 429


@given(st.lists(st.floats(0.001, 2), min_size=1, max_size=20))
def test_page_requests_wait_in_line(costs: list[float]) -> None:
    async def run() -> None:
        pages = ShareOfPages()
        admitted: list[int] = []

        async def ask(number: int, cost: float) -> None:
            await pages.share.admit("203.0.113.1")
            admitted.append(number)
            pages.share.spend("203.0.113.1", cost)

        pages.share.spend("203.0.113.1", 3.0)
        tasks = [asyncio.create_task(ask(number, cost)) for number, cost in enumerate(costs)]
        await pages.share.admit("203.0.113.2")
        assert pages.now_s == 0.0, "another client waits for nobody"
        await asyncio.gather(*tasks)
        assert admitted == list(range(len(costs)))
        # Two seconds at once, then a quarter of the time; the last one is not waited for.
        assert pages.now_s == pytest.approx(4 * (3.0 - 2.0 + sum(costs[:-1])), abs=0.01)

    asyncio.run(run())


async def test_a_page_that_costs_much_does_not_make_its_own_scripts_fail() -> None:
    pages = ShareOfPages()
    pages.share.spend("203.0.113.1", 100.0)
    await pages.share.admit("203.0.113.1")
    assert sum(pages.waited) == pytest.approx(MAX_PAGE_WAIT_S / 2, abs=0.01)


@given(st.lists(st.floats(0, 3), max_size=30), st.floats(0.1, 5))
def test_what_is_owed_is_waited_for(spent: list[float], per_s: float) -> None:
    now = [0.0]
    rate = RateLimit(burst=1.0, per_s=per_s, now_s=lambda: now[0])
    for seconds in spent:
        rate.spend("a", seconds)
    owed = sum(spent) - 1.0
    wait_s = rate.wait_s("a", 0)
    assert wait_s == pytest.approx(max(0.0, owed) / per_s, abs=1e-9)
    now[0] += wait_s * 1.000001
    assert rate.wait_s("a", 0) == pytest.approx(0.0, abs=1e-6)


async def test_what_is_measured_goes_on_as_without() -> None:
    async def inner(*, fails: bool) -> str:
        await asyncio.sleep(0)
        if fails:
            raise ValueError("inner")
        return "done"

    steps: list[float] = []
    assert await Measured(inner(fails=False), steps.append) == "done"
    assert len(steps) == 2
    with pytest.raises(ValueError, match="inner"):
        await Measured(inner(fails=True), steps.append)
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def waits() -> None:
        await Measured(endless(), steps.append)

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
