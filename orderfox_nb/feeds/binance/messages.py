"""Binance's messages as typed structs: unknown fields are ignored, numbers in strings become numbers.

Names are ours, ``rename`` holds the venue's letters. Times are milliseconds. The two sides of a book stay raw JSON text
until the book is read.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs
from orderfox_nb.feeds.http import checked

PerhapsPrice: TypeAlias = Price | Literal[""]
PerhapsAmount: TypeAlias = Amount | Literal[""]
PerhapsRate: TypeAlias = Rate | Literal[""]
"""A number, or nothing if the venue has none."""


class AggTrade(
    Struct,
    frozen=True,
    tag_field="e",
    tag="aggTrade",
    rename={
        "symbol": "s",
        "id": "a",
        "price": "p",
        "size": "q",
        "time": "T",
        "buyer_is_maker": "m",
        "last_fill_id": "l",
    },
):
    """Fills of one taker order at one price."""

    symbol: str
    id: Number
    price: Price
    size: Amount
    time: TimeMs
    buyer_is_maker: bool
    last_fill_id: Number = -1
    st: int = 1


class DepthUpdate(
    Struct,
    frozen=True,
    tag_field="e",
    tag="depthUpdate",
    rename={
        "symbol": "s",
        "event_time": "E",
        "time": "T",
        "first_id": "U",
        "last_id": "u",
        "previous_id": "pu",
        "bids": "b",
        "asks": "a",
    },
):
    """Changed levels with their new sizes."""

    symbol: str
    event_time: TimeMs
    first_id: Number
    last_id: Number
    bids: Raw
    asks: Raw
    previous_id: Number | None = None
    time: TimeMs = 0
    st: int = 1


class Bar(
    Struct,
    frozen=True,
    rename={
        "open_time": "t",
        "interval": "i",
        "open": "o",
        "close": "c",
        "high": "h",
        "low": "l",
        "volume": "v",
        "trades": "n",
        "closed": "x",
        "quote_volume": "q",
        "taker_buy_volume": "V",
        "last_fill_id": "L",
    },
):
    """The bar inside a kline event."""

    open_time: TimeMs
    interval: str
    open: Price
    close: Price
    high: Price
    low: Price
    volume: Amount
    trades: Number
    closed: bool
    quote_volume: Amount
    taker_buy_volume: Amount
    last_fill_id: Number = -1


class Kline(Struct, frozen=True, tag_field="e", tag="kline", rename={"symbol": "s", "event_time": "E", "bar": "k"}):
    """A bar as it is now."""

    symbol: str
    event_time: TimeMs
    bar: Bar
    st: int = 1


class MarkPriceUpdate(
    Struct,
    frozen=True,
    tag_field="e",
    tag="markPriceUpdate",
    rename={
        "symbol": "s",
        "event_time": "E",
        "mark_price": "p",
        "index_price": "i",
        "funding_rate": "r",
        "next_funding_time": "T",
    },
):
    """Mark and index price; the funding rate is an empty text if there is none."""

    symbol: str
    event_time: TimeMs
    mark_price: Price
    index_price: Price
    funding_rate: PerhapsRate
    next_funding_time: TimeMs
    st: int = 1


class DayTickerRow(
    Struct,
    frozen=True,
    tag_field="e",
    tag="24hrTicker",
    rename={
        "symbol": "s",
        "event_time": "E",
        "last": "c",
        "open": "o",
        "high": "h",
        "low": "l",
        "volume": "v",
        "quote_volume": "q",
    },
):
    """Rolling 24 h statistics."""

    symbol: str
    event_time: TimeMs
    last: Price
    open: Price
    high: Price
    low: Price
    volume: Amount
    quote_volume: Amount
    st: int = 1


class ForcedOrder(
    Struct,
    frozen=True,
    rename={
        "symbol": "s",
        "side": "S",
        "limit_price": "p",
        "average_price": "ap",
        "filled": "z",
        "time": "T",
    },
):
    """The order inside a liquidation event; ``l`` is only the last fill and is not read."""

    symbol: str
    side: str
    limit_price: Price
    filled: Amount
    time: TimeMs
    average_price: Price = 0.0
    st: int = 1


class ForceOrder(Struct, frozen=True, tag_field="e", tag="forceOrder", rename={"event_time": "E", "order": "o"}):
    """A liquidation."""

    event_time: TimeMs
    order: ForcedOrder
    st: int = 1


Payload: TypeAlias = AggTrade | DepthUpdate | Kline | MarkPriceUpdate | DayTickerRow | ForceOrder


class CommandError(Struct, frozen=True):
    """Why a command was refused."""

    code: int = 0
    msg: str = ""


class StreamFrame(Struct, frozen=True):
    """A frame of a combined socket: an event under its stream's name, or the answer to a command."""

    stream: str = ""
    data: Payload | list[ForceOrder] | None = None
    id: int | None = None
    code: int = 0
    msg: str = ""
    error: CommandError | None = None


