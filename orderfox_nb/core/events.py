"""Immutable facts from a venue.

Prices and sizes are float64 as the venue sent them, times are whole microseconds since the epoch: ``time_us`` by the
exchange's clock, ``received_us`` by ours (0 if the event was not received, such as a prelude's).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, TypeGuard

import msgspec

from orderfox_nb.core.numerals import Amount, Number, Price, Rate, TimeUs

Channel: TypeAlias = str
"""The name of a row of ``core/channels.py``."""

Coverage: TypeAlias = Literal["complete", "sampled"]
Side: TypeAlias = Literal["buy", "sell"]
Level: TypeAlias = tuple[float, float]
"""Price and size of one price level; a size of zero removes the level."""

WHOLE_MARKET = "*"
"""The symbol of a topic that carries every symbol of its venue."""


class Topic(msgspec.Struct, frozen=True, order=True):
    """The subject of a stream: one channel of one symbol of one venue."""

    venue: str
    symbol: str
    channel: Channel
    interval: str = ""
    """Timeframe of a candles topic (``1m``), otherwise empty."""

    def __str__(self) -> str:
        return f"{self.venue}/{self.symbol}/{self.channel}" + (f"@{self.interval}" if self.interval else "")


class _Fact(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    symbol: str
    time_us: TimeUs
    received_us: TimeUs = 0


class Trade(_Fact, frozen=True):
    """An aggregate trade: the fills of one taker order at one price."""

    id: str
    """The venue's own."""
    price: Price
    size: Amount
    aggressor: Side
    """The taker's side."""
    sequence: Number | None = None
    """Its place among the symbol's trades, ascending; None if the venue gives no order.

    Whether a hole in it is a loss is a promise of the venue's dialect (``Origin.unbroken_trades``).
    """
    last_fill_id: Number = -1
    """The venue's id of the last fill in it, -1 if it is unknown: bars say up to which one they count."""


_decode_levels = msgspec.json.Decoder(list[Level], strict=False).decode


class _BookFact(_Fact, frozen=True):
    raw_bids: msgspec.Raw
    """JSON text of ``[[price, size], …]``, numbers or strings: decoded on the first read."""
    raw_asks: msgspec.Raw

    @property
    def bids(self) -> list[Level]:
        """Bid levels as price and size, in the order sent."""
        return _decode_levels(self.raw_bids)

    @property
    def asks(self) -> list[Level]:
        """Ask levels as price and size, in the order sent."""
        return _decode_levels(self.raw_asks)


class BookSnapshot(_BookFact, frozen=True):
    """The whole book at one update id; levels best first."""

    update_id: Number
    reach: tuple[Price, Price] | None = None
    """Prices of the lowest bid and of the highest ask within which every level is known: of a book that was kept since
    an earlier snapshot, whose own reach this is. None means all of the levels."""


class SideColumns(msgspec.Struct, frozen=True):
    """Changed levels of one side as packed 64-bit integers in the machine's order of bytes."""

    prices: bytes
    sizes: bytes

    @property
    def integers(self) -> tuple[memoryview, memoryview]:
        """Prices and sizes, unpacked."""
        return memoryview(self.prices).cast("q"), memoryview(self.sizes).cast("q")


class LevelColumns(msgspec.Struct, frozen=True):
    """Changed levels as whole numbers, as recordings hold them: a price of 617 with one digit is 61.7."""

    bids: SideColumns
    asks: SideColumns
    price_digits: int
    """Decimal places of the prices."""
    size_digits: int

    def levels(self, side: SideColumns) -> list[Level]:
        """Return a side of these as price and size, the floats nearest to the exact decimals."""
        scales = 10**self.price_digits, 10**self.size_digits
        return [(price / scales[0], size / scales[1]) for price, size in zip(*side.integers, strict=True)]


NO_TEXT: Final = msgspec.Raw(b"null")
"""Raw text of a delta that has its levels as columns only."""


class BookDelta(_BookFact, frozen=True):
    """Changed levels with their new absolute sizes; zero removes."""

    first_id: Number
    last_id: Number
    previous_id: Number
    """Last id of the delta before: Binance's ``pu``, or ``first_id - 1`` where ids have no holes (spot)."""
    columns: LevelColumns | msgspec.UnsetType = msgspec.UNSET
    """The same levels as integers, which a book takes instead of the text; the text is then ``NO_TEXT`` or the same."""

    @property
    def bids(self) -> list[Level]:
        columns = self.columns
        return _decode_levels(self.raw_bids) if columns is msgspec.UNSET else columns.levels(columns.bids)

    @property
    def asks(self) -> list[Level]:
        columns = self.columns
        return _decode_levels(self.raw_asks) if columns is msgspec.UNSET else columns.levels(columns.asks)

    def detached(self) -> BookDelta:
        """Return the same with levels of its own: those of a decoded message keep all of that message in memory."""
        return msgspec.structs.replace(self, raw_bids=self.raw_bids.copy(), raw_asks=self.raw_asks.copy())

    @property
    def level_bytes(self) -> int:
        """How much text and columns of levels it has."""
        text = len(self.raw_bids) + len(self.raw_asks)
        if self.columns is msgspec.UNSET:
            return text
        return text + sum(len(side.prices) + len(side.sizes) for side in (self.columns.bids, self.columns.asks))


class Candle(_Fact, frozen=True):
    """One bar. ``time_us`` is when the venue said so; the bar's own time is ``open_us``."""

    interval: str
    open_us: TimeUs
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    """Traded base quantity."""
    quote_volume: Amount = 0.0
    trades: Number = 0
    taker_buy_volume: Amount = 0.0
    closed: bool = False
    last_fill_id: Number = -1
    """The venue's id of the last fill that is counted, -1 if it is unknown."""


