# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""A market in a notebook: ``market = connect()``, ``btc = market["BTCUSDT"]``, ``btc.trades.df``."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, overload

from orderfox_nb.analytics.studies import check_study
from orderfox_nb.config import load_settings
from orderfox_nb.core.instrument import Instrument, whole_market
from orderfox_nb.core.moments import Moment, moment_us
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.symbols import is_of_asset, is_venue_name, symbol_text
from orderfox_nb.desk.desk import Desk
from orderfox_nb.engine import Engine, shared_engine
from orderfox_nb.errors import BadValue, FeedError, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.market.channels import (
    BookChannel,
    CandlesChannel,
    FundingChannel,
    InterestChannel,
    LiquidationsChannel,
    MarkChannel,
    StudyView,
    TickerChannel,
    TradesChannel,
    check_timeframe,
)
from orderfox_nb.market.consolidated import ConsolidatedMarket, consolidated
from orderfox_nb.market.frames import found_frame, symbols_frame
from orderfox_nb.market.held import HeldTopics
from orderfox_nb.market.rewound import PastEngine

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.bots.paper.queues import QueueModel
    from orderfox_nb.bots.strategy import Strategy
    from orderfox_nb.bots.terms import PaperTerms
    from orderfox_nb.market.paper.run import PaperRun


def connect(source: str | None = None) -> Market:
    """Connect this kernel to market data.

    Args:
        source: As in ORDERFOX_SOURCE: ``sim``, ``binance``, ``tape:<file>``, ``http://<server>``, or several venues
            separated by commas. By default the server that started this kernel or the one at BACKEND_URL; without
            either, the source of the settings, read by a thread of this process.

    Returns:
        The market. Nothing is subscribed until data is read from it.

    Raises:
        SettingError: A source that cannot be used.
        VenueUnreachable: The server does not answer.
    """
    if source is None:
        settings = load_settings()
    else:
        settings = load_settings(ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="")
    engine = shared_engine(settings)
    engine.run(engine.desks.discover())
    if engine.source.startswith("http"):
        engine.run(engine.desk.catalogue.refresh())
    return Market(engine)


