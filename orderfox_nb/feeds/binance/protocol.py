"""What the wire means: stream names, roots, request weights, and messages as events. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Final, Literal, TypeAlias

from orderfox_nb.core.events import (
    WHOLE_MARKET,
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Event,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Side,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.binance.messages import (
    AggTrade,
    AggTradeRow,
    DayTicker,
    DepthBody,
    DepthUpdate,
    ForcedOrder,
    ForceOrder,
    Kline,
    KlineRow,
    MarkPriceUpdate,
    OpenInterestBody,
    Payload,
    PerhapsNumber,
    PremiumRow,
    TickerRow,
)

Root: TypeAlias = Literal["public", "market"]

MAX_SIDE_BYTES: Final = 128_000
"""Of a side of a book update, which has room for 5,000 levels: the venue sends some hundred."""

COIN_MARGINED: Final = 2
"""``st`` of a COIN-M event on a stream of all markets: its quantities are in contracts."""

_SUFFIXES: Final[dict[Channel, str]] = {
    "book": "depth@100ms",
    "trades": "aggTrade",
    "candles": "kline_",
    "liquidations": "forceOrder",
    "mark": "markPrice@1s",
    "ticker": "ticker",
    "open_interest": "",
}

_PUBLIC: Final = ("depth", "rpiDepth", "bookTicker", "trade")


def stream_of(topic: Topic) -> str:
    """Return the stream that carries a topic, empty where it must be asked for over REST.

    Raises:
        BadValue: A timeframe that the venue does not have.
    """
    symbol = topic.symbol.lower()
    if topic.channel == "liquidations" and topic.symbol == WHOLE_MARKET:
        return "!forceOrder@arr"
    if topic.channel == "candles" and topic.interval not in TIMEFRAME_US:
        raise BadValue("timeframe", topic.interval, f"one of {' '.join(TIMEFRAME_US)}")
    suffix = _SUFFIXES[topic.channel]
    return f"{symbol}@{suffix}{topic.interval}" if suffix else ""


def root_of(stream: str) -> Root:
    """Return which root of the stream host delivers a stream; on the other one it stays silent."""
    kind = "bookTicker" if stream == "!bookTicker" else stream.partition("@")[2].partition("@")[0]
    return "public" if kind.startswith(_PUBLIC) else "market"


def depth_weight(limit: int) -> int:
    """Return the cost of a depth snapshot."""
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20


def klines_weight(limit: int) -> int:
    """Return the cost of a request of bars."""
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def is_coin_margined(message: Payload) -> bool:
    """Tell whether an event is of the COIN-M market: the mark may be beside or inside the order."""
    if isinstance(message, ForceOrder):
        return COIN_MARGINED in (message.st, message.order.st)
    return message.st == COIN_MARGINED


def to_events(payload: Payload | list[ForceOrder], received_us: int) -> Iterator[Event]:
    """Convert the events of a frame, leaving COIN-M ones out, and orders of liquidations that nothing was filled of.

    Raises:
        ValueError: A price or size that is no finite number.
    """
    for message in payload if isinstance(payload, list) else (payload,):
        if is_coin_margined(message) or (isinstance(message, ForceOrder) and message.order.filled == 0):
            continue
        yield _to_event(message, received_us)


def _to_event(message: Payload, received_us: int) -> Event:
    if isinstance(message, DepthUpdate):
        if max(len(message.bids), len(message.asks)) > MAX_SIDE_BYTES:
            raise ValueError(f"a book update of more than {MAX_SIDE_BYTES // 1_000} kB a side")
        return BookDelta(
            symbol=message.symbol,
            time_us=(message.time or message.event_time) * 1_000,
            received_us=received_us,
            raw_bids=message.bids,
            raw_asks=message.asks,
            first_id=message.first_id,
            last_id=message.last_id,
            previous_id=message.previous_id,
        )
    if isinstance(message, AggTrade):
        return _trade(message.symbol, message, received_us)
    if isinstance(message, Kline):
        return _candle(message, received_us)
    if isinstance(message, ForceOrder):
        return _liquidation(message.order, received_us)
    if isinstance(message, MarkPriceUpdate):
        return MarkPrice(
            symbol=message.symbol,
            time_us=message.event_time * 1_000,
            received_us=received_us,
            mark_price=_finite(message.mark_price),
            index_price=_finite(message.index_price),
            funding_rate=_known(message.funding_rate),
            next_funding_us=message.next_funding_time * 1_000,
        )
    return _day_ticker(message, received_us)


def _trade(symbol: str, row: AggTrade | AggTradeRow, received_us: int) -> Trade:
    return Trade(
        symbol=symbol,
        time_us=row.time * 1_000,
        received_us=received_us,
        id=row.id,
        price=_finite(row.price),
        size=_finite(row.size),
        # The maker's side is the other one: a maker who buys was hit by a seller.
        aggressor="sell" if row.buyer_is_maker else "buy",
        last_fill_id=row.last_fill_id,
    )


def _candle(message: Kline, received_us: int) -> Candle:
    bar = message.bar
    return Candle(
        symbol=message.symbol,
        time_us=message.event_time * 1_000,
        received_us=received_us,
        interval=bar.interval,
        open_us=bar.open_time * 1_000,
        open=_finite(bar.open),
        high=_finite(bar.high),
        low=_finite(bar.low),
        close=_finite(bar.close),
        volume=_finite(bar.volume),
        quote_volume=_finite(bar.quote_volume),
        trades=bar.trades,
        taker_buy_volume=_finite(bar.taker_buy_volume),
        closed=bar.closed,
        last_fill_id=bar.last_fill_id,
    )


def _liquidation(order: ForcedOrder, received_us: int) -> Liquidation:
    side: Side = "buy" if order.side == "BUY" else "sell"
    limit_price = _finite(order.limit_price)
    return Liquidation(
        symbol=order.symbol,
        # The event's own time runs a second behind the order's since 2026.
        time_us=order.time * 1_000,
        received_us=received_us,
        side=side,
        size=_finite(order.filled),
        price=_finite(order.average_price) or limit_price,
        limit_price=limit_price,
    )


def _day_ticker(message: DayTicker, received_us: int) -> Ticker:
    return Ticker(
        symbol=message.symbol,
        time_us=message.event_time * 1_000,
        received_us=received_us,
        last=_finite(message.last),
        open=_finite(message.open),
        high=_finite(message.high),
        low=_finite(message.low),
        volume=_finite(message.volume),
        quote_volume=_finite(message.quote_volume),
    )


def snapshot_from(symbol: str, body: DepthBody) -> BookSnapshot:
    """Convert a depth answer."""
    return BookSnapshot(
        symbol=symbol,
        time_us=(body.time or body.event_time) * 1_000,
        raw_bids=body.bids,
        raw_asks=body.asks,
        update_id=body.last_update_id,
    )


def trade_from(symbol: str, row: AggTradeRow) -> Trade:
    """Convert a row of past trades."""
    return _trade(symbol, row, 0)


def candle_from(symbol: str, interval: str, row: KlineRow, *, now_us: int, closed: bool) -> Candle:
    """Convert a row of bars, as the venue knew it at a time."""
    close_us = (row.close_time + 1) * 1_000
    return Candle(
        symbol=symbol,
        time_us=min(close_us, max(now_us, row.open_time * 1_000)),
        interval=interval,
        open_us=row.open_time * 1_000,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trades=row.trades,
        taker_buy_volume=row.taker_buy_volume,
        closed=closed,
    )


def ticker_from(row: TickerRow) -> Ticker:
    """Convert a row of 24 h statistics."""
    return Ticker(
        symbol=row.symbol,
        time_us=row.close_time * 1_000,
        last=row.last_price,
        open=row.open_price,
        high=row.high_price,
        low=row.low_price,
        volume=row.volume,
        quote_volume=row.quote_volume,
    )


def mark_from(row: PremiumRow) -> MarkPrice | None:
    """Convert a row of mark prices: None where they are not known."""
    mark_price, index_price = _known(row.mark_price), _known(row.index_price)
    if mark_price is None or index_price is None:
        return None
    return MarkPrice(
        symbol=row.symbol,
        time_us=row.time * 1_000,
        mark_price=mark_price,
        index_price=index_price,
        funding_rate=_known(row.last_funding_rate),
        next_funding_us=row.next_funding_time * 1_000,
    )


def open_interest_from(body: OpenInterestBody, *, now_us: int) -> OpenInterest | None:
    """Convert an open-interest answer: None where it is not known."""
    contracts = _known(body.open_interest)
    if contracts is None:
        return None
    return OpenInterest(symbol=body.symbol, time_us=body.time * 1_000 or now_us, open_interest=contracts)


def _finite(number: float) -> float:
    if not isfinite(number):
        raise ValueError(f"{number} is no price or size")
    return number


def _known(number: PerhapsNumber) -> float | None:
    return number if number != "" and isfinite(number) else None