class Liquidation(_Fact, frozen=True):
    """A liquidation order. A sell order closes a long, a buy order closes a short."""

    side: Side
    """The order's side."""
    size: Amount
    """Filled base quantity (Binance ``z``; its ``l`` is the last fill only)."""
    price: Price
    """Average fill price, the limit price where the venue gives no average."""
    limit_price: Price = 0.0

    @property
    def notional(self) -> float:
        """Filled quantity times average price, in quote currency."""
        return self.size * self.price


class LiquidationVolume(_Fact, frozen=True):
    """Liquidated notional by bucket: the history that a live stream cannot repeat.

    Columns are parallel, buckets ascending and epoch-aligned; empty buckets are left out. The sums cover everything
    before ``time_us``, the time until which the history was asked: a ``Liquidation`` before it is in them already,
    whether it comes along or late, one at or after it is **added** (``core/liquidation_volume.py``).
    """

    interval: str
    start_us: list[TimeUs]
    buy: list[Amount]
    """Liquidated shorts, quote currency."""
    sell: list[Amount]
    """Liquidated longs, quote currency."""
    count: list[Number]

    def __post_init__(self) -> None:
        if not len(self.start_us) == len(self.buy) == len(self.sell) == len(self.count):
            raise ValueError("columns of different lengths")

    @property
    def rows(self) -> Iterator[tuple[int, float, float, int]]:
        """Buckets as ``(start, buy, sell, count)``."""
        return zip(self.start_us, self.buy, self.sell, self.count, strict=True)


class MarkPrice(_Fact, frozen=True):
    """Mark and index price with the next funding."""

    mark_price: Price
    index_price: Price
    """0 if it is unknown."""
    funding_rate: Rate | None
    """Fraction of the position's notional (0.0001 is 1 bp); None if the contract has no funding."""
    next_funding_us: TimeUs


class Ticker(_Fact, frozen=True):
    """Rolling 24 h statistics."""

    last: Price
    open: Price
    high: Price
    low: Price
    volume: Amount
    quote_volume: Amount


class OpenInterest(_Fact, frozen=True):
    """Open contracts, in base quantity."""

    open_interest: Amount


StreamState: TypeAlias = Literal["connecting", "live", "down", "stale", "gap", "skewed"]


MarketState: TypeAlias = Literal["", "closed", "halted"]
"""Whether a symbol is traded: yes, its session is closed, or it is halted or delisted."""


class Status(_Fact, frozen=True):
    """A change of the connection behind a topic; the stream continues.

    ``live``: the prelude is over, what follows is live.
    ``gap``: events are missing and are being fetched, what follows waits for them; a ``Gap`` says that they are lost.
    ``skewed``: the venue's clock has jumped.
    """

    state: StreamState
    reason: str = ""
    lost: Number = -1
    """For a ``gap``: number of missing events, -1 if unknown."""
    coverage: Coverage = "complete"
    history: Literal["none", "complete", "missing"] = "none"
    """Whether the venue's past is in the data: ``missing`` where its source failed."""
    market: MarketState = ""
    """``closed``: no events are expected until the session opens. ``halted``: see the reason; the state is down."""
    silence_s: float | None = None
    """How long silence is normal at this venue; None: as for the channel elsewhere."""
    whole: bool = False
    """For a state other than ``live``: a whole prelude came before it. The connection may have broken just then."""

    @property
    def ends_prelude(self) -> bool:
        """Whether everything of the topic's past came before this event."""
        return self.state == "live" or self.whole


class Gap(_Fact, frozen=True):
    """Events were lost between the previous one and the one after."""

    reason: str
    lost: Number = -1
    """How many, -1 where it cannot be known."""
    restart: bool = False
    """Whether the venue restarted: earlier state does not continue and is discarded."""
    relisted: bool = False
    """For a restart: the venue is the same, but the symbol's tick or lot size has changed; load its record again."""


Event: TypeAlias = (
    Trade
    | BookSnapshot
    | BookDelta
    | Candle
    | Liquidation
    | LiquidationVolume
    | MarkPrice
    | Ticker
    | OpenInterest
    | Status
    | Gap
)


def is_restart(event: Event) -> TypeGuard[Gap]:
    """Return whether folds start again with this event: the venue restarted, or the symbol's steps are others."""
    return type(event) is Gap and event.restart


def is_new_run(event: Event) -> TypeGuard[Gap]:
    """Return whether the venue restarted with this event, so that its ids may be any."""
    return type(event) is Gap and event.restart and not event.relisted


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def raw_levels(levels: list[Level] | list[tuple[str, str]] | list[list[float]]) -> msgspec.Raw:
    """Encode price and size pairs as the text that book events carry."""
    return msgspec.Raw(_encoder.encode(levels))


def as_text(event: Event) -> Event:
    """Return an event as messages carry it: the same, but for levels in columns, which become text."""
    if type(event) is not BookDelta or event.columns is msgspec.UNSET:
        return event
    bids, asks = raw_levels(event.bids), raw_levels(event.asks)
    return msgspec.structs.replace(event, raw_bids=bids, raw_asks=asks, columns=msgspec.UNSET)


def encode_event(event: Event) -> bytes:
    """Encode an event as tagged JSON; ``decode_event`` gives it back equal, columns of levels as text."""
    return _encoder.encode(as_text(event))


def decode_event(text: bytes | str) -> Event:
    """Decode what ``encode_event`` wrote.

    Raises:
        msgspec.DecodeError: Not the JSON of an event.
    """
    return _decoder.decode(text)
