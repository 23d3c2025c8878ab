"""The public answers as types: what the OpenAPI document describes and the tests decode."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["live", "syncing", "stale", "gap", "skewed", "down"]
Coverage = Literal["complete", "sampled"]


class ErrorAnswer(msgspec.Struct):
    """Every answer that is an error."""

    detail: str
    status_code: int


class Quality(msgspec.Struct):
    """How far the data can be trusted."""

    state: State
    coverage: Coverage
    since: int
    """When the state began, milliseconds."""
    session: Literal["closed"] | msgspec.UnsetType = msgspec.UNSET
    """The session of the symbol's market is closed: nothing is owed, and nothing stale."""
    status: str | msgspec.UnsetType = msgspec.UNSET
    """Why the symbol is not traded: it is halted or being delisted."""


class TopicHealth(msgspec.Struct):
    """One upstream topic."""

    topic: str
    state: State
    coverage: Coverage
    reason: str
    """Why it is not live, or what was told last; empty where nothing was."""
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

    state: State
    start: int
    end: int | None
    """None while it lasts."""
    reason: str
    lost: int | None
    """Events that were missed, also where they were fetched since; None where nobody can know."""


class TopicQuality(msgspec.Struct):
    """A topic's state and its lapses."""

    topic: str
    channel: str
    state: State | None
    """None where nobody reads it."""
    coverage: Coverage
    history: Literal["none", "complete", "missing"]
    since: int | None
    reason: str
    lapses: list[LapseRow]
    """Of the last 24 h, oldest first."""
    lapses_total: int
    lost_total: int


class QualityAnswer(msgspec.Struct):
    """How far a symbol's data can be trusted, and when it could not."""

    symbol: str
    time: int
    topics: list[TopicQuality]


class HealthAnswer(msgspec.Struct):
    """Whether the data is there."""

    status: Literal["healthy", "degraded"]
    timestamp: int
    service: Literal["orderfox"]
    version: str
    source: str
    topics: list[TopicHealth]
    database: str
    exchange_calls: int
    problem: str


class PriceFormat(msgspec.Struct, rename="camel"):
    """How a chart shows prices."""

    type: Literal["price"]
    precision: int
    min_move: float


class DayTicker(msgspec.Struct, rename="camel"):
    """The market of the last 24 h."""

    timestamp: int
    """When the venue said so, milliseconds."""
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
    """None where the venue did not say."""
    funding_rate: float | None
    """A fraction (0.0001 is 1 bp); None where it is not known or there is no funding."""
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
    """How much stands behind the rows."""

    actual_levels: int
    requested_levels: int
    is_market_depth_limited: bool
    has_insufficient_raw_data: bool
    raw_bids_count: int
    raw_asks_count: int


class OrderBookAnswer(msgspec.Struct):
    """The grouped book: bids best first, asks worst first."""

    type: Literal["orderbook_update"]
    symbol: str
    bids: list[BookRow]
    asks: list[BookRow]
    timestamp: int
    time_formatted: str
    limit: int
    rounding: float
    rounding_options: list[float]
    aggregated: bool
    market_depth_info: DepthInfo
    quality: Quality
    sequence: int


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


class CandleRow(msgspec.Struct):
    """One bar; ``timestamp`` in milliseconds and ``time`` in seconds are when it opens."""

    timestamp: int
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class LiquidationRow(msgspec.Struct):
    """One liquidation order; ``priceUsdt`` is its notional."""

    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: str
    quantityFormatted: str  # noqa: N815
    priceUsdt: str  # noqa: N815
    priceUsdtFormatted: str  # noqa: N815
    timestamp: int
    displayTime: str  # noqa: N815
    avgPrice: str  # noqa: N815
    baseAsset: str  # noqa: N815


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
    """Mean of the absolute delta over the newest 50 non-empty buckets; None where no bucket is known yet."""
    ma_value_formatted: str | None


class LiquidationVolumeAnswer(msgspec.Struct):
    """Contiguous buckets over the range."""

    symbol: str
    timeframe: str
    data: list[VolumeBucket]
    start_time: int
    end_time: int
    quality: Quality
    history: Literal["none", "complete", "missing"]
    """Whether the past is among the sums: without it only what was seen live is counted."""
