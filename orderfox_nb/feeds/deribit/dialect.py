"""The WebSocket protocol of Deribit: JSON-RPC on one root, channels as streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from orderfox_nb.core.channels import is_whole_market
from orderfox_nb.core.events import BookDelta, BookSnapshot, Channel, Coverage, Event, Gap, Topic
from orderfox_nb.core.restart import proves_restart
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.deribit.messages import (
    DeribitBar,
    DeribitBook,
    DeribitFrame,
    DeribitName,
    DeribitTicker,
    DeribitTrade,
    bar_of,
    figures_of,
    levels_of,
    liquidations_of,
    trade_of,
)
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.venue.dialect import DecodedFrame, Method, SilenceLimits, SocketLimits

CURRENCY: Final = "USDC"
"""What the linear contracts are quoted and settled in."""
PERPETUAL: Final = "-PERPETUAL"
"""How their names end."""
_ALL_TRADES: Final = f"trades.future.{CURRENCY}.100ms"
_CHANNELS: Final[Mapping[Channel, str]] = {
    "book": "book",
    "trades": "trades",
    "liquidations": "trades",
    "mark": "ticker",
    "ticker": "ticker",
    "open_interest": "ticker",
}
RESOLUTIONS: Final[Mapping[str, str]] = {
    "1m": "1",
    "3m": "3",
    "5m": "5",
    "15m": "15",
    "30m": "30",
    "1h": "60",
    "2h": "120",
    "6h": "360",
    "12h": "720",
    "1d": "1D",
}
"""The venue's names of timeframes; it has no bars of 4 or 8 hours, or longer than a day."""
_TIMEFRAMES: Final = {name: timeframe for timeframe, name in RESOLUTIONS.items()}
_METHODS: Final[Mapping[Method, str]] = {
    "subscribe": "public/subscribe",
    "unsubscribe": "public/unsubscribe",
    "probe": "public/test",
}
_MAX_INSTRUMENTS: Final = 5_000
"""Whose last trades are kept: more than the venue has."""
_CUT_OFF: Final = re.compile(rb'"channel"\s*:\s*"([^"\\]{1,100})"')

_frame = msgspec.json.Decoder(DeribitFrame, strict=False)
_name = msgspec.json.Decoder(DeribitName, strict=False)
_accepted = msgspec.json.Decoder(list[str])
_book = msgspec.json.Decoder(DeribitBook, strict=False)
_trades = msgspec.json.Decoder(list[DeribitTrade], strict=False)
_bar = msgspec.json.Decoder(DeribitBar, strict=False)
_ticker = msgspec.json.Decoder(DeribitTicker, strict=False)


class DeribitDialect:
    """A channel is a stream; ``ticker`` has mark price, statistics and open interest, ``trades`` liquidations too."""

    roots: Collection[str] = ("public",)
    channels: Collection[Channel] = (*_CHANNELS, "candles")
    limits = SocketLimits(
        streams=200,
        age_s=23.5 * 3600,
        # A subscription costs 3,000 of the 10,000 credits that come each second.
        command_pause_s=0.35,
        frame_bytes=2_000_000,
        command_streams=100,
        ping_s=30.0,
    )
    unbroken_trades: bool = True
    ordered_trades: bool = True
    # A bar is sent with its trades, somewhat later than they are.
    neighbour_checks: Mapping[Channel, int] = {"candles": 30}
    coverage: Mapping[Channel, Coverage] = {"liquidations": "complete"}
    # Messages come when something has changed, which takes its time in the smaller markets.
    quiet: Mapping[Channel, SilenceLimits] = {
        "book": SilenceLimits(stale_s=30, renew_s=60),
        "mark": SilenceLimits(stale_s=15, renew_s=30),
    }
    streams_snapshots: bool = True

    def socket_url(self, base: str, root: str) -> str:  # noqa: ARG002 - there is one
        return f"{base}/ws/api/v2"

    def stream_of(self, topic: Topic) -> str:
        if is_whole_market(topic):
            # Of liquidations, the one channel that there is over all symbols.
            return _ALL_TRADES
        if topic.channel == "candles":
            if topic.interval not in RESOLUTIONS:
                raise BadValue("timeframe", topic.interval, f"one that this venue has: {' '.join(RESOLUTIONS)}")
            return f"chart.trades.{topic.symbol}.{RESOLUTIONS[topic.interval]}"
        if (name := _CHANNELS.get(topic.channel)) is None:
            raise BadValue("channel", topic.channel, f"one that this venue has: {', '.join(self.channels)}")
        return f"{name}.{topic.symbol}.100ms"

    def root_of(self, stream: str) -> str:  # noqa: ARG002 - there is one
        return "public"

    def is_heartbeat(self, stream: str) -> bool:  # noqa: ARG002 - no stream sends regularly
        return False

    def is_shared(self, stream: str) -> bool:
        return stream.startswith(("ticker.", "trades."))

    def codec(self) -> DeribitCodec:
        return DeribitCodec()


class _LastTrade(NamedTuple):
    """The last trade of an instrument."""

    number: int
    time_us: int