class StreamName(Struct, frozen=True):
    """Only the stream name: all that can be read of a frame whose event is malformed."""

    stream: str


_frame = msgspec.json.Decoder(StreamFrame, strict=False)
_name = msgspec.json.Decoder(StreamName)
_CUT_OFF: Final = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]{1,100})"')


def decode_frame(text: str | bytes) -> StreamFrame:
    """Decode one frame.

    Raises:
        msgspec.MsgspecError: Not of the protocol, or nested too deep.
        UnicodeDecodeError: Not text.
    """
    return checked(_frame, text)


def stream_name(text: str | bytes) -> str:
    """Return the stream that a malformed frame belongs to, empty where even that cannot be read."""
    try:
        return checked(_name, text).stream
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Cut off: the name stands at the front.
        found = _CUT_OFF.match(text if isinstance(text, bytes) else text.encode(errors="replace"))
        return found[1].decode(errors="replace") if found is not None else ""


class DepthBody(Struct, frozen=True, rename={"last_update_id": "lastUpdateId", "event_time": "E", "time": "T"}):
    """``/fapi/v1/depth``."""

    last_update_id: Number
    bids: Raw
    asks: Raw
    event_time: TimeMs = 0
    time: TimeMs = 0


class KlineRow(Struct, frozen=True, array_like=True):
    """One row of ``/fapi/v1/klines``."""

    open_time: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    close_time: TimeMs
    quote_volume: Amount
    trades: Number
    taker_buy_volume: Amount


class AggTradeRow(
    Struct,
    frozen=True,
    rename={"id": "a", "price": "p", "size": "q", "time": "T", "buyer_is_maker": "m", "last_fill_id": "l"},
):
    """One row of ``/fapi/v1/aggTrades``."""

    id: Number
    price: Price
    size: Amount
    time: TimeMs
    buyer_is_maker: bool
    last_fill_id: Number = -1


class TickerRow(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/ticker/24hr``."""

    symbol: str
    last_price: Price
    open_price: Price
    high_price: Price
    low_price: Price
    volume: Amount
    quote_volume: Amount
    close_time: TimeMs = 0


class PremiumRow(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/premiumIndex``; delivery contracts have an empty funding rate, a recording knows no price either."""

    symbol: str
    mark_price: PerhapsPrice
    index_price: PerhapsPrice
    last_funding_rate: PerhapsRate
    next_funding_time: TimeMs
    time: TimeMs


class OpenInterestBody(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/openInterest``; empty if it is unknown."""

    symbol: str
    open_interest: PerhapsAmount
    time: TimeMs = 0


class PaidFundingRow(Struct, frozen=True, rename="camel"):
    """One row of ``/fapi/v1/fundingRate``; the oldest have no mark price."""

    funding_time: TimeMs
    funding_rate: Rate
    mark_price: PerhapsPrice = ""


class OpenInterestRow(Struct, frozen=True, rename="camel"):
    """One row of ``/futures/data/openInterestHist``."""

    timestamp: TimeMs
    sum_open_interest: Amount


class ServerTime(Struct, frozen=True, rename="camel"):
    """``/fapi/v1/time``."""

    server_time: TimeMs


class RefusedBody(Struct, frozen=True):
    """The body of an error."""

    code: int = 0
    msg: str = ""
