"""Answers and messages of the public contract: views make them, and the OpenAPI document describes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from orderfox_nb.core.events import Channel, Coverage
from orderfox_nb.core.quality import History, QualityView, StateName


class ErrorAnswer(msgspec.Struct):
    """Every answer that is an error."""

    detail: str
    status_code: int


class TopicHealth(msgspec.Struct):
    """One upstream topic."""

    topic: str
    state: StateName
    coverage: Coverage
    reason: str
    """Why it is not live, or the last reason; empty if there was none."""
    lag_ms: int
    subscribers: int
    reconnects: int
    dropped: int
    lapses: int
    """Intervals of the last 24 h in which it was not live."""
    lost: int
    """Events that were missed, as far as known."""


class LapseRow(msgspec.Struct):
    """An interval in which a topic could not be trusted, milliseconds on the venue's clock."""

    state: StateName
    start: int
    end: int | None
    """None while it lasts."""
    reason: str
    lost: int | None
    """Events that were missed, including those that were fetched since; None if unknown."""


class TopicQuality(msgspec.Struct):
    """A topic's state and its lapses."""

    topic: str
    channel: Channel
    state: StateName | None
    """None without readers."""
    coverage: Coverage
    history: History
    since: int | None
    reason: str
    lapses: list[LapseRow]
    """Lapses of the last 24 h, oldest first."""
    lapses_total: int
    lost_total: int


class QualityAnswer(msgspec.Struct):
    """Quality of a symbol's data, now and in the past."""

    symbol: str
    time: int
    topics: list[TopicQuality]


class RecordingHealth(msgspec.Struct, frozen=True, kw_only=True):
    """State of the recorder."""

    state: Literal["off", "idle", "recording", "stopped"] = "off"
    """``idle``: nobody reads anything. ``stopped``: it cannot write, and tries again."""
    problem: str = ""
    """Why it is stopped, as a sentence."""
    recording: str = ""
    """Id of the recording that is being written."""
    bytes: int = 0
    """Size of all recordings in the data directory at the last count."""
    topics: int = 0
    events: int = 0
    """Events recorded since the process started."""


class VenueHealth(msgspec.Struct):
    """One of the server's venues."""

    venue: str
    source: str
    status: Literal["healthy", "degraded"]
    problem: str


class HealthAnswer(msgspec.Struct, kw_only=True):
    """Whether data is available."""

    status: Literal["healthy", "degraded"]
    timestamp: int
    service: Literal["orderfox"] = "orderfox"
    version: str
    source: str
    venues: Sequence[VenueHealth]
    """The venues of the source, the default one first; empty before the first request."""
    topics: Sequence[TopicHealth]
    database: Literal["none", "healthy", "unavailable"] = "none"
    """State of the database of bots; ``none`` before the first query. Market data does not need it."""
    database_problem: str = ""
    live_trading: bool = False
    """Whether bots of this server may send real orders."""
    live_trading_problem: str = ""
    """Why they may not, although live trading is switched on."""
    exchange_calls: int
    recording: RecordingHealth = RecordingHealth()
    problem: str
    detail: str | UnsetType = UNSET
    """With status 503: why nothing works."""
    status_code: int | UnsetType = UNSET


class PriceFormat(msgspec.Struct, rename="camel"):
    """Format of prices in a chart."""

    precision: int
    min_move: float
    type: Literal["price"] = "price"


class DayTicker(msgspec.Struct, rename="camel"):
    """The market of the last 24 h."""

    timestamp: int
    """Time of the data at the venue, milliseconds."""
    last: float
    open: float
    high: float
    low: float
    volume: float
    """In the base asset."""
    quote_volume: float


class SymbolRow(msgspec.Struct, rename="camel"):
    """One symbol with its market of the last 24 h."""

    id: str
    symbol: str
    base_asset: str
    quote_asset: str
    ui_name: str
    contract_type: str
    volume24h: float
    volume24h_formatted: str = msgspec.field(name="volume24hFormatted")
    price_precision: int
    amount_precision: int
    tick_size: float
    step_size: float
    price_format: PriceFormat
    rounding_options: list[float]
    default_rounding: float
    ticker: DayTicker | None
    """None if the venue has sent none."""
    funding_rate: float | None
    """A fraction (0.0001 is 1 bp); None if it is unknown or there is no funding."""
    onboard_time: int
    """When it was listed, milliseconds, 0 if not known."""


class CacheStats(msgspec.Struct):
    """Counts and ages of the symbol list."""

    symbols: int
    source: str
    demo: bool
    age_seconds: float | None
    ttl_seconds: int
    expires_in_seconds: float | None
    exchange_calls: int
    failures: int
    cache_hits: int
    problem: str


