"""The WebSocket protocol of OKX's swaps: two roots, a channel with its instrument as a stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderfox_nb.core.channels import is_whole_market
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Channel,
    Coverage,
    Event,
    Liquidation,
    OpenInterest,
    Topic,
)
from orderfox_nb.core.numerals import whole_number
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.okx.messages import (
    ContractSizes,
    OkxArgument,
    OkxBar,
    OkxBook,
    OkxFrame,
    OkxFunding,
    OkxIndex,
    OkxInterest,
    OkxLiquidations,
    OkxMark,
    OkxName,
    OkxTicker,
    OkxTrade,
    bar_of,
    levels_of,
    mark_of,
    ticker_of,
    trade_of,
)
from orderfox_nb.feeds.venue.dialect import DecodedFrame, Method, SilenceLimits, SocketLimits

SWAP: Final = "SWAP"
LIQUIDATIONS: Final = f"liquidation-orders:{SWAP}"
MARK: Final = "mark"
_MARK_CHANNELS: Final = ("mark-price", "index-tickers", "funding-rate")
"""What a mark price is made of."""
_CHANNELS: Final[Mapping[Channel, str]] = {
    "book": "books",
    "trades": "trades",
    "mark": MARK,
    "ticker": "tickers",
    "open_interest": "open-interest",
}
BARS: Final[Mapping[str, str]] = {
    "1m": "1m",
    "3m": "3m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "1H",
    "2h": "2H",
    "4h": "4H",
    "6h": "6Hutc",
    "12h": "12Hutc",
    "1d": "1Dutc",
    "1w": "1Wutc",
    "1M": "1Mutc",
}
"""The venue's names of timeframes; ``1D`` would be a day of Hong Kong. There are none of 8 hours or 3 days here."""
_TIMEFRAMES: Final = {name: timeframe for timeframe, name in BARS.items()}
_frame = msgspec.json.Decoder(OkxFrame, strict=False)
_name = msgspec.json.Decoder(OkxName, strict=False)
_books = msgspec.json.Decoder(list[OkxBook], strict=False)
_trades = msgspec.json.Decoder(list[OkxTrade], strict=False)
_bars = msgspec.json.Decoder(list[OkxBar], strict=False)
_tickers = msgspec.json.Decoder(list[OkxTicker], strict=False)
_marks = msgspec.json.Decoder(list[OkxMark], strict=False)
_indexes = msgspec.json.Decoder(list[OkxIndex], strict=False)
_fundings = msgspec.json.Decoder(list[OkxFunding], strict=False)
_interests = msgspec.json.Decoder(list[OkxInterest], strict=False)
_liquidations = msgspec.json.Decoder(list[OkxLiquidations], strict=False)


class OkxDialect:
    """A channel and its instrument are a stream; a mark price is three of them, liquidations come for all swaps.

    Args:
        sizes: Known for a stream's instrument before it is subscribed to; without them no size can be read.
    """

    roots: Collection[str] = ("public", "business")
    channels: Collection[Channel] = (*_CHANNELS, "candles", "liquidations")
    limits = SocketLimits(
        streams=100,
        age_s=23.5 * 3600,
        # Three a second are allowed, and 480 an hour.
        command_pause_s=0.5,
        frame_bytes=1_000_000,
        command_streams=100,
    )
    # The trades of a stream have the id of their last fill.
    unbroken_trades: bool = False
    ordered_trades: bool = True
    neighbour_checks: Mapping[Channel, int] = {"candles": 10, "trades": 6}
    coverage: Mapping[Channel, Coverage] = {}
    # A mark price that stays is sent each 10 s, a book that stays each 60 s.
    quiet: Mapping[Channel, SilenceLimits] = {
        "book": SilenceLimits(stale_s=15, renew_s=90),
        "mark": SilenceLimits(stale_s=15, renew_s=30),
    }
    streams_snapshots: bool = True

    def __init__(self, sizes: ContractSizes | None = None) -> None:
        self._sizes = sizes or ContractSizes()

    def socket_url(self, base: str, root: str) -> str:
        return f"{base}/ws/v5/{root}"

    def stream_of(self, topic: Topic) -> str:
        if topic.channel == "liquidations":
            return LIQUIDATIONS
        if is_whole_market(topic):
            raise BadValue("symbol", topic.symbol, f"one symbol: this venue has no stream of all {topic.channel}")
        if topic.channel == "candles":
            if topic.interval not in BARS:
                raise BadValue("timeframe", topic.interval, f"one that this venue has: {' '.join(BARS)}")
            return f"candle{BARS[topic.interval]}:{topic.symbol}"
        if (name := _CHANNELS.get(topic.channel)) is None:
            raise BadValue("channel", topic.channel, f"one that this venue has: {', '.join(self.channels)}")
        return f"{name}:{topic.symbol}"

    def root_of(self, stream: str) -> str:
        return "business" if stream.startswith("candle") else "public"

    def is_heartbeat(self, stream: str) -> bool:  # noqa: ARG002 - no stream sends regularly
        return False

    def is_shared(self, stream: str) -> bool:
        return stream == LIQUIDATIONS

    def codec(self) -> OkxCodec:
        return OkxCodec(self._sizes)


