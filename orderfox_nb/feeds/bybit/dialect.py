"""The WebSocket protocol of Bybit's linear contracts: one root, topics as streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.core.channels import is_whole_market
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Channel,
    Coverage,
    Event,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Topic,
    Trade,
)
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.bybit.messages import (
    TICKER_FIELDS,
    BybitBook,
    BybitFrame,
    BybitKline,
    BybitLiquidation,
    BybitTicker,
    BybitTopic,
    BybitTrade,
)
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.venue.dialect import DecodedFrame, Method, SilenceLimits, SocketLimits

_TOPICS: Final[Mapping[Channel, str]] = {
    "book": "orderbook.200",
    "trades": "publicTrade",
    "liquidations": "allLiquidation",
    "mark": "tickers",
    "ticker": "tickers",
    "open_interest": "tickers",
}
INTERVALS: Final[Mapping[str, str]] = {
    "1m": "1",
    "3m": "3",
    "5m": "5",
    "15m": "15",
    "30m": "30",
    "1h": "60",
    "2h": "120",
    "4h": "240",
    "6h": "360",
    "12h": "720",
    "1d": "D",
    "1w": "W",
    "1M": "M",
}
"""The venue's names of timeframes; it has no bars of 8 hours or 3 days."""
_TIMEFRAMES: Final = {name: timeframe for timeframe, name in INTERVALS.items()}
_OPERATIONS: Final[Mapping[Method, str]] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe", "probe": "ping"}
_CUT_OFF: Final = re.compile(rb'\s*\{\s*"topic"\s*:\s*"([^"\\]{1,100})"')

MAX_SIDE_BYTES: Final = 128_000
"""Largest side of a book message: 200 levels have 6 kB."""

_frame = msgspec.json.Decoder(BybitFrame, strict=False)
_name = msgspec.json.Decoder(BybitTopic)
_book = msgspec.json.Decoder(BybitBook, strict=False)
_trades = msgspec.json.Decoder(list[BybitTrade], strict=False)
_bars = msgspec.json.Decoder(list[BybitKline], strict=False)
_liquidations = msgspec.json.Decoder(list[BybitLiquidation], strict=False)
_fields = msgspec.json.Decoder(dict[str, Any])


class BybitDialect:
    """A topic of the venue is a stream; that of ``tickers`` carries mark price, 24 h statistics and open interest."""

    roots: Collection[str] = ("linear",)
    channels: Collection[Channel] = (*_TOPICS, "candles")
    limits = SocketLimits(
        streams=200,
        age_s=23.5 * 3600,
        command_pause_s=0.2,
        frame_bytes=1_000_000,
        # A command may have 21,000 characters.
        command_streams=200,
        ping_s=20.0,
    )
    unbroken_trades: bool = False
    ordered_trades: bool = False
    # A bar is sent each 1 to 60 seconds.
    neighbour_checks: Mapping[Channel, int] = {"candles": 130, "trades": 6}
    coverage: Mapping[Channel, Coverage] = {"liquidations": "complete"}
    # Messages come when something has changed.
    quiet: Mapping[Channel, SilenceLimits] = {
        "book": SilenceLimits(stale_s=15, renew_s=30),
        "mark": SilenceLimits(stale_s=10, renew_s=30),
    }
    streams_snapshots: bool = True

    def socket_url(self, base: str, root: str) -> str:
        return f"{base}/v5/public/{root}"

    def stream_of(self, topic: Topic) -> str:
        if is_whole_market(topic):
            raise BadValue("symbol", topic.symbol, f"one symbol: this venue has no stream of all {topic.channel}")
        if topic.channel == "candles":
            if topic.interval not in INTERVALS:
                raise BadValue("timeframe", topic.interval, f"one that this venue has: {' '.join(INTERVALS)}")
            return f"kline.{INTERVALS[topic.interval]}.{topic.symbol}"
        if (name := _TOPICS.get(topic.channel)) is None:
            raise BadValue("channel", topic.channel, f"one that this venue has: {', '.join(self.channels)}")
        return f"{name}.{topic.symbol}"

    def root_of(self, stream: str) -> str:  # noqa: ARG002 - there is one
        return "linear"

    def is_heartbeat(self, stream: str) -> bool:  # noqa: ARG002 - no stream sends regularly
        return False

    def is_shared(self, stream: str) -> bool:
        return stream.startswith("tickers.")

    def codec(self) -> BybitCodec:
        return BybitCodec()


