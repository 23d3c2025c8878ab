"""The tick of a symbol changes while it is watched, also over two servers: all channels are the exchange's again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from aiohttp import ClientSession
from jupyter_server.auth.identity import IdentityProvider
from tornado import web

from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Channel, Topic
from orderfox_nb.core.tape import TapeState
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.server.routes import routes
from orderfox_nb.server.service import DeskService
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Limits, SimServer
from orderfox_nb.views.public_symbols import public_symbol
from tests.feeds.stages import Eager
from tests.server.conftest import until
from tests.server.test_remote import served_by

pytestmark = pytest.mark.server

SYMBOL = "BTCUSDT"
CHANNELS: tuple[Channel, ...] = ("book", "trades", "candles", "liquidations", "mark", "ticker", "open_interest")


class RelistingVenue:
    """The embedded exchange, whose time passes while a test lets it."""

    def __init__(self, server: SimServer, session: ClientSession) -> None:
        self.server = server
        self._session = session

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async def run() -> None:
            while True:
                await self.server.advance(0.05)
                await asyncio.sleep(0.05)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            # All streams have said what there is at a whole second.
            await self.server.advance(1 - self.server.now_us() % 1_000_000 / 1e6)

    async def asked(self, path: str, **parameters: Any) -> Any:
        url = f"{self.server.http_url}/fapi/v1/{path}"
        async with self._session.get(url, params={"symbol": SYMBOL, **parameters}) as response:
            return await response.json()

    async def differences(self, states: dict[Channel, TopicState]) -> list[str]:
        """Return where folds are not what the exchange answers; its time stands still meanwhile."""
        found: list[str] = []
        book, tape, candles = states["book"].fold, states["trades"].fold, states["candles"].fold
        assert isinstance(book, Book)
        assert isinstance(tape, TapeState)
        assert isinstance(candles, CandleState)
        answer = await self.asked("depth", limit=500)  # half of what a snapshot reaches
        for side, listed in (("bid", answer["bids"]), ("ask", answer["asks"])):
            instrument = states["book"].instrument
            ticks, lots = book.levels(side, len(listed))  # type: ignore[arg-type]
            held = [
                (instrument.exact_price(t), instrument.exact_size(s))
                for t, s in zip(ticks.tolist(), lots.tolist(), strict=True)
            ]
            if held != [(Decimal(price), Decimal(size)) for price, size in listed]:
                found.append(f"{side}s {held[:3]} are not {listed[:3]}")
        trades = await self.asked("aggTrades", limit=200)
        if [(t.sequence, t.price, t.size) for t in tape.newest(200)] != [
            (row["a"], float(row["p"]), float(row["q"])) for row in trades
        ]:
            found.append("trades")
        bars = await self.asked("klines", interval="1m", limit=100)
        columns = candles.columns(100)
        if [list(row) for row in zip(columns.open, columns.high, columns.low, columns.close, strict=True)] != [
            [float(price) for price in row[1:5]] for row in bars
        ]:
            found.append("candles")
        return found


@asynccontextmanager
async def watched(desk: Desk) -> AsyncIterator[dict[Channel, TopicState]]:
    async with AsyncExitStack() as stack:
        states: dict[Channel, TopicState] = {}
        for channel in CHANNELS:
            topic = Topic(desk.venue, SYMBOL, channel, "1m" if channel == "candles" else "")
            states[channel] = await stack.enter_async_context(desk.hub.watch(topic))
        yield states


def live_with(tick: str, every: list[dict[Channel, TopicState]]) -> Callable[[], bool]:
    return lambda: all(
        state.instrument.tick_size == Decimal(tick) and state.quality.wire().state == "live"
        for states in every
        for state in states.values()
    )


@pytest.fixture
async def venue() -> AsyncIterator[RelistingVenue]:
    start_us = time.time_ns() // 60_000_000_000 * 60_000_000
    async with (
        SimServer(Exchange(7, 2, start_us=start_us), manual=True, limits=Limits(weight_per_minute=1_000_000)) as server,
        ClientSession() as session,
    ):
        yield RelistingVenue(server, session)


async def settled(venue: RelistingVenue, every: list[dict[Channel, TopicState]]) -> None:
    """Wait until every fold is what the exchange has, while its time stands still."""
    found: list[str] = []

    async def equal() -> bool:
        found[:] = [text for states in every for text in await venue.differences(states)]
        return not found

    try:
        await eventually(equal)
    except TimeoutError:
        raise AssertionError(found) from None


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - what two servers have read signals nothing here
            await asyncio.sleep(0.05)


@asynccontextmanager
async def serving(feed: BinanceFeed, folder: Path) -> AsyncIterator[tuple[str, Desk]]:
    """A server of this package on a feed; yields its address and its desk."""
    async with Desks([feed], load_settings(data_dir=folder), linger_s=0) as desks:

        @asynccontextmanager
        async def open_(_: Settings) -> AsyncIterator[Desks]:
            yield desks

        service = DeskService(load_settings(data_dir=folder), public=True, standalone=True, open_=open_)
        app = web.Application(identity_provider=IdentityProvider(token=""), log_function=lambda _: None)
        app.add_handlers(".*$", routes("/", service, top_level=True, catch_all=True))
        async with served_by(app) as url:
            yield url, desks.first
        await service.stop()


class ShownFrames:
    """The newest frames of a key, each joined from a full one and its deltas as a page does it."""

    def __init__(self, desk: Desk, stream: str, **parameters: object) -> None:
        self._desk = desk
        self._key = frame_key(desk.venue, SYMBOL, stream, parameters)
        self.full: dict[str, Any] = {}
        self.last: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _read(self) -> None:
        async with self._desk.frames(self._key) as reader:
            async for frame in reader:
                self.last = msgspec.json.decode(frame.text)
                if frame.full:
                    self.full = self.last


async def test_a_tick_that_changes_while_it_is_watched_leaves_every_channel_equal_to_the_exchange(
    venue: RelistingVenue, tmp_path: Path
) -> None:
    server = venue.server
    feed = BinanceFeed(
        http_url=server.http_url, ws_url=server.ws_url, liquidation_url=server.liquidation_url, random=Eager()
    )
    async with (
        serving(feed, tmp_path / "one") as (url, first),
        Desk(RemoteFeed(url, random=Eager()), load_settings(data_dir=tmp_path / "two"), linger_s=0) as second,
        watched(first) as here,
        watched(second) as there,
        ShownFrames(second, "book") as book,
        ShownFrames(second, "trades") as tape,
        ShownFrames(second, "candles") as chart,
    ):
        every = [here, there]
        frames = (book, tape, chart)

        async def counted_in(tick: str, digits: int) -> None:
            async with venue.running():
                await until(live_with(tick, every))
                await until(lambda: {shown.full.get("price_digits") for shown in (tape, chart)} == {digits})
                await until(lambda: book.full.get("rounding_options", [""])[0] == tick)
            await settled(venue, every)
            assert {shown.last.get("price_digits", digits) for shown in (tape, chart)} == {digits}
            assert book.full["tick_digits"] == digits

        await counted_in("0.1", 1)
        assert all(shown.full for shown in frames)
        # Finer: noticed by the first price that is no multiple.
        server.add_fault("contract", symbol=SYMBOL, tick_size="0.01")
        await counted_in("0.01", 2)
        traded: Any = here["trades"].fold
        assert any(trade.price * 10 % 1 for trade in traded.newest(20)), "nothing is off the old tick"
        # Coarser: every price is still a multiple, so only the list shows it.
        server.add_fault("contract", symbol=SYMBOL, tick_size="0.1")
        await first.catalogue.refresh()
        await counted_in("0.1", 1)
        # Each change is reported once, in order with the data, so that every reader begins again.
        assert {state.restarts for state in here.values()} == {2}
        assert {state.restarts for state in there.values()} == {2}
        assert [desk.hub.statistics()["relisted_symbols"] for desk in (first, second)] == [2, 2]
        trouble = [
            (str(s.topic), s.quality.reason)
            for each in every
            for s in each.values()
            if s.quality.wire().state != "live"
        ]
        assert trouble == []
        row = next(row for row in await first.catalogue.rows() if row.instrument.symbol == SYMBOL)
        assert public_symbol(row).tick_size == 0.1