class OkxCodec:
    """Reads and writes one socket; counts the answers to its commands and joins the parts of mark prices."""

    def __init__(self, sizes: ContractSizes) -> None:
        self._sizes = sizes
        self._unanswered: dict[int, int] = {}
        """Arguments of each command that were not answered yet: each has an answer of its own."""
        self._marks: dict[str, dict[str, OkxMark | OkxIndex | OkxFunding]] = {}
        self._marked: set[str] = set()
        """Symbols whose mark price was whole once."""

    def command(self, method: Method, number: int, streams: Collection[str]) -> str:
        if method == "probe":
            return "ping"
        arguments = [argument for stream in sorted(streams) for argument in _arguments(stream)]
        self._unanswered[number] = len(arguments)
        return msgspec.json.encode({"id": str(number), "op": method, "args": arguments}).decode()

    def decode(self, text: str | bytes, received_us: int) -> DecodedFrame:
        if text in (b"pong", "pong"):
            return DecodedFrame()
        frame = checked(_frame, text)
        if frame.event:
            return self._answer(frame)
        if (argument := frame.argument) is None:
            raise ValueError("neither an event nor an answer")
        channel, instrument = argument.channel, argument.instrument
        if channel in _MARK_CHANNELS:
            symbol = f"{instrument}-{SWAP}" if channel == "index-tickers" else instrument
            return DecodedFrame(f"{MARK}:{symbol}", self._mark_events(symbol, channel, frame.data, received_us))
        convert = _CONVERTERS.get("candle" if channel.startswith("candle") else channel)
        if convert is None:
            raise ValueError(f"no channel of this protocol: {short(channel)}")
        return DecodedFrame(_stream(argument), convert(frame, argument, self._sizes, received_us))

    def stream_name(self, text: str | bytes) -> str:
        try:
            argument = checked(_name, text).argument
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ""
        if argument.channel in _MARK_CHANNELS:
            return f"{MARK}:{argument.instrument.removesuffix(f'-{SWAP}')}-{SWAP}"
        return _stream(argument)

    def _answer(self, frame: OkxFrame) -> DecodedFrame:
        number = whole_number(frame.number)
        if frame.event == "error":
            if number is not None:
                self._unanswered.pop(number, None)
            return DecodedFrame(answered=number, refused=short(f"{frame.reason} ({frame.code})"))
        if number is None or frame.event not in ("subscribe", "unsubscribe"):
            # A notice, such as of a service that is about to be upgraded.
            return DecodedFrame()
        left = self._unanswered.get(number, 0) - 1
        if left > 0:
            self._unanswered[number] = left
            return DecodedFrame()
        self._unanswered.pop(number, None)
        return DecodedFrame(answered=number)

    def _mark_events(self, symbol: str, channel: str, data: bytes | msgspec.Raw, received_us: int) -> Sequence[Event]:
        parts = self._marks.setdefault(symbol, {})
        decoder: msgspec.json.Decoder[Any] = {"mark-price": _marks, "index-tickers": _indexes}.get(channel, _fundings)
        for row in checked(decoder, bytes(data)):
            parts[channel] = row
        mark, index, funding = (parts.get(name) for name in _MARK_CHANNELS)
        if not isinstance(mark, OkxMark) or not isinstance(index, OkxIndex) or not isinstance(funding, OkxFunding):
            return ()
        # The mark price alone makes an event, otherwise one that has stopped would look alive by the others.
        if channel != "mark-price" and symbol in self._marked:
            return ()
        self._marked.add(symbol)
        return (mark_of(mark, index, funding, received_us),)


