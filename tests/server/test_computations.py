"""How many different frames one client may have computed, without an effect on others."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect

from orderfox_nb.core.events import Topic
from orderfox_nb.core.symbols import ladder_heights, nearest_height
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import TooManyFrames
from orderfox_nb.server.computations import Computations
from orderfox_nb.server.handlers.sockets import COSTLY_PER_S
from tests.server.conftest import TOKEN, Serve, Served, until
from tests.server.scripted import VENUE
from tests.server.test_streams import closed_with, receive

pytestmark = pytest.mark.server

LIMIT = 16
GREEDY, BYSTANDER = "127.0.0.2", "127.0.0.3"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.booleans()), max_size=80))
def test_each_key_is_on_the_account_of_one_of_its_readers(steps: list[tuple[str, int, bool]]) -> None:
    clients = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}
    computations = Computations(overall=10, per_client=4, now_s=itertools.count().__next__)
    readers: list[tuple[str, int, contextlib.ExitStack]] = []
    for client, key, opens in steps:
        if opens:
            known = any(held == key for _, held, _ in readers)
            try:
                computations.admit(clients[client], key)
            except TooManyFrames:
                assert not known, "what is computed anyway is refused to nobody"
                continue
            stack = contextlib.ExitStack()
            stack.enter_context(computations.reading(clients[client], key))
            readers.append((client, key, stack))
        elif readers:
            readers.pop(key % len(readers))[2].close()
        keys = {held for _, held, _ in readers}
        assert len(computations) == len(keys) <= 10
        assert sum(computations._accounts.values()) == len(keys)
        for name, address in clients.items():
            assert computations._accounts[address] <= len({held for client, held, _ in readers if client == name})
    for *_, stack in readers:
        stack.close()
    assert len(computations) == 0
    assert not +computations._accounts


def test_new_keys_come_at_a_rate_and_in_all_there_are_so_many() -> None:
    now = [0.0]
    computations = Computations(overall=3, per_client=2, now_s=lambda: now[0])
    for number in range(4):
        computations.admit("192.0.2.1", number)
    with pytest.raises(TooManyFrames, match="too often"):
        computations.admit("192.0.2.1", 5)
    computations.admit("192.0.2.2", 5)
    computations.admit("127.0.0.1", 5)
    now[0] = 1.0
    computations.admit("192.0.2.1", 5)
    with contextlib.ExitStack() as stack:
        for number in range(3):
            stack.enter_context(computations.reading("127.0.0.1", number))
        with pytest.raises(TooManyFrames, match="server's 3 different frames"):
            computations.admit("127.0.0.1", 9)
        computations.admit("127.0.0.1", 9, trusted=True)
        computations.admit("192.0.2.2", 2)


@given(
    st.decimals(min_value="1e-12", max_value="1e12", allow_nan=False, allow_infinity=False),
    st.sampled_from(["0.1", "0.01", "0.0000001", "1"]),
    st.one_of(st.none(), st.floats(1e-6, 1e6)),
)
def test_a_row_height_becomes_one_that_is_offered_and_those_stay(
    asked: Decimal, tick: str, price: float | None
) -> None:
    heights = ladder_heights(Decimal(tick), price)
    assert nearest_height(asked, heights) in heights
    assert all(nearest_height(height, heights) == height for height in heights)


async def say(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps(fields))


def greedy(server: Served, path: str) -> Any:
    return connect(f"{server.ws_url}api/v1/{path}", local_addr=(GREEDY, 0), max_queue=None)


def bystander(server: Served, path: str, **options: Any) -> Any:
    return connect(f"{server.ws_url}api/v1/{path}", local_addr=(BYSTANDER, 0), **options)


async def test_every_row_height_of_a_page_is_one_of_those_that_are_offered(serve: Serve) -> None:
    """Forty pages of 64 row heights each had 2,560 ladders computed ten times a second."""
    async with serve(loopback_limited=True) as server:
        seconds = itertools.count()
        server.service.now_s = lambda: float(next(seconds))
        async with contextlib.AsyncExitStack() as stack:
            seen: Counter[str] = Counter()
            for page in range(3):
                socket = await stack.enter_async_context(greedy(server, "ws/live"))
                asked = {f"{VENUE}/BTCUSDT/book?rounding={1 + number + 64 * page}&rows=10" for number in range(64)}
                for key in sorted(asked):
                    await say(socket, type="subscribe", key=key)
                while asked:
                    frame = await receive(socket, "frame")
                    # Each is answered under its own name, and says which height it has.
                    asked.discard(frame["key"])
                    assert frame["rounding"] in frame["rounding_options"]
                    seen[frame["rounding"]] += 1
            desk = server.service.opened
            assert desk is not None
            assert desk.statistics()["frame_keys_active"] == len(server.service.computations) == len(seen) < 12
            assert (await server.ask("api/v1/health"))[0] == 200
        await until(lambda: len(server.service.computations) == 0)
        # A client with the token may have any height computed.
        headers = {"Authorization": f"token {TOKEN}"}
        async with bystander(server, "ws/live", additional_headers=headers) as own:
            await say(own, type="subscribe", key=f"{VENUE}/BTCUSDT/book?rounding=7&rows=10")
            assert (await receive(own, "frame"))["rounding"] == "7"


async def test_a_client_with_too_many_different_frames_is_refused_and_a_bystander_keeps_theirs(serve: Serve) -> None:
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_KEYS=str(LIMIT)) as server:
        async with bystander(server, "ws/orderbook/BTCUSDT?limit=7") as other, contextlib.AsyncExitStack() as stack:
            await receive(other)
            refused = 0
            for limit in range(1, LIMIT + 6):
                socket = await stack.enter_async_context(greedy(server, f"ws/orderbook/BTCUSDT?limit={limit}"))
                message = await receive(socket)
                if message["type"] == "error":
                    assert f"At most {LIMIT} different frames a client" in message["message"]
                    assert (await closed_with(socket))[0] == 1013
                    refused += 1
            # One of them is computed for the bystander anyway.
            assert refused == 4
            page = await stack.enter_async_context(greedy(server, "ws/live"))
            await say(page, type="subscribe", key=f"{VENUE}/ETHUSDT/depth?range=2")
            gone = await receive(page, "gone")
            assert "different frames" in gone["message"]
            # Another client's are its own, and everything is there again once they are closed.
            async with bystander(server, "ws/orderbook/BTCUSDT?limit=40") as more:
                assert (await receive(more))["type"] == "orderbook_update"
            assert len(server.service.computations) == LIMIT + 1
            assert (await server.ask("api/v1/health"))[0] == 200
        await until(lambda: len(server.service.computations) == 0)
        async with greedy(server, "ws/orderbook/BTCUSDT?limit=21") as again:
            assert (await receive(again))["type"] == "orderbook_update"


async def test_thousands_of_readers_of_one_client_share_the_frames_of_a_few(serve: Serve) -> None:
    """Forty sockets of 64 readers blocked the loop by sending alone, whatever little was computed."""
    async with serve(loopback_limited=True, ORDERFOX_MAX_CLIENT_KEYS="1") as server:
        seconds = itertools.count()
        server.service.now_s = lambda: float(next(seconds))
        async with contextlib.AsyncExitStack() as stack:
            frames: Counter[str] = Counter()
            # One thing under 64 names.
            names = itertools.product(range(8), range(8))
            asked = [
                f"{VENUE}/BTCUSDT/book?rounding=1.0{'0' * zeros}&rows=10{'&rows=10' * more}" for zeros, more in names
            ]
            sockets = [await stack.enter_async_context(greedy(server, "ws/live")) for _ in range(4)]
            for at, socket in enumerate(sockets):
                for key in asked:
                    await say(socket, type="subscribe", key=key)
                while sum(frames[f"{at} {key}"] > 0 for key in asked) < len(asked):
                    frames[f"{at} {(await receive(socket, 'frame'))['key']}"] += 1
            # Each of the 256 has one frame, and now waits for its turn of 2,560 a second over twice one key.
            assert server.service.computations.pause_s(GREEDY) == pytest.approx(12.8)
            assert server.service.computations.pause_s(BYSTANDER) == 0
            sent = sum(one._writer.messages for one in server.service.sockets)  # type: ignore[attr-defined]
            async with bystander(server, "ws/live") as other:
                await say(other, type="subscribe", key=f"{VENUE}/BTCUSDT/book?rows=10&rounding=1")
                topic = Topic(VENUE, "BTCUSDT", "book")
                for _ in range(5):
                    await receive(other, "frame")
                    server.feed.emit(topic, *server.feed.prelude(topic))
                # Of five frames the bystander got five; the others would have been sent 5 x 256.
                assert sum(one._writer.messages for one in server.service.sockets) - sent < 256  # type: ignore[attr-defined]


async def test_changes_of_parameters_start_no_more_computations_than_a_client_has(serve: Serve) -> None:
    limits = {"ORDERFOX_MAX_CLIENT_KEYS": str(LIMIT), "MAX_ORDERBOOK_LIMIT": "1000"}
    async with serve(loopback_limited=True, **limits) as server:
        # Nothing comes back by itself.
        server.service.now_s = lambda: 0.0
        kinds: Counter[str] = Counter()
        async with contextlib.AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(greedy(server, f"ws/orderbook/BTCUSDT?limit={1 + at}"))
                for at in range(6)
            ]
            for socket in sockets:
                await receive(socket)
            for at, socket in enumerate(sockets):
                for change in range(COSTLY_PER_S):
                    await say(socket, type="update_params", limit=10 + COSTLY_PER_S * at + change)
                rejected = 0
                while rejected < COSTLY_PER_S:
                    message = await receive(socket)
                    if message["type"] in ("params_updated", "error"):
                        rejected += 1
                        kinds[message["type"]] += 1
                        assert message["type"] != "error" or "too often" in message["message"]
            # Each socket goes on with what it has.
            assert len(server.service.sockets) == 6
            assert (await server.ask("api/v1/health"))[0] == 200
        # Twice the limit at once, the six of the sockets' own among them.
        assert kinds == {"params_updated": 2 * LIMIT - 6, "error": 6 * COSTLY_PER_S - 2 * LIMIT + 6}
        await until(lambda: len(server.service.computations) == 0)


async def test_the_candles_of_one_client_are_bounded_by_its_topics_and_a_bystander_keeps_frames(serve: Serve) -> None:
    """116 charts of one address, each of another symbol, timeframe or number of bars, over as few sockets as can be."""
    charts = itertools.product(("BTCUSDT", "ETHUSDT", "BTCUSDC"), TIMEFRAME_US, (200, 400, 1000))
    wanted = [f"{VENUE}/{symbol}/candles?bars={bars}&interval={interval}" for symbol, interval, bars in charts][:116]
    async with serve(loopback_limited=True) as server:
        seconds = [0.0]
        server.service.now_s = lambda: seconds[0]
        async with contextlib.AsyncExitStack() as stack:
            pages = [await stack.enter_async_context(greedy(server, "ws/live")) for _ in range(2)]
            served: set[str] = set()

            async def ask(keys: list[str]) -> set[str]:
                refused: set[str] = set()
                for at, key in enumerate(keys):
                    page = pages[key in halves[1]]
                    await say(page, type="subscribe", key=key)
                    while key not in served | refused:
                        message = await receive(page)
                        if message["type"] == "gone":
                            assert "At most 30 candles topics without other readers" in message["message"], at
                            refused.add(message["key"])
                        elif message["type"] == "frame":
                            served.add(message["key"])
                    seconds[0] += 0.02  # within what a page may send
                return refused

            halves = wanted[:60], set(wanted[60:])
            refused = await ask(wanted)
            # So many topics at once; more come at the rate of topics a minute, and then the number of keys ends it.
            assert len(served) in range(90, 97)
            assert len(refused) == 116 - len(served)
            seconds[0] += 60.0
            assert not await ask(sorted(refused))
            assert len(server.service.computations) == 116

            async with bystander(server, "ws/live") as other:
                await say(other, type="subscribe", key=f"{VENUE}/BTCUSDT/book?rows=10&rounding=1")
                await receive(other, "frame")
                book = Topic(VENUE, "BTCUSDT", "book")
                sent = sum(one._writer.messages for one in server.service.sockets)  # type: ignore[attr-defined]
                for _ in range(5):
                    for topic in [one for one in server.feed.streams if one.channel == "candles"]:
                        server.feed.emit(topic, *server.feed.prelude(topic)[-2:])
                    server.feed.emit(book, *server.feed.prelude(book))
                    await receive(other, "frame")
                # Whatever happens, a chart has no more frames than the bystander's book.
                assert sum(one._writer.messages for one in server.service.sockets) - sent <= 7 * 117  # type: ignore[attr-defined]
                assert (await server.ask("api/v1/health"))[0] == 200
        await until(lambda: len(server.service.computations) == 0)