class Market:
    """Every symbol of one venue, by name; those of another venue as ``venue:symbol``.

    Args:
        engine: Engine with the desks.
        venue: The venue, the first one of the source if empty.
    """

    def __init__(self, engine: Engine, venue: str = "", held: HeldTopics | None = None) -> None:
        self._engine = engine
        self._venue = venue
        self._held = held or HeldTopics(engine)

    @property
    def engine(self) -> Engine:
        """The thread that reads it."""
        return self._engine

    @property
    def venue(self) -> str:
        """The venue's name."""
        return self._desk.venue

    @property
    def _desk(self) -> Desk:
        return self._engine.desks.of(self._venue)

    @property
    def venues(self) -> Mapping[str, Market]:
        """The market of each venue of the source by the venue's name, in the order of the source."""
        names = [desk.venue for desk in self._engine.desks.all]
        return MappingProxyType({name: Market(self._engine, name, self._held) for name in names})

    def __getitem__(self, symbol: str) -> Symbol:
        """Return one symbol, in any usual form: ``btc``, ``BTCUSDT``, ``BTC-USDT``, ``BTC/USDT:USDT``, ``okx:BTCUSDT``.

        Unified names are the same on every venue, whatever the venue's own ids: ``okx:BTC/USDT:USDT``.

        Raises:
            BadValue: Not a text, or an empty one.
            UnknownSymbol: The venue does not list it, or there is no such venue; carries suggestions.
            FeedError: The venue cannot be asked.
        """
        desk = self._desk
        venue, colon, name = symbol_text(symbol).partition(":")
        if colon and is_venue_name(venue):
            names = [other.venue for other in self._engine.desks.all]
            if venue not in names and venue not in self._engine.desks.absent:
                raise UnknownSymbol(symbol, (), reason=f"there is no venue {venue} here, only {', '.join(names)}")
            desk, symbol = self._engine.desks.of(venue), name
        return Symbol(self._engine, self._held, desk, self._engine.run(desk.catalogue.resolve(symbol)).instrument)

    def across(self, *symbols: str, currency: str = "apart") -> ConsolidatedMarket:
        """Return one view over several venues: ``market.across("BTC/USDT:USDT").book.df``.

        Args:
            symbols: A unified name or one ``binance:BTCUSDT``, for all venues that list it; or two to eight markets.
            currency: ``apart`` keeps quote currencies apart, ``joined`` counts all at par; or the name of one to show.

        Raises:
            BadValue: No such venue or currency, a name that only one venue lists, or markets of different base assets.
            UnknownSymbol: No venue lists the name.
        """
        return consolidated(self._engine, self._held, symbols, currency)

    @property
    def symbols(self) -> Sequence[str]:
        """Every symbol, by 24 h volume, largest first.

        Raises:
            VenueUnreachable: The venue cannot be asked and no list of it is known.
        """
        return tuple(row.instrument.symbol for row in self._rows())

    def _rows(self) -> Sequence[Listing]:
        catalogue = self._desk.catalogue
        rows = self._engine.run(catalogue.rows())
        if catalogue.demo:
            # The built-in names are only for pages, which must not be empty.
            raise VenueUnreachable(self.origin.venue, catalogue.problem)
        return rows

    @property
    def df(self) -> pd.DataFrame:
        """Every symbol by 24 h volume: name, last, change, volume_quote, funding.

        Raises:
            VenueUnreachable: The venue cannot be asked and no list of it is known.
        """
        return symbols_frame(self._rows(), self.origin)

    def find(self, text: str) -> pd.DataFrame:
        """Find an asset on every venue of the source: ``market.find("btc")``.

        Args:
            text: A base such as ``btc``, or base and quote such as ``BTC/USDT``.

        Returns:
            A row for each instrument, the largest volume first, by ``venue`` and ``symbol``: ``name`` (unified),
            ``multiple``, ``last``, ``volume_quote``. Contracts of a multiple such as 1000PEPE have ``multiple`` 1000
            and a price of that many units. ``attrs["problems"]`` has the venues that could not be asked.
        """
        found: list[Listing] = []
        problems: dict[str, str] = {}
        for desk in self._engine.desks.all:
            try:
                rows = Market(self._engine, desk.venue, self._held)._rows()
            except FeedError as error:
                problems[desk.venue] = str(error)
            else:
                found += [row for row in rows if is_of_asset(row.instrument, text)]
        return found_frame(found, problems)

    @property
    def liquidations(self) -> LiquidationsChannel:
        """The liquidations of all symbols together; ``df`` then has the symbol of each."""
        desk = self._desk
        return Symbol(self._engine, self._held, desk, whole_market(desk.venue)).liquidations

    @property
    def origin(self) -> Origin:
        """Where the data comes from, and whether it is simulated or recorded."""
        return self._desk.origin

    @contextmanager
    def freeze(self) -> Generator[datetime]:
        """Read several DataFrames as they are at one moment: no event lies between them.

        Within ``with market.freeze() as moment:`` everything that was read of this market before shows its state at the
        start of the block. Live data continues meanwhile, and is shown again after the block.

        Raises:
            FeedError: Nothing was read before; within the block, data that was not read before.
        """
        with self._held.freeze() as now_us:
            yield datetime.fromtimestamp(now_us / 1e6, UTC)

    def rewind(self, to: Moment = "-10m", *, speed: float = 1.0) -> RewoundMarket:
        """Return the market of a recorded time, which plays from then on with its own clock; this market stays live.

        ``with market.rewind("-10m", speed=5) as past: past["BTCUSDT"].book.df``; all venues play by the same clock.

        Args:
            to: How long ago (``"-10m"``), a date, ISO 8601, a datetime with its zone, or microseconds since the epoch;
                if nothing is recorded then, the next recorded time.
            speed: Times real time, at most 300, or ``float("inf")`` for as fast as it can be read.

        Raises:
            NoPast: Nothing is recorded, here or on the server that this kernel reads from.
            VenueUnreachable: The server does not answer.
            BadValue: No such time or speed.
        """
        live = self._desk
        time_us = moment_us(to, now_us=live.now_us())
        return RewoundMarket(PastEngine(self._engine, live, time_us=time_us, speed=speed))

    def close(self) -> None:
        """Release every topic and end every callback; the engine stays available to others until the process ends."""
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


class RewoundMarket(Market):
    """A market of the past, with a playhead; made by ``Market.rewind``."""

    def __init__(self, engine: PastEngine) -> None:
        super().__init__(engine)
        self._past = engine

    @property
    def now(self) -> datetime:
        """Time of the playhead, in UTC."""
        return datetime.fromtimestamp(self._past.playback.now_us / 1e6, UTC)

    @property
    def speed(self) -> float:
        """Times real time."""
        return self._past.playback.speed

    @property
    def playing(self) -> bool:
        """Whether it plays; False while it is paused."""
        return self._past.playback.playing

    def play(self, speed: float | None = None) -> None:
        """Play, at another speed if one is given.

        Raises:
            BadValue: No such speed.
        """
        self._past.drive(speed=speed, playing=True)

    def pause(self) -> None:
        """Pause at the current time."""
        self._past.drive(playing=False)

    def seek(self, to: Moment) -> None:
        """Move to a time of the same recording; ``"-10s"`` is counted back from the playhead.

        Raises:
            BadValue: No such time.
        """
        self._past.seek(moment_us(to, now_us=self._past.playback.now_us))

    def step(self, by: int = 1) -> None:
        """Pause and move by a number of events of the topics that were read; a negative number moves back."""
        if by:
            self._past.step(by)

    def close(self) -> None:
        """Release every topic and end the playhead."""
        super().close()
        self._past.stop()


