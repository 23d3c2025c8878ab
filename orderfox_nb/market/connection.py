"""A market in a notebook: ``market = connect()``, ``btc = market["BTCUSDT"]``, ``btc.trades.df``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from orderfox_nb.config import load_settings
from orderfox_nb.core.events import Candle, Event, Liquidation, Topic, Trade
from orderfox_nb.core.instrument import Instrument, whole_market
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.engine import Engine, shared_engine
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Origin
from orderfox_nb.market.across import across_threads
from orderfox_nb.market.frames import book_frame, candles_frame, liquidations_frame, symbols_frame, trades_frame
from orderfox_nb.market.held import HeldTopics

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", bound=Event)


def connect(source: str | None = None) -> Market:
    """Connect this kernel to market data.

    Args:
        source: As ORDERFOX_SOURCE: ``sim``, ``binance``, ``tape:<file>``, ``http://<server>``. Without one it is the
            server that started this kernel or the one at BACKEND_URL, if there is one, else the source of the
            settings, in a thread of its own.

    Returns:
        The market; nothing is subscribed before something is asked of it.

    Raises:
        SettingError: A source that cannot be used.
    """
    if source is None:
        return Market(shared_engine(load_settings()))
    return Market(shared_engine(load_settings(ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="")))


class Market:
    """Every symbol of one venue, by its name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held = HeldTopics(engine)

    def __getitem__(self, symbol: str) -> Symbol:
        """Return one symbol; any case, also as BTC/USDT.

        Raises:
            UnknownSymbol: The venue does not list it; carries suggestions.
            FeedError: The venue cannot be asked.
        """
        listing = self._engine.run(self._engine.desk.catalogue.resolve(symbol))
        return Symbol(self._engine, self._held, listing.instrument)

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol, by 24 h volume, largest first."""
        rows = self._engine.run(self._engine.desk.catalogue.rows())
        return tuple(row.instrument.symbol for row in rows)

    @property
    def df(self) -> pd.DataFrame:
        """Every symbol by 24 h volume: name, last, change, volume_quote, funding."""
        engine = self._engine
        return symbols_frame(engine.run(engine.desk.catalogue.rows()), self.origin)

    @property
    def liquidations(self) -> Liquidations:
        """The liquidations of all symbols together; ``df`` then tells the symbol of each."""
        return Symbol(self._engine, self._held, whole_market(self._engine.desk.venue)).liquidations

    @property
    def origin(self) -> Origin:
        """Where the data comes from, and whether it is simulated or recorded."""
        return self._engine.desk.origin

    def close(self) -> None:
        """Let go of every topic; the engine stays for others and ends with the process."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        origin = self.origin
        kind = " (simulated)" if origin.simulated else " (recorded)" if origin.recorded else ""
        return f"<Market of {origin.source}{kind}>"


class Symbol:
    """The live data of one symbol."""

    def __init__(self, engine: Engine, held: HeldTopics, instrument: Instrument) -> None:
        self._engine = engine
        self._held = held
        self.instrument = instrument
        self.trades = Trades(self, "trades")
        self.book = OrderBook(self, "book")
        self.liquidations = Liquidations(self, "liquidations")

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    def candles(self, timeframe: str = "1m") -> Candles:
        """Return the bars of a timeframe.

        Raises:
            BadValue: Not one of the timeframes.
        """
        if timeframe not in TIMEFRAME_US:
            raise BadValue("timeframe", timeframe, "one of " + " ".join(TIMEFRAME_US))
        return Candles(self, "candles", timeframe)

    def __repr__(self) -> str:
        return f"<Symbol {self.instrument.ui_name} of {self._engine.desk.venue}>"


class Channel(Generic[Item]):
    """One topic: what is known now as a DataFrame, what comes as an asynchronous iterator.

    The topic stays subscribed from the first use until ``Market.close()`` or the end of the process.
    """

    kind: type[Item]

    def __init__(self, symbol: Symbol, channel: str, interval: str = "") -> None:
        self._symbol = symbol
        self._channel = channel
        self._interval = interval

    @property
    def topic(self) -> Topic:
        return self._symbol._engine.desk.topic(self._symbol.symbol, self._channel, self._interval)

    def _view(self) -> tuple[Any, dict[str, Any]]:
        """Return the fold's view and what stands in ``df.attrs``, taken together on the engine's loop."""
        return self._symbol._held.view(self.topic)

    @property
    def quality(self) -> dict[str, Any]:
        """State and coverage of the topic, and the lapses in which it could not be trusted."""
        return self._view()[1]["quality"]

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        """Yield what comes from now on, on the caller's loop, also while that loop is the kernel's."""
        async for event in across_threads(self._symbol._engine, self.topic, live_only=True):
            if isinstance(event, self.kind):
                yield event

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield everything: the prelude, then live events, gaps and states in band."""
        async for event in across_threads(self._symbol._engine, self.topic, live_only=False):
            yield event


class Trades(Channel[Trade]):
    """Aggregate trades: ``df`` has the newest 1,000, ``async for trade in …`` yields new ones."""

    kind = Trade

    @property
    def df(self) -> pd.DataFrame:
        """Newest trades, oldest first, by time: id, price, size, aggressor, notional."""
        return trades_frame(*self._view())


class Candles(Channel[Candle]):
    """Bars of one timeframe: ``df`` has the newest 1,500, ``async for candle in …`` yields the venue's updates."""

    kind = Candle

    @property
    def df(self) -> pd.DataFrame:
        """Bars by open time: open, high, low, close, volume, quote_volume, taker_buy_volume, trades, closed."""
        return candles_frame(*self._view())


class Liquidations(Channel[Liquidation]):
    """Liquidated orders: ``df`` has the newest 1,000; ``df.attrs`` says that the stream is sampled where it is."""

    kind = Liquidation

    @property
    def df(self) -> pd.DataFrame:
        """Orders by time, oldest first: liquidated (long or short), side, price, size, notional."""
        return liquidations_frame(*self._view())


class OrderBook(Channel[Any]):
    """The order book: ``df`` is the whole of it now, ``async for event in …`` yields a snapshot and what changes it."""

    def __aiter__(self) -> AsyncGenerator[Event, None]:
        """Yield what ``events`` does: deltas mean nothing without their snapshot, nor over a gap that is not told."""
        return self.events()

    @property
    def df(self) -> pd.DataFrame:
        """Levels, asks from the worst to the best, then bids from the best: side, price, size, cumulative."""
        return book_frame(*self._view(), instrument=self._symbol.instrument)
