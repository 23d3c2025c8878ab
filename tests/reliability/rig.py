"""The embedded exchange, a feed and a hub under one clock that a test moves by hand.

Everything is on one loop and on loopback sockets, so a step of the clock is over when the loop has nothing left to
read: figures are in seconds of the venue, the same on any machine.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.events import Channel, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.binance.dialect import BinanceDialect
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.binance_spot.dialect import SpotDialect
from orderfox_nb.feeds.binance_spot.feed import SpotFeed
from orderfox_nb.feeds.bybit.dialect import BybitDialect
from orderfox_nb.feeds.bybit.feed import BybitFeed
from orderfox_nb.feeds.ccxt.feed import CcxtFeed
from orderfox_nb.feeds.deribit.dialect import DeribitDialect
from orderfox_nb.feeds.deribit.feed import DeribitFeed
from orderfox_nb.feeds.okx.dialect import OkxDialect
from orderfox_nb.feeds.okx.feed import OkxFeed
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.server import Fault, Limits, SimServer
from orderfox_nb.sim.server.deribit.names import BOOK_LEVELS
from orderfox_nb.sim.server.deribit.names import instrument_of as deribit_instrument
from orderfox_nb.sim.server.deribit.names import symbol_of as deribit_symbol
from orderfox_nb.sim.server.okx.names import instrument_of
from orderfox_nb.sim.server.okx.names import symbol_of as symbol_of_instrument
from tests.feeds.stages import ccxt_urls

Result = TypeVar("Result")

START_US: Final = 1_790_000_000_000_000
"""20 s after a whole minute."""
STEP_S: Final = 0.05
_IDLE_TURNS: Final = 8
SYMBOL: Final = "BTCUSDT"
CHANNELS: Final[tuple[Channel, ...]] = (
    "book",
    "trades",
    "candles",
    "liquidations",
    "mark",
    "ticker",
    "open_interest",
)
SPOT_CHANNELS: Final[tuple[Channel, ...]] = ("book", "trades", "candles", "ticker")
MarketKind: TypeAlias = Literal["futures", "spot", "bybit", "okx", "deribit", "ccxt", "ccxt-bybit", "ccxt-okx"]
"""What is struck: one of Binance's hosts, or the imitation of another venue."""


class Spoken(NamedTuple):
    """A protocol: how the exchange is served, who reads it, and what is known of it.

    Args:
        served: Options of the server.
        feed: Reads it.
        dialect: Names its streams.
        channels: What it offers.
        levels: Of a side of its book, where it sends a window of it.
        named: How it names a symbol of the exchange.
        known: Which symbol of the exchange it names so.
        by_ccxt: Whether ccxt reads it.
    """

    served: dict[str, Any]
    feed: Callable[..., Any]
    dialect: Any
    channels: tuple[Channel, ...]
    levels: int = 0
    named: Callable[[str], str] = str
    known: Callable[[str], str] = str
    by_ccxt: bool = False


def _by_ccxt(exchange_id: str) -> Callable[..., Any]:
    """Return what opens an exchange of ccxt as the other feeds are opened."""

    def opened(*, http_url: str, ws_url: str, liquidation_url: str, **options: Any) -> CcxtFeed:
        del liquidation_url
        urls = ccxt_urls(exchange_id, http_url, ws_url)
        return CcxtFeed(exchange_id, simulated=True, urls=urls, paced=False, **options)

    return opened


