"""Whatever a reader sends or asks for: it is answered or refused, and nothing is left behind."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import ClientSession
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.conftest import Served, served
from tests.server.scripted import VENUE

pytestmark = pytest.mark.server

SOCKETS = ["orderbook/BTCUSDT", "trades/BTCUSDT", "candles/BTCUSDT", "liquidations/BTCUSDT?timeframe=1m", "live"]
JUNK = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "0", "-1", "1e9", "NaN", "inf", "true", "null", "BTCUSDT", "1m", "..", "%", "\0", "٣", "9" * 99]
    ),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | JUNK,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JUNK, inner, max_size=3),
    max_leaves=6,
)
STREAMS = st.sampled_from(
    ["book", "trades", "candles", "liquidations", "ticker", "symbols", "events", "v1.trades", "x"]
)
NAMES = st.sampled_from(["rows", "rounding", "interval", "bars", "channel", "limit", "count", "x"])
KEYS = st.one_of(
    JUNK,
    st.builds(
        lambda venue, symbol, stream, query: f"{venue}/{symbol}/{stream}?{urlencode(query, errors='replace')}",
        st.sampled_from([VENUE, VENUE, "elsewhere"]),
        st.sampled_from(["BTCUSDT", "ETHUSDT", "*", "NOPE"]),
        STREAMS,
        st.dictionaries(NAMES, JUNK | st.sampled_from(["10", "1m", "auto", "200", "book"]), max_size=3),
    ),
)
COMMANDS = st.one_of(
    st.fixed_dictionaries({"type": VALUES}),
    st.fixed_dictionaries({"type": st.sampled_from(["subscribe", "unsubscribe", "resume"]), "key": KEYS | VALUES}),
    st.fixed_dictionaries(
        {"type": st.just("request"), "id": VALUES},
        optional={
            "what": st.just("candles") | VALUES,
            "symbol": st.just("BTCUSDT") | VALUES,
            "interval": st.just("1m") | VALUES,
            "limit": VALUES,
            "end": VALUES,
        },
    ),
    st.fixed_dictionaries({"type": st.just("update_params")}, optional={"limit": VALUES, "rounding": VALUES}),
)
MESSAGES = st.one_of(COMMANDS.map(json.dumps), VALUES.map(json.dumps), st.text(max_size=60), st.binary(max_size=60))
SYMBOLS = st.sampled_from(["BTCUSDT", "btc/usdt", "NOPE"]) | JUNK
QUERIES = st.dictionaries(
    st.sampled_from(
        ["limit", "rounding", "tz", "timeframe", "delta", "container_width", "symbol", "end_time", "start", "end", "x"]
    ),
    JUNK,
    max_size=4,
)


@pytest.fixture(scope="module", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERFOX_DATA_DIR", str(tmp_path_factory.mktemp("fuzz")))
        yield


def run(work: Any) -> None:
    """Run against a server of its own, whose end asserts that no stream is left, and check for tasks that are."""

    async def whole() -> None:
        async with asyncio.timeout(60):
            async with served() as server:
                seconds = itertools.count()
                # Nobody is limited by rate: that has tests of its own.
                server.service.now_s = lambda: float(next(seconds))
                await work(server)
            while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110  (nothing signals the last task's end)
                await asyncio.sleep(0.01)

    asyncio.run(whole())


async def drained(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """Return what comes up to a message of a kind."""
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] != until:
        got.append(json.loads(await socket.recv()))
    return got


@pytest.mark.parametrize("path", SOCKETS)
@settings(max_examples=15)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=12))
def test_socket_outlives_whatever_is_sent(path: str, messages: list[str | bytes]) -> None:
    async def work(server: Served) -> None:
        url = f"{server.ws_url}api/v1/ws/"
        async with connect(url + "candles/BTCUSDT/1m", max_size=None) as candles:
            # Without a reader of candles, volume waits two seconds for one to have the same range as it.
            await candles.recv()
            async with connect(url + path, max_size=None) as socket:
                await socket.recv()
                for message in messages:
                    if isinstance(message, str):
                        message = message.encode("utf-8", "replace").decode()  # noqa: PLW2901
                    await socket.send(message)
                await socket.send('{"type":"ping"}')
                await drained(socket, "pong")

    run(work)


@pytest.mark.parametrize("stream", ["orderbook", "trades", "candles", "liquidations"])
@settings(max_examples=25)
@given(symbol=SYMBOLS, query=QUERIES)
def test_socket_of_any_path_and_query_sends_data_or_says_why_not(
    stream: str, symbol: str, query: dict[str, str]
) -> None:
    async def work(server: Served) -> None:
        where = f"{stream}/{quote(symbol, errors='replace')}?{urlencode(query, errors='replace')}"
        if not symbol.strip() or "\0" in symbol:
            where = f"{stream}?{urlencode(query, errors='replace')}"
        try:
            async with connect(f"{server.ws_url}api/v1/ws/{where}", max_size=None) as socket:
                message = json.loads(await socket.recv())
                if message["type"] == "error":
                    with pytest.raises(ConnectionClosed):
                        await socket.recv()
                    assert socket.close_code == 4000
        except InvalidStatus as refused:
            # A path that is none of ours is refused before the handshake.
            status = refused.response.status_code
        else:
            status = 400
        assert status in (400, 404)

    run(work)


PATHS = st.one_of(
    st.builds(
        lambda name, symbol: f"{name}/{quote(symbol, safe='', errors='replace')}",
        st.sampled_from(["orderbook", "trades", "candles", "liquidations", "quality"]),
        SYMBOLS,
    ),
    st.builds(
        lambda symbol, frame: (
            f"liquidation-volume/{quote(symbol, safe='', errors='replace')}/{quote(frame, safe='', errors='replace')}"
        ),
        SYMBOLS,
        JUNK | st.just("1m"),
    ),
    JUNK.map(lambda text: quote(text, errors="replace")),
)


@settings(max_examples=25)
@given(
    asked=st.lists(
        st.tuples(st.sampled_from(["GET", "HEAD", "POST", "DELETE", "OPTIONS"]), PATHS, QUERIES),
        min_size=5,
        max_size=25,
    )
)
def test_route_of_any_path_and_query_answers_with_no_500(asked: list[tuple[str, str, dict[str, str]]]) -> None:
    async def work(server: Served) -> None:
        async with ClientSession() as session:
            for method, path, query in asked:
                url = f"{server.url}api/v1/{path}?{urlencode(query, errors='replace')}"
                async with session.request(method, url) as response:
                    body = await response.read()
                    assert response.status in (200, 204, 400, 401, 404, 405), (url, body)
                    if response.status >= 400 and method != "HEAD":
                        assert json.loads(body)["status_code"] == response.status
                        assert b"Traceback" not in body

    run(work)
