"""Deribit's messages as typed structs and as events: unknown fields are ignored.

Times are milliseconds. Sizes of linear contracts are base quantity. A trade's number within its instrument is its id
here: the numbers have no holes, and REST finds a trade by its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Generic, Literal, TypeVar

from msgspec import Raw, Struct

from orderfox_nb.core.events import Candle, Event, Liquidation, MarkPrice, OpenInterest, Side, Ticker, Trade, raw_levels
from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs

Result = TypeVar("Result")

MAX_LEVELS: Final = 20_000
"""Largest number of levels of a side in one message: the venue sends every level."""


class DeribitReason(Struct, frozen=True):
    """Reason of an error, and the parameter that it is about."""

    reason: str = ""
    param: str = ""


class DeribitError(Struct, frozen=True):
    """Why a request was refused."""

    code: int = 0
    message: str = ""
    data: DeribitReason | str | None = None


class DeribitNotice(Struct, frozen=True):
    """Parameters of a notification."""

    channel: str = ""
    data: Raw = Raw(b"null")


class DeribitFrame(Struct, frozen=True):
    """A message of a socket: a notification, or the answer to a command."""

    method: str = ""
    params: DeribitNotice | None = None
    id: int | None = None
    result: Raw = Raw(b"null")
    error: DeribitError | None = None


class DeribitChannel(Struct, frozen=True):
    """Only the channel: all that can be read of a notification whose data is malformed."""

    channel: str


class DeribitName(Struct, frozen=True):
    """A notification of which only the channel is read."""

    params: DeribitChannel


class DeribitLevel(Struct, frozen=True, array_like=True):
    """A price level of ``book``: a new one, a changed one, or one that was deleted."""

    action: Literal["new", "change", "delete"]
    price: Price
    size: Amount


class DeribitBook(Struct, frozen=True):
    """``book``: all levels, or those that have changed since another id."""

    type: Literal["snapshot", "change"]
    instrument_name: str
    timestamp: TimeMs
    change_id: Number
    bids: list[DeribitLevel]
    asks: list[DeribitLevel]
    prev_change_id: Number = -1


class DeribitTrade(Struct, frozen=True):
    """One trade of ``trades`` or REST; ``liquidation`` says which of its sides was liquidated: M(aker), T(aker)."""

    instrument_name: str
    trade_seq: Number
    price: Price
    amount: Amount
    direction: Literal["buy", "sell"]
    timestamp: TimeMs
    liquidation: str = ""


class DeribitBar(Struct, frozen=True):
    """A bar of ``chart.trades``; without a trade it repeats the price of before."""

    tick: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    cost: Amount


class DeribitBars(Struct, frozen=True):
    """``get_tradingview_chart_data``: columns of bars, oldest first."""

    status: str = ""
    ticks: list[TimeMs] = []
    open: list[Price] = []
    high: list[Price] = []
    low: list[Price] = []
    close: list[Price] = []
    volume: list[Amount] = []
    cost: list[Amount] = []

    def rows(self) -> Iterator[DeribitBar]:
        """Yield the bars.

        Raises:
            ValueError: Columns of different lengths.
        """
        columns = (self.ticks, self.open, self.high, self.low, self.close, self.volume, self.cost)
        return (DeribitBar(*row) for row in zip(*columns, strict=True))


class DeribitStats(Struct, frozen=True):
    """The last 24 hours of a ticker; the change is in percent."""

    high: Price | None = None
    low: Price | None = None
    price_change: Rate | None = None
    volume: Amount | None = None
    volume_usd: Amount | None = None


class DeribitTicker(Struct, frozen=True):
    """``ticker``, of the socket and of REST."""

    instrument_name: str
    timestamp: TimeMs
    stats: DeribitStats
    last_price: Price | None = None
    mark_price: Price | None = None
    index_price: Price | None = None
    funding_8h: Rate | None = None
    open_interest: Amount | None = None


class DeribitSummary(DeribitStats, frozen=True, kw_only=True):
    """One instrument of ``get_book_summary_by_currency``."""

    instrument_name: str
    last: Price | None = None
    funding_8h: Rate | None = None
    creation_timestamp: TimeMs = 0


class DeribitTrades(Struct, frozen=True):
    """A page of trades in the order that was requested."""

    trades: list[DeribitTrade]
    has_more: bool = False


class DeribitFunding(Struct, frozen=True):
    """One hour of ``get_funding_rate_history``."""

    timestamp: TimeMs
    interest_1h: Rate


class DeribitDepth(Struct, frozen=True):
    """``get_order_book``: its levels are prices and sizes."""

    timestamp: TimeMs
    change_id: Number
    bids: Raw
    asks: Raw


class DeribitInstrument(Struct, frozen=True):
    """One instrument of ``get_instruments``."""

    instrument_name: str
    base_currency: str
    quote_currency: str
    settlement_currency: str
    settlement_period: str
    instrument_type: str
    tick_size: float
    contract_size: float
    is_active: bool
    creation_timestamp: int = 0


class DeribitAnswer(Struct, Generic[Result], frozen=True):
    """A REST answer."""

    result: Result


class DeribitRefusal(Struct, frozen=True):
    """The error of a REST answer, None of one that has none."""

    error: DeribitError | None = None


def levels_of(levels: Sequence[DeribitLevel]) -> Raw:
    """Convert the levels of a side; one that was deleted has no size.

    Raises:
        ValueError: Too many of them.
    """
    if len(levels) > MAX_LEVELS:
        raise ValueError(f"a book message of more than {MAX_LEVELS} levels a side")
    return raw_levels([(level.price, 0.0 if level.action == "delete" else level.size) for level in levels])


def trade_of(row: DeribitTrade, received_us: int = 0) -> Trade:
    """Convert a trade."""
    return Trade(
        symbol=row.instrument_name,
        time_us=row.timestamp * 1_000,
        received_us=received_us,
        id=str(row.trade_seq),
        sequence=row.trade_seq,
        price=row.price,
        size=row.amount,
        aggressor=row.direction,
    )


def liquidations_of(row: DeribitTrade, received_us: int = 0) -> Iterator[Liquidation]:
    """Yield the liquidations that a trade was part of: none, that of a side, or those of both sides."""
    sides: dict[str, Side] = {"T": row.direction, "M": "sell" if row.direction == "buy" else "buy"}
    for party in row.liquidation:
        if party in sides:
            yield Liquidation(
                symbol=row.instrument_name,
                time_us=row.timestamp * 1_000,
                received_us=received_us,
                side=sides[party],
                size=row.amount,
                price=row.price,
            )


def bar_of(symbol: str, interval: str, row: DeribitBar, *, received_us: int = 0, closed: bool = False) -> Candle:
    """Convert a bar. The venue does not say when it was so: it has the time of its receipt."""
    return Candle(
        symbol=symbol,
        time_us=received_us or row.tick * 1_000,
        received_us=received_us,
        interval=interval,
        open_us=row.tick * 1_000,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.cost,
        closed=closed,
    )


def statistics_of(
    symbol: str, last: float | None, stats: DeribitStats, time_us: int, received_us: int = 0
) -> Ticker | None:
    """Convert the last 24 hours, None if nothing was traded. The first price follows from the change in percent."""
    high, low, change = stats.high, stats.low, stats.price_change
    if last is None or high is None or low is None or change is None or change <= -100:
        return None
    return Ticker(
        symbol=symbol,
        time_us=time_us,
        received_us=received_us,
        last=last,
        # The change has four digits after the point: the price has no more than seven that count.
        open=float(f"{last / (1 + change / 100):.7g}"),
        high=high,
        low=low,
        volume=stats.volume or 0.0,
        quote_volume=stats.volume_usd or 0.0,
    )


def figures_of(row: DeribitTicker, received_us: int = 0) -> list[Event]:
    """Convert a ticker: statistics, mark price and open interest as far as they are known.

    Funding is paid all the time, in proportion to the rate of eight hours: no payment is due at a certain time.
    """
    symbol, time_us = row.instrument_name, row.timestamp * 1_000
    events: list[Event] = []
    statistics = statistics_of(symbol, row.last_price, row.stats, time_us, received_us)
    if statistics is not None:
        events.append(statistics)
    if row.mark_price is not None and row.index_price is not None:
        events.append(
            MarkPrice(
                symbol=symbol,
                time_us=time_us,
                received_us=received_us,
                mark_price=row.mark_price,
                index_price=row.index_price,
                funding_rate=row.funding_8h,
                next_funding_us=0,
            )
        )
    if row.open_interest is not None:
        events.append(
            OpenInterest(symbol=symbol, time_us=time_us, received_us=received_us, open_interest=row.open_interest)
        )
    return events