class Symbol:
    """The live data of one symbol."""

    def __init__(self, engine: Engine, held: HeldTopics, desk: Desk, instrument: Instrument) -> None:
        self._engine = engine
        self._held = held
        self._desk = desk
        self._instrument = instrument
        topics = self._topics = (engine, held, desk.venue, instrument.symbol)
        self.trades = TradesChannel(*topics)
        self.book = BookChannel(*topics)
        self.liquidations = LiquidationsChannel(*topics)
        self.ticker = TickerChannel(*topics)
        self.mark = MarkChannel(*topics)
        self.funding = FundingChannel(*topics)
        self.open_interest = InterestChannel(*topics)

    @property
    def instrument(self) -> Instrument:
        """The record as the venue lists it now: its tick and lot size may have changed since this object was made."""
        return self._desk.catalogue.record(self.symbol) or self._instrument

    @property
    def symbol(self) -> str:
        return self._instrument.symbol

    @property
    def venue(self) -> str:
        return self._desk.venue

    @property
    def market(self) -> Market:
        """The market of this symbol's venue."""
        return Market(self._engine, self._desk.venue, self._held)

    @overload
    def candles(self, timeframe: str = "1m") -> CandlesChannel: ...
    @overload
    def candles(self, timeframe: str, *, start: Moment, end: Moment | None = None) -> pd.DataFrame: ...
    def candles(
        self, timeframe: str = "1m", *, start: Moment | None = None, end: Moment | None = None
    ) -> CandlesChannel | pd.DataFrame:
        """Return the bars of a timeframe: the current ones, or with a start those of a range.

        Args:
            timeframe: Such as ``1m``.
            start: Start of a range, see ``CandlesChannel.history``: its DataFrame is returned.
            end: End of the range, now by default.

        Raises:
            BadValue: Not one of the timeframes, or not a range.
            FeedError: The venue cannot be asked.
        """
        check_timeframe(timeframe)
        channel = CandlesChannel(*self._topics, timeframe)
        if start is not None:
            return channel.history(start, end)
        if end is not None:
            raise BadValue("end", end, "a start as well")
        return channel

    def study(self, name: str, timeframe: str = "") -> StudyView:
        """Return a study, with a timeframe if it needs one.

        Raises:
            BadValue: No such study, or a timeframe that does not fit it.
        """
        return StudyView(self._held, self._desk.topic(self.symbol, name, timeframe), check_study(name, timeframe))

    def run(
        self, strategy: Strategy, *, terms: PaperTerms | None = None, models: Sequence[QueueModel] | None = None
    ) -> PaperRun:
        """Run a strategy on paper: ``run = market["BTCUSDT"].run(Fade(ticks=3))``.

        It runs in a thread of its own until ``run.stop()``, ``Market.close()``, an error of the strategy, or a move of
        a rewound market's playhead. It begins at the next whole second, once all data that it reads are complete.

        Args:
            strategy: The strategy with its parameters; each queue model runs a new one with the same parameters.
            terms: Deposit, fees, margin, delays and limits.
            models: Queue models that run side by side, three by default; their profits are the band.

        Returns:
            The run: ``orders``, ``fills``, ``equity``, ``position``, ``log``, ``stop()``, ``parity()``.

        Raises:
            BadValue: Not an instance of a strategy, no model, or more than 20 runs at once.
        """
        # Only the first run pays for these imports.
        from orderfox_nb.market.backtest.running import check_strategy  # noqa: PLC0415
        from orderfox_nb.market.paper.inlet import DeskInlet  # noqa: PLC0415
        from orderfox_nb.market.paper.run import PaperRun  # noqa: PLC0415

        check_strategy(strategy)
        inlet = DeskInlet(self._engine, self._desk, self.instrument, strategy)
        return PaperRun(strategy, inlet, terms=terms, models=models, owner=self._held.runs)

    def __repr__(self) -> str:
        return f"<Symbol {self._instrument.ui_name} of {self.venue}>"
