"""Bybit's messages as typed structs: unknown fields are ignored, numbers in strings become numbers.

Names are ours, ``rename`` holds the venue's. Times are milliseconds. The two sides of a book stay raw JSON text until
the book is read.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from orderfox_nb.core.events import Candle, Trade
from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs

Result = TypeVar("Result")

PerhapsPrice: TypeAlias = Price | Literal[""]
PerhapsAmount: TypeAlias = Amount | Literal[""]
PerhapsRate: TypeAlias = Rate | Literal[""]
PerhapsTime: TypeAlias = TimeMs | Literal[""]
"""A number, or nothing if the venue has none."""


class BybitFrame(
    Struct, frozen=True, rename={"time": "ts", "engine_time": "cts", "reason": "ret_msg", "number": "req_id"}
):
    """A message of a socket: data under its topic, or the answer to a command."""

    topic: str = ""
    type: str = ""
    time: TimeMs = 0
    engine_time: TimeMs = 0
    data: Raw = Raw(b"null")
    op: str = ""
    success: bool = True
    reason: str = ""
    number: str = ""


class BybitTopic(Struct, frozen=True):
    """Only the topic: all that can be read of a frame whose data is malformed."""

    topic: str


class BybitBook(Struct, frozen=True, rename={"symbol": "s", "bids": "b", "asks": "a", "update_id": "u"}):
    """``orderbook.200``: the whole book, or its changed levels."""

    symbol: str
    bids: Raw
    asks: Raw
    update_id: Number


class BybitTrade(
    Struct,
    frozen=True,
    rename={"time": "T", "symbol": "s", "side": "S", "size": "v", "price": "p", "id": "i", "is_block": "BT"},
):
    """One trade of ``publicTrade``."""

    time: TimeMs
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Amount
    price: Price
    id: str
    is_block: bool = False


class BybitKline(Struct, frozen=True):
    """A bar of ``kline``; its volume is base quantity, its turnover quote currency."""

    start: TimeMs
    interval: str
    open: Price
    close: Price
    high: Price
    low: Price
    volume: Amount
    turnover: Amount
    confirm: bool
    timestamp: TimeMs


class BybitLiquidation(
    Struct, frozen=True, rename={"time": "T", "symbol": "s", "side": "S", "size": "v", "price": "p"}
):
    """One position of ``allLiquidation``: the side is the position's, the price that of its bankruptcy."""

    time: TimeMs
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Amount
    price: Price


class BybitTicker(
    Struct,
    frozen=True,
    rename={
        "last": "lastPrice",
        "open": "prevPrice24h",
        "high": "highPrice24h",
        "low": "lowPrice24h",
        "volume": "volume24h",
        "turnover": "turnover24h",
        "mark_price": "markPrice",
        "index_price": "indexPrice",
        "funding_rate": "fundingRate",
        "next_funding": "nextFundingTime",
        "open_interest": "openInterest",
    },
):
    """``tickers``, also a row of ``/v5/market/tickers``."""

    symbol: str
    last: Price
    open: PerhapsPrice = ""
    high: PerhapsPrice = ""
    low: PerhapsPrice = ""
    volume: PerhapsAmount = ""
    turnover: PerhapsAmount = ""
    mark_price: PerhapsPrice = ""
    index_price: PerhapsPrice = ""
    funding_rate: PerhapsRate = ""
    next_funding: PerhapsTime = ""
    open_interest: PerhapsAmount = ""


TICKER_FIELDS: Final = frozenset(msgspec.structs.fields(BybitTicker)[at].encode_name for at in range(12))


class BybitPage(Struct, frozen=True, rename={"rows": "list", "cursor": "nextPageCursor"}):
    """The result of a request for a list, whose rows are read one by one."""

    rows: list[Raw]
    cursor: str = ""


class BybitRows(Struct, Generic[Result], frozen=True, rename={"rows": "list"}):
    """The result of a request for rows of one kind."""

    rows: list[Result]


class BybitAnswer(Struct, Generic[Result], frozen=True):
    """A REST answer; ``time`` is the venue's."""

    result: Result
    time: TimeMs = 0


class BybitRefusal(Struct, frozen=True, rename={"code": "retCode", "reason": "retMsg"}):
    """The head of every REST answer; a code of 0 is success."""

    code: int = 0
    reason: str = ""


class BybitPriceFilter(Struct, frozen=True, rename="camel"):
    """Price filter of an instrument."""

    tick_size: str


class BybitLotFilter(Struct, frozen=True, rename="camel"):
    """Lot size filter of an instrument."""

    qty_step: str


class BybitInstrument(Struct, frozen=True, rename="camel"):
    """One instrument of ``/v5/market/instruments-info``."""

    symbol: str
    contract_type: str
    status: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    price_filter: BybitPriceFilter
    lot_size_filter: BybitLotFilter
    launch_time: Any = "0"


class BybitPastTrade(Struct, frozen=True, rename={"id": "execId", "is_block": "isBlockTrade"}):
    """One row of ``/v5/market/recent-trade``."""

    id: str
    price: Price
    size: Amount
    side: Literal["Buy", "Sell"]
    time: TimeMs
    is_block: bool = False


class BybitBar(Struct, frozen=True, array_like=True):
    """One row of ``/v5/market/kline``; bars of mark and index prices have no volume."""

    start: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount = 0.0
    turnover: Amount = 0.0


class BybitFunding(Struct, frozen=True, rename={"rate": "fundingRate", "time": "fundingRateTimestamp"}):
    """One row of ``/v5/market/funding/history``."""

    rate: Rate
    time: TimeMs


class BybitInterest(Struct, frozen=True, rename="camel"):
    """One row of ``/v5/market/open-interest``."""

    open_interest: Amount
    timestamp: TimeMs


class BybitDepth(
    BybitBook, frozen=True, rename={"symbol": "s", "bids": "b", "asks": "a", "update_id": "u", "time": "ts"}
):
    """``/v5/market/orderbook``; its ids are those of another stream than ``orderbook.200``."""

    time: TimeMs = 0


def past_trade_of(symbol: str, row: BybitPastTrade) -> Trade:
    """Convert a trade of REST."""
    return Trade(
        symbol=symbol,
        time_us=row.time * 1_000,
        id=row.id,
        price=row.price,
        size=row.size,
        aggressor="buy" if row.side == "Buy" else "sell",
    )


def past_bar_of(symbol: str, interval: str, row: BybitBar) -> Candle:
    """Convert a bar of REST."""
    return Candle(
        symbol=symbol,
        time_us=row.start * 1_000,
        interval=interval,
        open_us=row.start * 1_000,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.turnover,
    )