class DeribitCodec:
    """Reads and writes one socket; keeps what was requested, the bar of each stream of bars, and what was traded."""

    def __init__(self) -> None:
        self._asked: dict[int, frozenset[str]] = {}
        self._bars: dict[str, DeribitBar] = {}
        self._traded: dict[str, dict[str, _LastTrade]] = {}
        """The last trade of each instrument, by stream: a liquidation has no number of its own."""

    def command(self, method: Method, number: int, streams: Collection[str]) -> str:
        parameters = {"channels": sorted(streams)} if streams else {}
        if method == "subscribe":
            self._asked[number] = frozenset(streams)
            for stream in streams:
                # What was missed in between may have been the end of its bar.
                self._bars.pop(stream, None)
                self._traded.pop(stream, None)
        call = {"jsonrpc": "2.0", "id": number, "method": _METHODS[method], "params": parameters}
        return msgspec.json.encode(call).decode()

    def decode(self, text: str | bytes, received_us: int) -> DecodedFrame:
        frame = checked(_frame, text)
        notice = frame.params
        if frame.method != "subscription" or notice is None:
            return self._answer(frame)
        stream = notice.channel
        if stream.startswith("chart."):
            return DecodedFrame(stream, self._bar_events(stream, checked(_bar, notice.data), received_us))
        if stream.startswith("trades."):
            return DecodedFrame(stream, self._trade_events(stream, checked(_trades, notice.data), received_us))
        if (convert := _CONVERTERS.get(stream.partition(".")[0])) is None:
            raise ValueError(f"no channel of this protocol: {short(stream)}")
        return DecodedFrame(stream, convert(notice.data, received_us))

    def stream_name(self, text: str | bytes) -> str:
        try:
            return checked(_name, text).params.channel
        except (msgspec.MsgspecError, UnicodeDecodeError):
            found = _CUT_OFF.search((text if isinstance(text, bytes) else text.encode(errors="replace"))[:500])
            return found[1].decode(errors="replace") if found is not None else ""

    def _answer(self, frame: DeribitFrame) -> DecodedFrame:
        if frame.id is None and frame.error is None and frame.method != "heartbeat":
            raise ValueError("neither a notification nor an answer")
        asked = self._asked.pop(frame.id, frozenset[str]()) if frame.id is not None else frozenset[str]()
        if frame.error is not None:
            refused = f"code {frame.error.code}: {short(frame.error.message) or 'no reason given'}"
            return DecodedFrame(answered=frame.id, refused=refused)
        # What there is not is left out of the answer, and not refused.
        missing = asked - set(checked(_accepted, frame.result)) if asked else asked
        refused = f"there is no {short(min(missing))}" if missing else ""
        return DecodedFrame(answered=frame.id, refused=refused)

    def _trade_events(self, stream: str, rows: Sequence[DeribitTrade], received_us: int) -> list[Event]:
        traded = self._traded.setdefault(stream, {})
        events: list[Event] = []
        for row in rows:
            # Among the trades of all futures are those of dated ones.
            if not row.instrument_name.endswith(PERPETUAL):
                continue
            number, time_us = row.trade_seq, row.timestamp * 1_000
            last = traded.get(row.instrument_name)
            if last is not None and number > last.number + 1:
                # Missing trades are asked for by their numbers; whether they had liquidations is not known.
                reason = f"trades {last.number + 1} to {number - 1} are missing, and with them their liquidations"
                events.append(
                    Gap(symbol=row.instrument_name, time_us=last.time_us, received_us=received_us, reason=reason)
                )
            events.append(trade_of(row, received_us))
            # A trade that is sent twice was one liquidation; a lower number with a later time shows a restart.
            if last is None or number > last.number or proves_restart(time_us, last.time_us):
                if len(traded) >= _MAX_INSTRUMENTS and last is None:
                    traded.clear()
                traded[row.instrument_name] = _LastTrade(number, time_us)
                events += liquidations_of(row, received_us)
        return events

    def _bar_events(self, stream: str, row: DeribitBar, received_us: int) -> list[Event]:
        symbol, _, resolution = stream.removeprefix("chart.trades.").rpartition(".")
        if (interval := _TIMEFRAMES.get(resolution)) is None:
            raise ValueError(f"no bars of this protocol: {short(stream)}")
        before, self._bars[stream] = self._bars.get(stream), row
        events: list[Event] = [bar_of(symbol, interval, row, received_us=received_us)]
        if before is not None and before.tick < row.tick:
            # The venue does not say that a bar is over: the next one does.
            events.insert(0, bar_of(symbol, interval, before, received_us=received_us, closed=True))
        return events


def _book_events(data: msgspec.Raw, received_us: int) -> Sequence[Event]:
    body = checked(_book, data)
    bids, asks = levels_of(body.bids), levels_of(body.asks)
    time_us = body.timestamp * 1_000
    if body.type == "snapshot":
        return (
            BookSnapshot(
                symbol=body.instrument_name,
                time_us=time_us,
                received_us=received_us,
                raw_bids=bids,
                raw_asks=asks,
                update_id=body.change_id,
            ),
        )
    return (
        BookDelta(
            symbol=body.instrument_name,
            time_us=time_us,
            received_us=received_us,
            raw_bids=bids,
            raw_asks=asks,
            first_id=body.change_id,
            last_id=body.change_id,
            previous_id=body.prev_change_id,
        ),
    )


def _ticker_events(data: msgspec.Raw, received_us: int) -> Sequence[Event]:
    return figures_of(checked(_ticker, data), received_us)


_CONVERTERS: Final[Mapping[str, Callable[[msgspec.Raw, int], Sequence[Event]]]] = {
    "book": _book_events,
    "ticker": _ticker_events,
}
