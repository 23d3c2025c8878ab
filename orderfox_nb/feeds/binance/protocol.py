"""Binance's protocol: stream names, roots, request weights, and messages as events. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from orderfox_nb.core.channels import is_whole_market
from orderfox_nb.core.events import (
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
    DayTickerRow,
    DepthBody,
    DepthUpdate,
    ForcedOrder,
    ForceOrder,
    Kline,
    KlineRow,
    MarkPriceUpdate,
    OpenInterestBody,
    Payload,
    PremiumRow,
    TickerRow,
)
from orderfox_nb.feeds.binance.symbol_list import ExchangeInfoRow

Root: TypeAlias = Literal["public", "market"]

MAX_SIDE_BYTES: Final = 128_000
"""Largest side of a book update, room for 5,000 levels: the venue sends some hundred."""

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
    """Return the stream that carries a topic, empty if it must be asked for over REST.

    Raises:
        BadValue: A channel or timeframe that the venue does not have.
    """
    symbol = topic.symbol.lower()
    if is_whole_market(topic):
        return "!forceOrder@arr"
    if topic.channel == "candles" and topic.interval not in TIMEFRAME_US:
        raise BadValue("timeframe", topic.interval, f"one of {' '.join(TIMEFRAME_US)}")
    if (suffix := _SUFFIXES.get(topic.channel)) is None:
        raise BadValue("channel", topic.channel, "one that this venue has: " + ", ".join(_SUFFIXES))
    return f"{symbol}@{suffix}{topic.interval}" if suffix else ""


def root_of(stream: str) -> Root:
    """Return which root of the stream host delivers a stream; on the other one it stays silent."""
    kind = "bookTicker" if stream == "!bookTicker" else stream.partition("@")[2].partition("@")[0]
    return "public" if kind.startswith(_PUBLIC) else "market"


class Api(Struct, frozen=True, kw_only=True):
    """Paths and request weights of one of Binance's hosts.

    Steps are ``(up to this limit, weight)``, ascending.
    """

    prefix: str
    weights: Mapping[str, int]
    """By path; one that ends in ``*`` is without a symbol, one that begins with ``/`` is beside the prefix."""
    depth: Sequence[tuple[int, int]]
    klines: Sequence[tuple[int, int]]
    max_candles: int
    """Largest number of candles in one answer."""
    weight_limit: int
    """Per minute, until the venue reports its own limit."""
    row: type[ExchangeInfoRow] = ExchangeInfoRow
    """A symbol of its list."""

    def step(self, path: Literal["depth", "klines"], limit: int) -> int:
        """Return the cost of a number of rows."""
        steps = self.depth if path == "depth" else self.klines
        return next((weight for up_to, weight in steps if limit <= up_to), steps[-1][1])


FUTURES: Final = Api(
    prefix="/fapi/v1",
    weights={
        "exchangeInfo": 1,
        "tradingSchedule": 5,
        "time": 1,
        "aggTrades": 20,
        "ticker/24hr": 1,
        "ticker/24hr*": 40,
        "premiumIndex": 1,
        "premiumIndex*": 10,
        "openInterest": 1,
        "markPriceKlines": 10,
        "indexPriceKlines": 10,
        # These have budgets of their own, of 500 and 1,000 requests in five minutes: what is charged keeps them too.
        "fundingRate": 12,
        "/futures/data/openInterestHist": 6,
    },
    depth=((50, 2), (100, 5), (500, 10), (1_000, 20)),
    klines=((99, 1), (499, 2), (1_000, 5), (1_500, 10)),
    max_candles=1_500,
    weight_limit=2_400,
)


def is_coin_margined(message: Payload) -> bool:
    """Return whether an event is of the COIN-M market: the marker may be beside or inside the order."""
    if isinstance(message, ForceOrder):
        return COIN_MARGINED in (message.st, message.order.st)
    return message.st == COIN_MARGINED


def to_events(payload: Payload | list[ForceOrder], received_us: int) -> list[Event]:
    """Convert the events of a frame, leaving COIN-M ones out, and orders of liquidations that nothing was filled of.

    Raises:
        ValueError: A price or size that is not a finite number.
    """
    if type(payload) is DepthUpdate:
        # Thousands of these come in a second.
        return [] if payload.st == COIN_MARGINED else [_delta(payload, received_us)]
    if isinstance(payload, list):
        return [event for message in payload for event in to_events(message, received_us)]
    if is_coin_margined(payload) or (isinstance(payload, ForceOrder) and payload.order.filled == 0):
        return []
    return [_to_event(payload, received_us)]


def _delta(message: DepthUpdate, received_us: int) -> BookDelta:
    bids, asks, previous_id = message.bids, message.asks, message.previous_id
    if len(bids) > MAX_SIDE_BYTES or len(asks) > MAX_SIDE_BYTES:
        raise ValueError(f"a book update of more than {MAX_SIDE_BYTES // 1_000} kB a side")
    return BookDelta(
        symbol=message.symbol,
        time_us=(message.time or message.event_time) * 1_000,
        received_us=received_us,
        raw_bids=bids,
        raw_asks=asks,
        first_id=message.first_id,
        last_id=message.last_id,
        # Spot sends none: its ids have no holes.
        previous_id=message.first_id - 1 if previous_id is None else previous_id,
    )


def _to_event(message: Payload, received_us: int) -> Event:
    if isinstance(message, DepthUpdate):
        return _delta(message, received_us)
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
            mark_price=message.mark_price,
            index_price=message.index_price,
            funding_rate=_known(message.funding_rate),
            next_funding_us=message.next_funding_time * 1_000,
        )
    return _day_ticker(message, received_us)


def _trade(symbol: str, row: AggTrade | AggTradeRow, received_us: int) -> Trade:
    return Trade(
        symbol=symbol,
        time_us=row.time * 1_000,
        received_us=received_us,
        id=str(row.id),
        sequence=row.id,
        price=row.price,
        size=row.size,
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
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        quote_volume=bar.quote_volume,
        trades=bar.trades,
        taker_buy_volume=bar.taker_buy_volume,
        closed=bar.closed,
        last_fill_id=bar.last_fill_id,
    )


def _liquidation(order: ForcedOrder, received_us: int) -> Liquidation:
    side: Side = "buy" if order.side == "BUY" else "sell"
    limit_price = order.limit_price
    return Liquidation(
        symbol=order.symbol,
        # The event's own time runs a second behind the order's since 2026.
        time_us=order.time * 1_000,
        received_us=received_us,
        side=side,
        size=order.filled,
        price=order.average_price or limit_price,
        limit_price=limit_price,
    )


def _day_ticker(message: DayTickerRow, received_us: int) -> Ticker:
    return Ticker(
        symbol=message.symbol,
        time_us=message.event_time * 1_000,
        received_us=received_us,
        last=message.last,
        open=message.open,
        high=message.high,
        low=message.low,
        volume=message.volume,
        quote_volume=message.quote_volume,
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


def candle_from(symbol: str, interval: str, row: KlineRow) -> Candle:
    """Convert a row of bars; whether it is closed, and since when it is known, follows from its page."""
    return Candle(
        symbol=symbol,
        time_us=row.open_time * 1_000,
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
    """Convert a row of mark prices: None if they are unknown."""
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
    """Convert an open-interest answer: None if it is unknown."""
    contracts = _known(body.open_interest)
    if contracts is None:
        return None
    return OpenInterest(symbol=body.symbol, time_us=body.time * 1_000 or now_us, open_interest=contracts)


def _known(number: float | Literal[""]) -> float | None:
    return None if number == "" else number