SPOKEN: dict[MarketKind, Spoken] = {
    "futures": Spoken({}, BinanceFeed, BinanceDialect(), CHANNELS),
    "spot": Spoken({"market": "spot"}, SpotFeed, SpotDialect(), SPOT_CHANNELS),
    "bybit": Spoken({"protocol": "bybit"}, BybitFeed, BybitDialect(), CHANNELS, levels=200),
    "okx": Spoken(
        {"protocol": "okx"},
        OkxFeed,
        OkxDialect(),
        CHANNELS,
        levels=400,
        named=instrument_of,
        known=symbol_of_instrument,
    ),
    "deribit": Spoken(
        {"protocol": "deribit"},
        DeribitFeed,
        DeribitDialect(),
        CHANNELS,
        levels=BOOK_LEVELS,
        named=deribit_instrument,
        known=deribit_symbol,
    ),
}
_CCXT: Final[tuple[tuple[MarketKind, MarketKind, str], ...]] = (
    ("ccxt", "futures", "binanceusdm"),
    ("ccxt-bybit", "bybit", "bybit"),
    ("ccxt-okx", "okx", "okx"),
)
for _name, _protocol, _exchange_id in _CCXT:
    SPOKEN[_name] = SPOKEN[_protocol]._replace(feed=_by_ccxt(_exchange_id), by_ccxt=True)


class _CountingSelector(selectors.DefaultSelector):
    """Counts how often a socket had something to say."""

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout)
        self.woken += len(ready)
        return ready


class QuietLoop(asyncio.SelectorEventLoop):
    """A loop that knows whether any socket has something to read."""

    def __init__(self) -> None:
        self.counting = _CountingSelector()
        super().__init__(self.counting)

    async def quiet(self) -> None:
        """Return when all that was sent has been read and answered."""
        idle, woken = 0, self.counting.woken
        while idle < _IDLE_TURNS:
            await asyncio.sleep(0)
            idle = idle + 1 if woken == self.counting.woken else 0
            woken = self.counting.woken


def on_quiet_loop(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run something on a loop that knows when nothing is on its way."""
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        return runner.run(coroutine)


def quiet_loop() -> QuietLoop:
    """Return the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, QuietLoop)
    return loop


class Venue:
    """An exchange and its server, one after another at the same port."""

    def __init__(
        self,
        clock: ManualClock,
        *,
        symbols: int,
        liquidation_rate: float,
        limits: Limits | None,
        market: MarketKind = "futures",
    ) -> None:
        self._clock = clock
        self.market: MarketKind = market
        self._symbols = symbols
        self._liquidation_rate = liquidation_rate
        self._limits = limits
        self._port = 0
        self.up = False
        self.exchange: Exchange
        """The truth."""
        self.server: SimServer
        """Serves it, with faults."""

    async def begin(self, seed: int) -> None:
        self.exchange = Exchange(
            seed, self._symbols, start_us=self._clock.now_us(), liquidation_rate=self._liquidation_rate
        )
        self.server = SimServer(
            self.exchange,
            port=self._port,
            manual=True,
            clock=self._clock,
            limits=self._limits,
            **SPOKEN[self.market].served,
        )
        await self.server.__aenter__()
        self._port = self.server.port
        self.up = True

    async def end(self) -> None:
        if self.up:
            self.up = False
            await self.server.__aexit__(None, None, None)


