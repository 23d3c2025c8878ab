"""Immutable facts from a venue.

Prices and sizes are float64 as the venue sent them, times are whole microseconds since the epoch: ``time_us`` by the
exchange's clock, ``received_us`` by ours (0 where the event was not received, such as a prelude's).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeGuard

import msgspec

Channel: TypeAlias = Literal["book", "trades", "candles", "liquidations", "mark", "ticker", "open_interest"]
Side: TypeAlias = Literal["buy", "sell"]
Level: TypeAlias = tuple[float, float]
"""Price and size of one price level; a size of zero removes the level."""

WHOLE_MARKET = "*"
"""The symbol of a topic that carries every symbol of its venue."""


class Topic(msgspec.Struct, frozen=True, order=True):
    """What a stream is about: one channel of one symbol of one venue."""

    venue: str
    symbol: str
    channel: Channel
    interval: str = ""
    """Timeframe of a candles topic (``1m``), else empty."""

    def __str__(self) -> str:
        return f"{self.venue}/{self.symbol}/{self.channel}" + (f"@{self.interval}" if self.interval else "")


class _Fact(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    symbol: str
    time_us: int
    received_us: int = 0


class Trade(_Fact, frozen=True):
    """An aggregate trade: the fills of one taker order at one price."""

    id: int
    """The venue's aggregate id, ascending without holes."""
    price: float
    size: float
    aggressor: Side
    """The taker's side."""
    last_fill_id: int = -1
    """The venue's id of the last fill in it, -1 where it is not known: bars say up to which one they count."""


_decode_levels = msgspec.json.Decoder(list[Level], strict=False).decode


class _BookFact(_Fact, frozen=True):
    raw_bids: msgspec.Raw
    """JSON text of ``[[price, size], …]``, numbers or strings: decoded when somebody reads."""
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

    update_id: int


class BookDelta(_BookFact, frozen=True):
    """Changed levels with their new absolute sizes; zero removes."""

    first_id: int
    last_id: int
    previous_id: int
    """Last id of the delta before (Binance ``pu``); -1 where the venue has none (spot)."""

    def detached(self) -> BookDelta:
        """Return the same with levels of its own: those of a decoded message keep all of that message in memory."""
        return msgspec.structs.replace(self, raw_bids=self.raw_bids.copy(), raw_asks=self.raw_asks.copy())

    @property
    def level_bytes(self) -> int:
        """How much text of levels it has."""
        return len(self.raw_bids) + len(self.raw_asks)


class Candle(_Fact, frozen=True):
    """One bar. ``time_us`` is when the venue said so; the bar's own time is ``open_us``."""

    interval: str
    open_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    """Traded base quantity."""
    quote_volume: float = 0.0
    trades: int = 0
    taker_buy_volume: float = 0.0
    closed: bool = False
    last_fill_id: int = -1
    """The venue's id of the last fill that is counted, -1 where it is not known."""


class Liquidation(_Fact, frozen=True):
    """A liquidation order. A sell order closes a long, a buy order closes a short."""

    side: Side
    """The order's side."""
    size: float
    """Filled base quantity (Binance ``z``; its ``l`` is the last fill only)."""
    price: float
    """Average fill price, the limit price where the venue gives no average."""
    limit_price: float = 0.0

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
    start_us: list[int]
    buy: list[float]
    """Liquidated shorts, quote currency."""
    sell: list[float]
    """Liquidated longs, quote currency."""
    count: list[int]


class MarkPrice(_Fact, frozen=True):
    """Mark and index price with the coming funding."""

    mark_price: float
    index_price: float
    funding_rate: float | None
    """Fraction of the position's notional (0.0001 is 1 bp); None where the contract has no funding."""
    next_funding_us: int


class Ticker(_Fact, frozen=True):
    """Rolling 24 h statistics."""

    last: float
    open: float
    high: float
    low: float
    volume: float
    quote_volume: float


class OpenInterest(_Fact, frozen=True):
    """Open contracts, in base quantity."""

    open_interest: float


StreamState: TypeAlias = Literal["connecting", "live", "down", "stale", "gap", "skewed"]


MarketState: TypeAlias = Literal["", "closed", "halted"]
"""Whether a symbol is traded: yes, its session is closed, or it is halted or delisted."""


class Status(_Fact, frozen=True):
    """What became of the connection behind a topic; the stream goes on.

    ``live``: the prelude is over, what follows is live.
    ``gap``: events are missing and are being fetched, what follows waits for them; a ``Gap`` says that they are lost.
    ``skewed``: the venue's clock has jumped.
    """

    state: StreamState
    reason: str = ""
    lost: int = -1
    """Of a ``gap``: how many events are missing, -1 where nobody can know."""
    coverage: Literal["complete", "sampled"] = "complete"
    history: Literal["none", "complete", "missing"] = "none"
    """Whether the venue's past is in the data: ``missing`` where its source failed."""
    market: MarketState = ""
    """``closed``: nothing is owed until the session opens again. ``halted``: the reason says how, the state is down."""
    whole: bool = False
    """Of a state other than ``live``: a whole prelude came before it, as where a connection broke after it was read."""

    @property
    def ends_prelude(self) -> bool:
        """Whether everything of the topic's past came before this event."""
        return self.state == "live" or self.whole


class Gap(_Fact, frozen=True):
    """Events were lost between the one before and the one after."""

    reason: str
    lost: int = -1
    """How many, -1 where nobody can know."""
    restart: bool = False
    """Whether the venue restarted: what was told before does not go together with what follows, and is forgotten."""
    relisted: bool = False
    """Of a restart: the venue is the same, but the symbol's tick or lot size is another one; load its record again."""


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
    """Tell whether folds start again with this event: the venue restarted, or the symbol's steps are others."""
    return type(event) is Gap and event.restart


def is_new_run(event: Event) -> TypeGuard[Gap]:
    """Tell whether the venue restarted with this event, so that its ids may be any."""
    return type(event) is Gap and event.restart and not event.relisted


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def raw_levels(levels: list[Level] | list[tuple[str, str]] | list[list[float]]) -> msgspec.Raw:
    """Encode price and size pairs as the text that book events carry."""
    return msgspec.Raw(_encoder.encode(levels))


def encode_event(event: Event) -> bytes:
    """Encode an event as tagged JSON; ``decode_event`` gives it back equal."""
    return _encoder.encode(event)


def decode_event(text: bytes | str) -> Event:
    """Decode what ``encode_event`` wrote.

    Raises:
        msgspec.DecodeError: Not the JSON of an event.
    """
    return _decoder.decode(text)
