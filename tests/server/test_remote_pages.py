"""A page of a server that reads from another server goes back on that one, with a playhead of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from orderfox_nb.config import Settings
from orderfox_nb.desk import rewinding
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.remote_playback import RemotePlayback
from orderfox_nb.feeds.remote import RemoteFeed
from tests.server.conftest import Serve, Served, until
from tests.server.scripted import START_US, VENUE, trade
from tests.server.test_live import page, say
from tests.server.test_rewind import SECOND_US, TRADES, answered, happens, shown, written_us
from tests.server.test_streams import receive

pytestmark = pytest.mark.server

KEY = f"{VENUE}/BTCUSDT/trades?rows=50"
OPTIONS = {"ORDERFOX_RECORDING": "1"}


@asynccontextmanager
async def over(serve: Serve, upstream: Served, **variables: Any) -> AsyncIterator[Served]:
    """A server whose source is another one."""

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Desks]:
        async with Desks([RemoteFeed(upstream.url, venue=VENUE, name=VENUE)], settings, linger_s=0) as desks:
            yield desks

    async with serve(open_=opened, **variables) as middle:
        yield middle


def ms(second: float) -> int:
    return (START_US + round(second * SECOND_US)) // 1000


async def asked(socket: ClientConnection, what: str, **parameters: Any) -> dict[str, Any]:
    await say(socket, type="request", id=7, what=what, **parameters)
    while (answer := await receive(socket)).get("id") != 7:
        pass
    return answer


async def recorded(upstream: Served, socket: ClientConnection) -> None:
    """Let three trades happen, and wait until they are recorded and shown."""
    await say(socket, type="subscribe", key=KEY)
    await shown(socket, 150)
    for number, second in ((151, 10), (152, 20), (153, 30)):
        await happens(upstream, number, second)
    await shown(socket, 153)
    await until(lambda: written_us(upstream) >= START_US + 30 * SECOND_US)


async def test_a_page_goes_back_on_the_server_behind_while_another_one_stays_live(serve: Serve) -> None:
    async with serve(**OPTIONS) as upstream, over(serve, upstream) as middle:
        async with page(middle) as one, page(middle) as two:
            await recorded(upstream, one)
            await say(two, type="subscribe", key=KEY)
            await shown(two, 153)
            head = await answered(one, type="rewind", time=ms(15), playing=False)
            assert (head["time"], head["playing"]) == (ms(15), False)
            assert head["end"] >= ms(30)
            assert (await shown(one, 151))["time"] == ms(15)
            for message, number in (
                ({"type": "rewind", "time": ms(25)}, 152),
                ({"type": "step", "by": 1}, 153),
                ({"type": "step", "by": -1}, 152),
                ({"type": "rewind", "time": ms(5)}, 150),
            ):
                await say(one, **message)
                assert (await shown(one, number))["base"] is None or "by" in message
            assert len(middle.service.playheads) == len(upstream.service.playheads) == 1
            # Live goes on, here and there.
            await happens(upstream, 154, 40)
            await shown(two, 154)
            assert (await answered(one, type="live"))["time"] is None
            await shown(one, 154)
            await until(lambda: not len(middle.service.playheads) and not len(upstream.service.playheads))
            await answered(one, type="rewind", time=ms(15), playing=False)
            await shown(one, 151)
        # What a page had ends with its socket, on both servers.
        await until(lambda: not len(middle.service.playheads) and not len(upstream.service.playheads))
        assert upstream.feed.opened == 1


async def test_its_strip_is_what_the_server_behind_has_recorded(serve: Serve) -> None:
    async with serve(**OPTIONS) as upstream, over(serve, upstream) as middle, page(middle) as socket:
        await recorded(upstream, socket)
        async with page(upstream) as direct:
            expected = (await asked(direct, "strip", symbol="BTCUSDT"))["data"]
        answer = await asked(socket, "strip", symbol="BTCUSDT")
        assert answer["data"]["start"] == expected["start"] > 0
        assert answer["data"]["end"] >= ms(30)
        # In the past it is the same one.
        await answered(socket, type="rewind", time=ms(15), playing=False)
        assert (await asked(socket, "strip", symbol="BTCUSDT"))["data"]["start"] == expected["start"]


async def test_it_stays_live_where_nothing_is_recorded_there(serve: Serve) -> None:
    async with serve(ORDERFOX_RECORDING="off") as upstream, over(serve, upstream) as middle, page(middle) as socket:
        await say(socket, type="subscribe", key=KEY)
        await shown(socket, 150)
        assert "ORDERFOX_RECORDING is off" in (await answered(socket, type="rewind"))["message"]
        upstream.feed.time_us += SECOND_US
        upstream.feed.emit(TRADES, trade("BTCUSDT", 151, upstream.feed.time_us))
        await shown(socket, 151)
        assert not len(middle.service.playheads)


async def test_both_servers_bound_the_playheads(serve: Serve) -> None:
    limit = {"ORDERFOX_MAX_CLIENT_PLAYHEADS": "1"}
    async with (
        serve(**OPTIONS, **limit, loopback_limited=True) as upstream,
        over(serve, upstream, ORDERFOX_MAX_PLAYHEADS="2") as middle,
        page(middle) as one,
        page(middle) as two,
    ):
        await recorded(upstream, one)
        assert (await answered(one, type="rewind", time=ms(15), playing=False))["time"] == ms(15)
        # The server behind takes this one for a single client.
        assert "in the past" in (await answered(two, type="rewind", time=ms(15)))["message"]
        await until(lambda: len(middle.service.playheads) == 1)
        await shown(one, 151)


async def test_a_page_is_live_again_where_the_server_behind_ends_its_playhead(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(**OPTIONS) as upstream, over(serve, upstream) as middle, page(middle) as socket:
        await recorded(upstream, socket)
        await answered(socket, type="rewind", time=ms(15), playing=False)
        await shown(socket, 151)
        # Both have the same rule, and the one behind comes first here.
        monkeypatch.setattr(RemotePlayback, "playing", True)
        monkeypatch.setattr(rewinding, "IDLE_US", 0)
        assert "this page is live again" in (await receive(socket, "error"))["message"]
        while (await receive(socket, "playhead"))["time"] is not None:
            pass
        await say(socket, type="resume", key=KEY)
        # Nobody has read the venue since, which is asked again.
        await shown(socket, 150)
        await until(lambda: not len(middle.service.playheads) and not len(upstream.service.playheads))
