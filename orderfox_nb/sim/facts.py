"""Events and rows of the embedded exchange, in integers: prices in ticks, sizes in lots, times in microseconds."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class TradeFact(msgspec.Struct, frozen=True, gc=False):
    """The fills of one taker order at one price, as the venue aggregates them."""

    time_us: int
    first_trade_id: int
    last_trade_id: int
    agg_id: int
    price: int
    lots: int
    buyer_is_maker: bool
    """True if the taker sold."""
    fills: tuple[int, ...]
    """Lots of each single trade, first to last."""


class LevelFact(msgspec.Struct, frozen=True, gc=False):
    """The new absolute size of a price level; zero removes it."""

    time_us: int
    update_id: int
    """Running id of the symbol, ascending, with holes."""
    side: Literal["bid", "ask"]
    ticks: int
    lots: int


class LiquidationFact(msgspec.Struct, frozen=True, gc=False):
    """An IOC limit order by which the exchange closed a position.

    It traded at ``time_us`` and is reported at ``event_us``, when its window of one second has passed, which
    decides whether the public stream shows it.
    """

    time_us: int
    event_us: int
    side: Literal["buy", "sell"]
    """Side of the order: a sell closes a long."""
    lots_original: int
    lots_filled: int
    lots_last: int
    """Lots of the last fill alone."""
    limit_ticks: int
    average_price: float
    """Quote currency, not ticks: an average is seldom a whole number of them."""
    sampled: bool
    """Whether the public stream shows it: the latest of the symbol within 1,000 ms."""


class MarkFact(msgspec.Struct, frozen=True, gc=False):
    """Mark and index price, once a second; prices in quote currency."""

    time_us: int
    mark: float
    index: float
    settle: float
    """Estimated settlement price."""
    funding_rate: float
    next_funding_us: int


Fact: TypeAlias = TradeFact | LevelFact | LiquidationFact | MarkFact


class BarFigures(msgspec.Struct, frozen=True, gc=False):
    """Figures of a bar; prices in ticks, volumes in lots, quote volumes in ticks times lots."""

    open_us: int
    open: int
    high: int
    low: int
    close: int
    lots: int
    quote: int
    trades: int
    taker_lots: int
    taker_quote: int


class BarRow(BarFigures, frozen=True, gc=False):
    """One bar of a timeframe."""

    close_us: int
    """Start of the next bar."""


class PriceRow(msgspec.Struct, frozen=True, gc=False):
    """One bar of a reference price, in quote currency, or of the premium index, a ratio."""

    open_us: int
    close_us: int
    """Start of the next bar."""
    open: float
    high: float
    low: float
    close: float


class DayRow(msgspec.Struct, frozen=True, gc=False):
    """Rolling 24 h statistics, to the minute; units as in ``BarRow``."""

    open_us: int
    close_us: int
    open: int
    high: int
    low: int
    last: int
    last_lots: int
    """Size of the last trade."""
    lots: int
    quote: int
    trades: int
    first_trade_id: int
    last_trade_id: int


PriceKind: TypeAlias = Literal["mark", "index", "premium"]
RatioKind: TypeAlias = Literal["accounts", "top accounts", "top positions"]


class FundingRow(msgspec.Struct, frozen=True, gc=False):
    """One settled funding."""

    time_us: int
    rate: float
    mark: float