def _arguments(stream: str) -> list[dict[str, str]]:
    channel, _, instrument = stream.partition(":")
    if channel == MARK:
        index = instrument.removesuffix(f"-{SWAP}")
        return [
            {"channel": name, "instId": index if name == "index-tickers" else instrument} for name in _MARK_CHANNELS
        ]
    return [{"channel": channel, "instType" if stream == LIQUIDATIONS else "instId": instrument}]


def _stream(argument: OkxArgument) -> str:
    return f"{argument.channel}:{argument.instrument or argument.kind}"


def _book_events(frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int) -> Sequence[Event]:
    symbol = argument.instrument
    events: list[Event] = []
    for row in checked(_books, frame.data):
        bids, asks = (levels_of(side, symbol, sizes) for side in (row.bids, row.asks))
        if frame.action == "snapshot" or row.previous_id < 0:
            events.append(
                BookSnapshot(
                    symbol=symbol,
                    time_us=row.time * 1_000,
                    received_us=received_us,
                    raw_bids=bids,
                    raw_asks=asks,
                    update_id=row.last_id,
                )
            )
        else:
            events.append(
                BookDelta(
                    symbol=symbol,
                    time_us=row.time * 1_000,
                    received_us=received_us,
                    raw_bids=bids,
                    raw_asks=asks,
                    first_id=row.last_id,
                    last_id=row.last_id,
                    previous_id=row.previous_id,
                )
            )
    return events


def _trade_events(frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int) -> Sequence[Event]:
    del argument
    return [trade_of(row, sizes, received_us) for row in checked(_trades, frame.data)]


def _bar_events(frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int) -> Sequence[Event]:
    del sizes
    if (interval := _TIMEFRAMES.get(argument.channel.removeprefix("candle"))) is None:
        raise ValueError(f"no bars of this protocol: {short(argument.channel)}")
    return [bar_of(argument.instrument, interval, row, received_us) for row in checked(_bars, frame.data)]


def _ticker_events(frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int) -> Sequence[Event]:
    del argument, sizes
    tickers = (ticker_of(row, received_us) for row in checked(_tickers, frame.data))
    return [ticker for ticker in tickers if ticker is not None]


def _interest_events(frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int) -> Sequence[Event]:
    del argument, sizes
    return [
        OpenInterest(symbol=row.instrument, time_us=row.time * 1_000, received_us=received_us, open_interest=row.size)
        for row in checked(_interests, frame.data)
    ]


def _liquidation_events(
    frame: OkxFrame, argument: OkxArgument, sizes: ContractSizes, received_us: int
) -> Sequence[Event]:
    del argument
    return [
        Liquidation(
            symbol=row.instrument,
            time_us=detail.time * 1_000,
            received_us=received_us,
            side=detail.side,
            size=sizes.base(row.instrument, detail.size),
            price=detail.price,
        )
        for row in checked(_liquidations, frame.data)
        # Inverse swaps are not listed here.
        if sizes.is_linear(row.instrument)
        for detail in row.details
    ]


_CONVERTERS: Final[Mapping[str, Callable[[OkxFrame, OkxArgument, ContractSizes, int], Sequence[Event]]]] = {
    "books": _book_events,
    "trades": _trade_events,
    "candle": _bar_events,
    "tickers": _ticker_events,
    "open-interest": _interest_events,
    "liquidation-orders": _liquidation_events,
}
