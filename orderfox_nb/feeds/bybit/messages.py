"""What Bybit sends, as typed structs: unknown fields are ignored, numbers in strings become numbers.

Names are ours, ``rename`` holds the venue's. Times are milliseconds. The two sides of a book stay raw JSON text until
the book is read.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct

from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs

Result = TypeVar("Result")

PerhapsPrice: TypeAlias = Price | Literal[""]
PerhapsAmount: TypeAlias = Amount | Literal[""]
PerhapsRate: TypeAlias = Rate | Literal[""]
PerhapsTime: TypeAlias = TimeMs | Literal[""]
"""A number, or nothing where the venue has none."""


class Frame(Struct, frozen=True, rename={"time": "ts", "engine_time": "cts", "reason": "ret_msg", "number": "req_id"}):
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


class TopicName(Struct, frozen=True):
    """Only the topic: all that can be read of a frame whose data is malformed."""

    topic: str


class BookBody(Struct, frozen=True, rename={"symbol": "s", "bids": "b", "asks": "a", "update_id": "u"}):
    """``orderbook.200``: the whole book, or its changed levels."""

    symbol: str
    bids: Raw
    asks: Raw
    update_id: Number


class TradeBody(
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


class KlineBody(Struct, frozen=True):
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


class LiquidationBody(Struct, frozen=True, rename={"time": "T", "symbol": "s", "side": "S", "size": "v", "price": "p"}):
    """One position of ``allLiquidation``: the side is the position's, the price that of its bankruptcy."""

    time: TimeMs
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Amount
    price: Price


class TickerBody(
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


TICKER_FIELDS: Final = frozenset(msgspec.structs.fields(TickerBody)[at].encode_name for at in range(12))


class Page(Struct, frozen=True, rename={"cursor": "nextPageCursor"}):
    """The result of a request for a list, whose rows are read one by one."""

    list: list[Raw]
    cursor: str = ""


class Rows(Struct, Generic[Result], frozen=True):
    """The result of a request for rows of one kind."""

    list: list[Result]


class Answer(Struct, Generic[Result], frozen=True):
    """A REST answer; ``time`` is the venue's."""

    result: Result
    time: TimeMs = 0


class RefusedBody(Struct, frozen=True, rename={"code": "retCode", "reason": "retMsg"}):
    """The head of every REST answer; a code of 0 is success."""

    code: int = 0
    reason: str = ""


class PriceFilter(Struct, frozen=True, rename="camel"):
    """Of an instrument."""

    tick_size: str


class LotSizeFilter(Struct, frozen=True, rename="camel"):
    """Of an instrument."""

    qty_step: str


class InstrumentRow(Struct, frozen=True, rename="camel"):
    """One instrument of ``/v5/market/instruments-info``."""

    symbol: str
    contract_type: str
    status: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    price_filter: PriceFilter
    lot_size_filter: LotSizeFilter
    launch_time: Any = "0"


class PastTrade(Struct, frozen=True, rename={"id": "execId", "is_block": "isBlockTrade"}):
    """One row of ``/v5/market/recent-trade``."""

    id: str
    price: Price
    size: Amount
    side: Literal["Buy", "Sell"]
    time: TimeMs
    is_block: bool = False


class PastBar(Struct, frozen=True, array_like=True):
    """One row of ``/v5/market/kline``; bars of mark and index prices have no volume."""

    start: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount = 0.0
    turnover: Amount = 0.0


class PastFunding(Struct, frozen=True, rename={"rate": "fundingRate", "time": "fundingRateTimestamp"}):
    """One row of ``/v5/market/funding/history``."""

    rate: Rate
    time: TimeMs


class PastOpenInterest(Struct, frozen=True, rename="camel"):
    """One row of ``/v5/market/open-interest``."""

    open_interest: Amount
    timestamp: TimeMs


class DepthBody(
    BookBody, frozen=True, rename={"symbol": "s", "bids": "b", "asks": "a", "update_id": "u", "time": "ts"}
):
    """``/v5/market/orderbook``; its ids are those of another stream than ``orderbook.200``."""

    time: TimeMs = 0
