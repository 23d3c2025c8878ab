"""What OKX sends, as typed structs: unknown fields are ignored, numbers in strings become numbers.

Names are ours, ``rename`` holds the venue's. Times are milliseconds. Sizes are contracts unless a name says otherwise.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import Raw, Struct

from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs

Row = TypeVar("Row")

PerhapsPrice: TypeAlias = Price | Literal[""]
PerhapsRate: TypeAlias = Rate | Literal[""]
"""A number, or nothing where the venue has none."""


class OkxArgument(Struct, frozen=True, rename={"instrument": "instId", "kind": "instType"}):
    """What a subscription is to."""

    channel: str
    instrument: str = ""
    kind: str = ""


class OkxFrame(Struct, frozen=True, rename={"argument": "arg", "reason": "msg", "number": "id"}):
    """A message of a socket: data of a channel, or an event about a command."""

    argument: OkxArgument | None = None
    action: str = ""
    data: Raw = Raw(b"null")
    event: str = ""
    code: str = ""
    reason: str = ""
    number: str = ""


class OkxName(Struct, frozen=True, rename={"argument": "arg"}):
    """Only the argument: all that can be read of a frame whose data is malformed."""

    argument: OkxArgument


class OkxLevel(Struct, frozen=True, array_like=True):
    """A price level; its number of orders is not read."""

    price: Price
    size: Amount


class OkxBook(Struct, frozen=True, rename={"time": "ts", "last_id": "seqId", "previous_id": "prevSeqId"}):
    """``books``: the whole book, or its changed levels. A previous id of -1 is that of a snapshot."""

    bids: list[OkxLevel]
    asks: list[OkxLevel]
    time: TimeMs
    last_id: Number
    previous_id: Number = -1


class OkxTrade(
    Struct,
    frozen=True,
    rename={"instrument": "instId", "id": "tradeId", "price": "px", "size": "sz", "time": "ts"},
):
    """A trade of ``trades`` or REST: on the socket the fills of a taker order at one price, under the last one's id."""

    instrument: str
    id: str
    price: Price
    size: Amount
    side: Literal["buy", "sell"]
    time: TimeMs


class OkxBar(Struct, frozen=True, array_like=True):
    """A bar of ``candle``; its volumes are contracts, base and quote currency. Those of other prices have none."""

    start: TimeMs
    open: Price
    high: Price
    low: Price
    close: Price
    contracts: Amount = 0.0
    volume: Amount = 0.0
    quote_volume: Amount = 0.0
    confirm: str = "0"


class OkxTicker(
    Struct,
    frozen=True,
    rename={
        "instrument": "instId",
        "open": "open24h",
        "high": "high24h",
        "low": "low24h",
        "volume": "volCcy24h",
        "time": "ts",
    },
):
    """``tickers``: the last 24 hours, volume in base currency."""

    instrument: str
    last: PerhapsPrice
    open: PerhapsPrice
    high: PerhapsPrice
    low: PerhapsPrice
    volume: Amount
    time: TimeMs


class OkxMark(Struct, frozen=True, rename={"instrument": "instId", "price": "markPx", "time": "ts"}):
    """``mark-price``."""

    instrument: str
    price: Price
    time: TimeMs


class OkxIndex(Struct, frozen=True, rename={"index": "instId", "price": "idxPx", "time": "ts"}):
    """``index-tickers``."""

    index: str
    price: Price
    time: TimeMs


class OkxFunding(Struct, frozen=True, rename={"instrument": "instId", "rate": "fundingRate", "due": "fundingTime"}):
    """``funding-rate``: the coming payment; in REST's history the one that was."""

    instrument: str
    rate: PerhapsRate
    due: TimeMs
    ts: TimeMs | Literal[""] = ""


class OkxInterest(Struct, frozen=True, rename={"instrument": "instId", "size": "oiCcy", "time": "ts"}):
    """``open-interest``, in base currency."""

    instrument: str
    size: Amount
    time: TimeMs


class OkxPastInterest(Struct, frozen=True, array_like=True):
    """A row of past open interest: in contracts, base currency and USD."""

    time: TimeMs
    contracts: Amount
    size: Amount


class OkxLiquidated(Struct, frozen=True, rename={"price": "bkPx", "size": "sz", "time": "ts"}):
    """One position inside a liquidation; the side is that of the order that closed it."""

    side: Literal["buy", "sell"]
    size: Amount
    price: Price
    time: TimeMs


class OkxLiquidations(Struct, frozen=True, rename={"instrument": "instId"}):
    """``liquidation-orders``: positions of one instrument."""

    instrument: str
    details: list[OkxLiquidated]


class OkxInstrument(Struct, frozen=True, rename="camel"):
    """One instrument of ``public/instruments``."""

    inst_id: str
    settle_ccy: str
    ct_type: str
    ct_val: str
    ct_val_ccy: str
    tick_sz: str
    lot_sz: str
    state: str
    ct_mult: str = "1"
    list_time: Any = "0"


class OkxTime(Struct, frozen=True):
    """``public/time``."""

    ts: TimeMs


class OkxRows(Struct, Generic[Row], frozen=True):
    """A REST answer."""

    data: list[Row]


class OkxRefusal(Struct, frozen=True, rename={"reason": "msg"}):
    """The head of every REST answer; a code of 0 is success."""

    code: str = "0"
    reason: str = ""