class Refreshed(CacheStats, kw_only=True):
    """The symbol list after it was reloaded."""

    refreshed: bool


class BookRow(msgspec.Struct):
    """One row of the grouped book; ``cumulative`` counts outward from the best price."""

    price: float
    amount: float
    cumulative: float
    price_formatted: str
    amount_formatted: str
    cumulative_formatted: str


class DepthInfo(msgspec.Struct):
    """Numbers of rows and levels of the book."""

    actual_levels: int
    requested_levels: int
    is_market_depth_limited: bool
    has_insufficient_raw_data: bool
    raw_bids_count: int
    raw_asks_count: int


class OrderBookHead(msgspec.Struct, kw_only=True, tag_field="type", tag="orderbook_update"):
    """The grouped book without its rows."""

    symbol: str
    timestamp: int
    time_formatted: str
    limit: int
    rounding: float
    rounding_options: list[float]
    aggregated: bool
    market_depth_info: DepthInfo
    quality: QualityView
    sequence: int


class OrderBookAnswer(OrderBookHead, kw_only=True, tag_field="type", tag="orderbook_update"):
    """The grouped book: bids best first, asks worst first."""

    bids: list[BookRow]
    asks: list[BookRow]


class TradeRow(msgspec.Struct):
    """One aggregate trade."""

    id: str
    price: float
    amount: float
    side: Literal["buy", "sell"]
    timestamp: int
    price_formatted: str
    amount_formatted: str
    time_formatted: str


class TradesUpdate(msgspec.Struct, kw_only=True, tag_field="type", tag="trades_update"):
    """Trades, newest first."""

    symbol: str
    trades: list[TradeRow]
    initial: bool
    """Whether it is the first message of a reader."""
    timestamp: int
    quality: QualityView
    sequence: int


class CandleRow(msgspec.Struct):
    """One bar; ``timestamp`` in milliseconds and ``time`` in seconds are when it opens."""

    timestamp: int
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class TimeRange(msgspec.Struct):
    """When the first and the last bar open, in milliseconds and in seconds."""

    start_ms: int
    end_ms: int
    start: int
    end: int


class SymbolData(msgspec.Struct, rename="camel"):
    """Figures of a symbol that a chart needs."""

    price_format: PriceFormat


class HistoricalCandles(msgspec.Struct, kw_only=True, tag_field="type", tag="historical_candles"):
    """A window of bars, oldest first."""

    symbol: str
    timeframe: str
    data: list[CandleRow]
    count: int
    time_range: TimeRange
    symbol_data: SymbolData = msgspec.field(name="symbolData")
    quality: QualityView
    sequence: int


class CandleUpdate(CandleRow, kw_only=True, tag_field="type", tag="candle_update"):
    """A bar that changed."""

    symbol: str
    timeframe: str
    closed: bool
    stream_timestamp: int
    quality: QualityView
    sequence: int


class LiquidationRow(msgspec.Struct, rename="camel"):
    """One liquidation order; ``priceUsdt`` is its notional."""

    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: str
    quantity_formatted: str
    price_usdt: str
    price_usdt_formatted: str
    timestamp: int
    display_time: str
    avg_price: str
    base_asset: str


class LiquidationOrder(msgspec.Struct, kw_only=True, tag_field="type", tag="liquidation_order"):
    """One order, or in a reader's first message the past ones, newest first."""

    symbol: str
    data: LiquidationRow | list[LiquidationRow]
    timestamp: str
    quality: QualityView
    sequence: int
    initial: bool | UnsetType = UNSET


class VolumeBucket(msgspec.Struct):
    """Liquidated volume of one bucket, USDT as decimal strings: ``buy`` is shorts, ``sell`` is longs."""

    time: int
    timestamp_ms: int
    buy_volume: str
    sell_volume: str
    total_volume: str
    delta_volume: str
    buy_volume_formatted: str
    sell_volume_formatted: str
    total_volume_formatted: str
    delta_volume_formatted: str
    count: int
    ma_value: str | None
    """Mean of the absolute delta over the newest 50 non-empty buckets; None if no bucket is known yet."""
    ma_value_formatted: str | None


class LiquidationVolumeAnswer(msgspec.Struct):
    """Contiguous buckets over the range."""

    symbol: str
    timeframe: str
    data: list[VolumeBucket]
    start_time: int
    end_time: int
    quality: QualityView
    history: History
    """Whether the sums include the past; without it they count only live events."""


class LiquidationVolumeUpdate(msgspec.Struct, kw_only=True, tag_field="type", tag="liquidation_volume"):
    """Totals of buckets: of a whole range, or of those that changed."""

    symbol: str
    timeframe: str
    data: list[VolumeBucket]
    is_update: bool
    timestamp: str
    quality: QualityView
    history: History
    sequence: int
