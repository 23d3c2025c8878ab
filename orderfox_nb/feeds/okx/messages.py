"""OKX's messages as typed structs and as events: unknown fields are ignored, numbers in strings become numbers.

Names are ours, ``rename`` holds the venue's. Times are milliseconds. Sizes are contracts unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from msgspec import Raw, Struct

from orderfox_nb.core.events import Candle, MarkPrice, Ticker, Trade, raw_levels
from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeMs, whole_number
from orderfox_nb.feeds.http import short

Row = TypeVar("Row")

_INDEX_MS: Final = 90_000
"""An index that does not move is sent once a minute."""
MAX_LEVELS: Final = 5_000
"""Largest number of levels of a side in one message: the venue sends 400 at most."""

PerhapsPrice: TypeAlias = Price | Literal[""]
PerhapsRate: TypeAlias = Rate | Literal[""]
"""A number, or nothing if the venue has none."""


class OkxArgument(Struct, frozen=True, rename={"instrument": "instId", "kind": "instType"}):
    """Channel and instrument of a subscription."""

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


class ContractSizes:
    """Base quantity of one contract of each swap; filled in by REST."""

    def __init__(self) -> None:
        self._sizes: dict[str, float | None] = {}

    def learn(self, sizes: Mapping[str, float | None]) -> None:
        """Take the sizes of a list; None for a contract whose size is not in base currency."""
        self._sizes.update(sizes)

    @property
    def known(self) -> bool:
        """Whether a list was read."""
        return bool(self._sizes)

    def knows(self, instrument: str) -> bool:
        """Return whether a swap was in a list."""
        return instrument in self._sizes

    def is_linear(self, instrument: str) -> bool:
        """Return whether the size of a swap's contracts is in base currency.

        Raises:
            ValueError: It was in no list.
        """
        if instrument not in self._sizes:
            raise ValueError(f"the contract size of {short(instrument)} is not known")
        return self._sizes[instrument] is not None

    def base(self, instrument: str, contracts: float) -> float:
        """Convert contracts to base quantity.

        Raises:
            ValueError: The contract size is unknown.
        """
        size = self._sizes.get(instrument)
        if size is None:
            raise ValueError(f"the contract size of {short(instrument)} is not known")
        # Without the last digits of the product: a multiple of a lot stays one.
        return round(contracts * size, 12)


def mark_of(mark: OkxMark, index: OkxIndex, funding: OkxFunding, received_us: int = 0) -> MarkPrice:
    """Join the three parts of a mark price; an index that has stopped is unknown."""
    return MarkPrice(
        symbol=mark.instrument,
        time_us=max(mark.time, index.time) * 1_000,
        received_us=received_us,
        mark_price=mark.price,
        index_price=index.price if mark.time - index.time < _INDEX_MS else 0.0,
        funding_rate=None if funding.rate == "" else funding.rate,
        next_funding_us=funding.due * 1_000,
    )


def ticker_of(row: OkxTicker, received_us: int = 0) -> Ticker | None:
    """Convert statistics, None if nothing was traded.

    The venue has no volume in quote currency: it is the base volume at the last price.
    """
    if row.last == "" or row.open == "" or row.high == "" or row.low == "":
        return None
    return Ticker(
        symbol=row.instrument,
        time_us=row.time * 1_000,
        received_us=received_us,
        last=row.last,
        open=row.open,
        high=row.high,
        low=row.low,
        volume=row.volume,
        quote_volume=row.volume * row.last,
    )


def trade_of(row: OkxTrade, sizes: ContractSizes, received_us: int = 0) -> Trade:
    """Convert a trade.

    Raises:
        ValueError: The contract size is unknown, or the id is not a number.
    """
    place = whole_number(row.id)
    if place is None:
        raise ValueError(f"a trade whose id is not a number: {short(row.id)}")
    return Trade(
        symbol=row.instrument,
        time_us=row.time * 1_000,
        received_us=received_us,
        id=row.id,
        sequence=place,
        price=row.price,
        size=sizes.base(row.instrument, row.size),
        aggressor=row.side,
    )


def bar_of(symbol: str, interval: str, row: OkxBar, received_us: int = 0) -> Candle:
    """Convert a bar. The venue does not say when it was so: it has the time of its receipt."""
    return Candle(
        symbol=symbol,
        time_us=received_us or row.start * 1_000,
        received_us=received_us,
        interval=interval,
        open_us=row.start * 1_000,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        closed=row.confirm == "1",
    )


def levels_of(levels: Sequence[OkxLevel], symbol: str, sizes: ContractSizes) -> Raw:
    """Convert the levels of a side to base quantity.

    Raises:
        ValueError: Too many of them, or the contract size is unknown.
    """
    if len(levels) > MAX_LEVELS:
        raise ValueError(f"a book message of more than {MAX_LEVELS} levels a side")
    return raw_levels([(level.price, sizes.base(symbol, level.size)) for level in levels])