class Rig:
    """A venue and a hub over it.

    Args:
        feed: Reads it.
        hub: Folds it.
        clock: Drives all of them.
    """

    def __init__(self, venue: Venue, feed: VenueFeed, hub: Hub, clock: ManualClock) -> None:
        self._venue = venue
        self.feed = feed
        self.hub = hub
        self.clock = clock
        self._stack = AsyncExitStack()
        self.opened_us = 0
        """When the topics were last live for the first time."""
        self.market = venue.market
        self.spoken = SPOKEN[venue.market]
        self.dialect = self.spoken.dialect
        self.channels = self.spoken.channels
        self.added: set[str] = set()
        """Kinds of the faults of the present case."""

    @property
    def exchange(self) -> Exchange:
        return self._venue.exchange

    @property
    def server(self) -> SimServer:
        return self._venue.server

    def topic(self, channel: Channel, symbol: str = SYMBOL) -> Topic:
        named = self.spoken.named(symbol)
        return Topic(self.feed.venue, named, channel, "1m" if channel == "candles" else "")

    def state(self, topic: Topic) -> TopicState:
        state = self.hub.state(topic)
        assert state is not None, f"{topic} is not open"
        return state

    def stream(self, channel: Channel, symbol: str = SYMBOL) -> str:
        return self.dialect.stream_of(self.topic(channel, symbol)).replace("mark:", "mark-price:")

    async def open(self, *topics: Topic) -> list[TopicState]:
        """Hold topics open and let them become live."""
        opening = [asyncio.ensure_future(self._stack.enter_async_context(self.hub.watch(topic))) for topic in topics]
        await self.until(lambda: all(task.done() for task in opening), within_s=10)
        states = [task.result() for task in opening]
        await self.until(lambda: all(live(state) for state in states), within_s=20)
        self.opened_us = self.clock.now_us()
        return states

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        loop = quiet_loop()
        for _ in range(round(seconds / STEP_S)):
            if self._venue.up:
                await self.server.advance(STEP_S)
            await self.clock.advance(STEP_S)
            await loop.quiet()

    async def restart(self, *, seed: int, down_s: float) -> None:
        """Let the venue end, and be another one at the same addresses a while later: its ids start over.

        It opens at a whole second, as the first one did.
        """
        await self._venue.end()
        await self.run(down_s)
        await self.run(-self.clock.now_us() / 1e6 % 1)
        await self._venue.begin(seed)

    async def until(self, condition: Callable[[], bool], *, within_s: float, waits_for: str = "") -> float:
        """Let time pass until something is so; returns the seconds that passed."""
        await quiet_loop().quiet()
        start_us = self.clock.now_us()
        while not condition():
            passed_s = (self.clock.now_us() - start_us) / 1e6
            assert passed_s < within_s, f"not within {within_s} s: {waits_for}"
            await self.run(STEP_S)
        return (self.clock.now_us() - start_us) / 1e6

    def add_fault(self, kind: Any, **options: Any) -> Fault:
        self.added.add(kind)
        return self.server.add_fault(kind, **options)

    def instrument(self, symbol: str) -> Instrument:
        named = self.spoken.named(symbol)
        return next(state.instrument for state in self.hub.topics if state.topic.symbol == named)

    async def close(self) -> None:
        await self._stack.aclose()


def live(state: TopicState) -> bool:
    """Return whether a topic's data can be trusted now."""
    return state.quality.wire().state == "live"


@asynccontextmanager
async def open_rig(
    *,
    seed: int = 35,
    symbols: int = 2,
    history: bool = True,
    liquidation_rate: float = 20.0,
    limits: Limits | None = None,
    market: MarketKind = "futures",
    recorder: Callable[[ManualClock, VenueFeed], Recorder] | None = None,
    random: Random | None = None,
    **options: Any,
) -> AsyncIterator[Rig]:
    """Start all of it.

    Args:
        seed: Of a market in which every second has its trades.
        history: Configure the liquidation-history API.
        liquidation_rate: Liquidations happen so many times as often as they do on a usual day.
        recorder: Makes what records the hub.
        random: Source of jitter.
        options: For the feed.
    """
    clock = ManualClock(START_US)
    venue = Venue(clock, symbols=symbols, liquidation_rate=liquidation_rate, limits=limits, market=market)
    await venue.begin(seed)
    server = venue.server
    try:
        feed = SPOKEN[market].feed(
            http_url=server.http_url,
            ws_url=server.ws_url,
            clock=clock,
            liquidation_url=server.liquidation_url if history else "",
            random=random or Random(seed),
            **options,
        )
        made = recorder and recorder(clock, feed)
        taps: dict[str, Any] = {"opened": made.opened, "closed": made.closed} if made else {}
        async with Hub(feed, linger_s=0, clock=clock, **taps) as hub:
            rig = Rig(venue, feed, hub, clock)
            try:
                yield rig
            finally:
                closing = asyncio.ensure_future(rig.close())
                await rig.until(closing.done, within_s=10)
                await closing
    finally:
        await venue.end()


def all_topics(rig: Rig, symbols: Sequence[str]) -> list[Topic]:
    """Return every channel of every symbol."""
    return [rig.topic(channel, symbol) for symbol in symbols for channel in CHANNELS]
