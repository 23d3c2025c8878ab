"""What one client's REST requests may take of the server: places at once, and time of its loop."""

from __future__ import annotations

import asyncio
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.errors import ClientLimited
from orderfox_nb.server.handlers.market import SymbolsRoute
from orderfox_nb.server.limits import RateLimit
from orderfox_nb.server.request_share import MAX_CLIENT_PLACES, Measured, RequestShare
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