class BybitCodec:
    """Reads and writes one socket; keeps the tickers that their deltas change."""

    def __init__(self) -> None:
        self._tickers: dict[str, dict[str, Any]] = {}
        self._liquidated: dict[str, tuple[int, bytes]] = {}
        """Time and orders of the last frame of each topic: two equal orders are two, two equal frames are one."""

    def command(self, method: Method, number: int, streams: Collection[str]) -> str:
        fields: dict[str, object] = {"op": _OPERATIONS[method], "req_id": str(number)}
        if streams:
            fields["args"] = sorted(streams)
        return msgspec.json.encode(fields).decode()

    def decode(self, text: str | bytes, received_us: int) -> DecodedFrame:
        frame = checked(_frame, text)
        if not frame.topic:
            return _answer(frame)
        kind, _, rest = frame.topic.partition(".")
        if kind == "tickers":
            return DecodedFrame(frame.topic, self._ticker(rest, frame, received_us))
        if (convert := _CONVERTERS.get(kind)) is None:
            raise ValueError(f"no topic of this protocol: {short(frame.topic)}")
        if kind == "allLiquidation":
            before, now = self._liquidated.get(frame.topic), (frame.time, bytes(frame.data))
            if before == now:
                return DecodedFrame(frame.topic, ())
            self._liquidated[frame.topic] = now
        return DecodedFrame(frame.topic, convert(frame, received_us))

    def stream_name(self, text: str | bytes) -> str:
        try:
            return checked(_name, text).topic
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = _CUT_OFF.match(text if isinstance(text, bytes) else text.encode(errors="replace"))
            return found[1].decode(errors="replace") if found is not None else ""

    def _ticker(self, symbol: str, frame: BybitFrame, received_us: int) -> list[Event]:
        fields = {name: value for name, value in checked(_fields, frame.data).items() if name in TICKER_FIELDS}
        if frame.type != "snapshot":
            known = self._tickers.get(symbol)
            if known is None:
                # A delta without its snapshot means nothing; the snapshot comes with the subscription.
                return []
            fields = {**known, **fields}
        body = msgspec.convert(fields, BybitTicker, strict=False)
        self._tickers[symbol] = fields
        return ticker_events(body, frame.time * 1_000, received_us)


def ticker_events(body: BybitTicker, time_us: int, received_us: int = 0) -> list[Event]:
    """Convert a ticker: statistics, mark price and open interest as far as they are known.

    A message says of every field that it does not repeat that it has not changed, so each is as of the message's time.
    """
    events: list[Event] = []
    if body.open != "" and body.high != "" and body.low != "" and body.volume != "" and body.turnover != "":
        events.append(
            Ticker(
                symbol=body.symbol,
                time_us=time_us,
                received_us=received_us,
                last=body.last,
                open=body.open,
                high=body.high,
                low=body.low,
                volume=body.volume,
                quote_volume=body.turnover,
            )
        )
    if body.mark_price != "" and body.index_price != "":
        events.append(
            MarkPrice(
                symbol=body.symbol,
                time_us=time_us,
                received_us=received_us,
                mark_price=body.mark_price,
                index_price=body.index_price,
                funding_rate=None if body.funding_rate == "" else body.funding_rate,
                next_funding_us=0 if body.next_funding == "" else body.next_funding * 1_000,
            )
        )
    if body.open_interest != "":
        events.append(
            OpenInterest(symbol=body.symbol, time_us=time_us, received_us=received_us, open_interest=body.open_interest)
        )
    return events


def _answer(frame: BybitFrame) -> DecodedFrame:
    if not frame.op:
        raise ValueError("neither an event nor an answer")
    refused = "" if frame.success else short(frame.reason) or "no reason given"
    return DecodedFrame(answered=whole_number(frame.number), refused=refused)


def _book_events(frame: BybitFrame, received_us: int) -> Sequence[Event]:
    body = checked(_book, frame.data)
    if max(len(body.bids), len(body.asks)) > MAX_SIDE_BYTES:
        raise ValueError(f"a book message of more than {MAX_SIDE_BYTES // 1_000} kB a side")
    time_us = (frame.engine_time or frame.time) * 1_000
    # The venue sends a snapshot with the id 1 where its service was restarted, whatever the message's type.
    if frame.type == "snapshot" or body.update_id == 1:
        return (
            BookSnapshot(
                symbol=body.symbol,
                time_us=time_us,
                received_us=received_us,
                raw_bids=body.bids.copy(),
                raw_asks=body.asks.copy(),
                update_id=body.update_id,
            ),
        )
    return (
        BookDelta(
            symbol=body.symbol,
            time_us=time_us,
            received_us=received_us,
            raw_bids=body.bids,
            raw_asks=body.asks,
            first_id=body.update_id,
            last_id=body.update_id,
            # Ids have no holes.
            previous_id=body.update_id - 1,
        ),
    )


def _trade_events(frame: BybitFrame, received_us: int) -> Sequence[Event]:
    return [
        Trade(
            symbol=row.symbol,
            time_us=row.time * 1_000,
            received_us=received_us,
            id=row.id,
            price=row.price,
            size=row.size,
            aggressor="buy" if row.side == "Buy" else "sell",
        )
        # Block trades are agreed on outside of the book.
        for row in checked(_trades, frame.data)
        if not row.is_block
    ]


def _bar_events(frame: BybitFrame, received_us: int) -> Sequence[Event]:
    symbol = frame.topic.rpartition(".")[2]
    return [
        Candle(
            symbol=symbol,
            time_us=row.timestamp * 1_000,
            received_us=received_us,
            interval=_TIMEFRAMES[row.interval],
            open_us=row.start * 1_000,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            quote_volume=row.turnover,
            closed=row.confirm,
        )
        for row in checked(_bars, frame.data)
        if row.interval in _TIMEFRAMES
    ]


def _liquidation_events(frame: BybitFrame, received_us: int) -> Sequence[Event]:
    return [
        Liquidation(
            symbol=row.symbol,
            time_us=row.time * 1_000,
            received_us=received_us,
            # The venue names the position: a long is closed by an order that sells.
            side="sell" if row.side == "Buy" else "buy",
            size=row.size,
            price=row.price,
        )
        for row in checked(_liquidations, frame.data)
    ]


_CONVERTERS: Final[Mapping[str, Callable[[BybitFrame, int], Sequence[Event]]]] = {
    "orderbook": _book_events,
    "publicTrade": _trade_events,
    "kline": _bar_events,
    "allLiquidation": _liquidation_events,
}
