"""Raw frames of Binance's streams, a receive stamp before each: ours, hftbacktest's and Tardis'.

A frame is wrapped (``{"stream":…,"data":…}``) or bare. Depth bodies of REST stand between the frames. An empty line is
a disconnect of Tardis' recorder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from orderfox_nb.core.events import BookDelta, BookSnapshot, Channel, Event, Trade
from orderfox_nb.core.numerals import Amount, Number, Price, TimeMs
from orderfox_nb.core.symbols import is_symbol_name
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.binance.dialect import BinanceDialect
from orderfox_nb.feeds.binance.messages import DepthBody
from orderfox_nb.feeds.binance.protocol import snapshot_from
from orderfox_nb.feeds.http import checked, short
from orderfox_nb.feeds.imports.inputs import Input
from orderfox_nb.feeds.imports.items import Disconnected, Facts, ImportedFill, Row, Unreadable
from orderfox_nb.feeds.imports.stamps import read_stamp

COIN_MARGINED: Final = re.compile(r"[A-Z0-9]+USD_(PERP|[0-9]{6})")
"""Symbols whose sizes are contracts."""
_DEPTH: Final = re.compile(r"depth(@[0-9]+ms)?")
_PARTIAL: Final = re.compile(r"@depth[0-9]+(@|$)")
_CHANNELS: Final[dict[str, Channel]] = {
    "aggTrade": "trades",
    "depthUpdate": "book",
    "kline": "candles",
    "markPriceUpdate": "mark",
    "24hrTicker": "ticker",
    "forceOrder": "liquidations",
}
_NOTHING: Final = Raw(b"")


class _Frame(Struct):
    stream: str = ""
    data: Raw = _NOTHING
    e: str = ""
    s: str = ""
    symbol: str = ""
    last_update_id: int | None = msgspec.field(name="lastUpdateId", default=None)
    pu: Raw = _NOTHING
    maker: Raw = msgspec.field(name="M", default=_NOTHING)
    event_ms: Annotated[int, Meta(ge=0)] = msgspec.field(name="E", default=0)
    id: Raw = _NOTHING
    result: Raw = _NOTHING
    code: Raw = _NOTHING


class _FillFrame(
    Struct,
    rename={"symbol": "s", "id": "t", "price": "p", "size": "q", "time": "T", "kind": "X", "buyer_is_maker": "m"},
):
    symbol: str
    id: Number
    price: Price
    size: Amount
    time: TimeMs
    buyer_is_maker: bool
    kind: str = "MARKET"


_frame = msgspec.json.Decoder(_Frame, strict=False)
_fill = msgspec.json.Decoder(_FillFrame, strict=False)
_body = msgspec.json.Decoder(DepthBody, strict=False)
_list = msgspec.json.Decoder(list[Raw])
_levels = msgspec.json.Decoder(list[tuple[Price, Amount]], strict=False)
_E_BEFORE: Final = re.compile(rb'"e":"([a-zA-Z0-9]{1,40})"')


class FrameDecoder:
    """Reads the frames of one file as events, and learns what the file is of."""

    def __init__(self) -> None:
        self._dialect = BinanceDialect()
        self.spot = self.futures = False
        """Signs of either market that were seen."""
        self.whole_market = False
        self._depth_streams: dict[str, str] = {}
        """The stream of each symbol's updates: those of another speed have ids of their own."""
        self.seen: set[tuple[str, Channel]] = set()
        """Symbols and channels that the file has had so far."""
        self.left_out: Counter[str] = Counter()
        """Frames that are understood and not imported, by their kind."""

    def events(self, text: bytes, received_us: int, *, symbol: str = "") -> Sequence[Event | ImportedFill]:
        """Return what a frame says.

        Args:
            text: The frame.
            received_us: When it was received.
            symbol: Symbol of a body, if the file names it elsewhere.

        Raises:
            msgspec.MsgspecError, ValueError: It cannot be read.
        """
        outer = checked(_frame, text)
        payload = bytes(outer.data) if len(outer.data) else text
        if _PARTIAL.search(outer.stream):
            self.left_out["partial books"] += 1
            return ()
        if payload[:1] == b"[":
            self.whole_market = self.whole_market or outer.stream.startswith("!forceOrder")
            return [event for part in checked(_list, payload) for event in self._event(bytes(part), received_us)]
        if outer.stream == "!forceOrder@arr":
            self.whole_market = True
        if outer.stream.endswith("@depthSnapshot"):
            symbol = outer.stream.partition("@")[0].upper()
        if not self._is_of_book(outer.stream):
            return ()
        return self._event(payload, received_us, symbol=symbol)

    def _is_of_book(self, stream: str) -> bool:
        """Return whether a stream is none of a second book of its symbol."""
        symbol, _, kind = stream.partition("@")
        if kind.startswith("rpiDepth"):
            self.left_out["updates with RPI orders"] += 1
            return False
        if _DEPTH.fullmatch(kind) and self._depth_streams.setdefault(symbol, kind) != kind:
            self.left_out["updates of a second depth stream"] += 1
            return False
        return True

    def _event(self, payload: bytes, received_us: int, *, symbol: str = "") -> Sequence[Event | ImportedFill]:
        frame = checked(_frame, payload)
        if COIN_MARGINED.fullmatch(frame.s or frame.symbol or symbol):
            self.left_out["COIN-M frames, whose sizes are contracts"] += 1
            return ()
        if frame.last_update_id is not None:
            return [self._snapshot(payload, frame.symbol or symbol, received_us)]
        if not frame.e:
            if len(frame.result) or len(frame.id) or len(frame.code):
                return ()
            raise ValueError("neither an event nor a depth body")
        if frame.e == "depthUpdate":
            self.futures, self.spot = self.futures or bool(len(frame.pu)), self.spot or not len(frame.pu)
        elif frame.e in ("aggTrade", "trade"):
            self.futures, self.spot = self.futures or not len(frame.maker), self.spot or bool(len(frame.maker))
        if frame.e == "trade":
            fill = _fill_of(checked(_fill, payload), received_us)
            self.seen.add((fill.trade.symbol, "trades"))
            return [fill]
        if frame.e not in _CHANNELS:
            self.left_out[short(frame.e)] += 1
            return ()
        if frame.e in ("forceOrder", "markPriceUpdate"):
            self.futures = True
        events = self._dialect.decode(b'{"data":' + payload + b"}", received_us).events or ()
        for event in events:
            if not is_symbol_name(event.symbol):
                raise ValueError("no symbol")
            if isinstance(event, BookDelta):
                _check_levels(event)
            self.seen.add((event.symbol, _CHANNELS[frame.e]))
        return events

    def _snapshot(self, payload: bytes, symbol: str, received_us: int) -> BookSnapshot:
        body = checked(_body, payload)
        # Spot's bodies have no time.
        snapshot = msgspec.structs.replace(snapshot_from(symbol.upper(), body), received_us=received_us)
        _check_levels(snapshot)
        return snapshot if snapshot.time_us else msgspec.structs.replace(snapshot, time_us=received_us)

    def describe(self, facts: Facts) -> None:
        """Add what was learnt to the facts of a file."""
        facts.venue = "binance-spot" if self.spot and not self.futures else "binance"
        facts.whole_market = self.whole_market
        facts.notes += [f"not imported: {count:,} {kind}" for kind, count in sorted(self.left_out.items())]


class RawReader:
    """Lines of a receive stamp, a space and a frame; or frames alone, which then are stamped by their event's time.

    Args:
        source: The file.
        symbol: Not used: the frames name theirs.
    """

    def __init__(self, source: Input, symbol: str) -> None:  # noqa: ARG002
        self._input = source
        self.facts = Facts()

    def rows(self, progress: Callable[[int], None]) -> Iterator[Row]:
        self.facts = facts = Facts()
        decoder = FrameDecoder()
        unit, stamp_us, broken = "", 0, False
        for number, line in self._input.lines(progress):
            text = line.strip()
            if not text:
                broken = unit == "ISO 8601"
                continue
            if text[:1] == b"{":
                stamp, frame = None, text
                stamp_us = _event_us(text) or stamp_us
                facts.received = False
            else:
                first, _, frame = text.partition(b" ")
                stamp = read_stamp(first)
                if stamp is None:
                    yield Row(stamp_us, Unreadable(number, "no receive stamp"))
                    continue
            try:
                events = decoder.events(frame, stamp.time_us if stamp is not None else 0)
            except (msgspec.MsgspecError, ValueError) as error:
                yield Row(stamp_us, Unreadable(number, short(str(error)), _channel_of(frame)))
                continue
            if stamp is not None:
                if unit and stamp.unit != unit:
                    raise RecordingError(
                        self._input.path, f"one kind of receive stamp: line {number} has {stamp.unit} after {unit}"
                    )
                unit, stamp_us = stamp.unit, stamp.time_us
            if broken:
                broken = False
                yield Row(stamp_us, Disconnected("the recorder was disconnected", frozenset(decoder.seen)))
            for event in events:
                yield Row(stamp_us, event)
        if decoder.spot and decoder.futures:
            raise RecordingError(self._input.path, "frames of one market, found those of spot and of futures")
        decoder.describe(facts)
        facts.corruption, facts.cut_off = self._input.corruption, self._input.cut_off


def looks_raw(source: Input, sample: Sequence[bytes]) -> bool:  # noqa: ARG001
    """Return whether lines are raw frames: one of the first ones can be read as such."""
    decoder = FrameDecoder()
    for line in sample:
        text = line.strip()
        first, _, frame = (b"", b"", text) if text[:1] == b"{" else text.partition(b" ")
        if first and read_stamp(first) is None:
            continue
        try:
            decoder.events(frame, 0)
        except (msgspec.MsgspecError, ValueError):
            continue
        return True
    return False


def _event_us(text: bytes) -> int | None:
    try:
        frame = checked(_frame, text)
        inner = checked(_frame, bytes(frame.data)) if len(frame.data) else frame
    except (msgspec.MsgspecError, ValueError):
        return None
    return inner.event_ms * 1_000 or None


def _fill_of(frame: _FillFrame, received_us: int) -> ImportedFill:
    if not is_symbol_name(frame.symbol):
        raise ValueError("no symbol")
    trade = Trade(
        symbol=frame.symbol,
        time_us=frame.time * 1_000,
        received_us=received_us,
        id=str(frame.id),
        sequence=frame.id,
        price=frame.price,
        size=frame.size,
        aggressor="sell" if frame.buyer_is_maker else "buy",
        last_fill_id=frame.id,
    )
    return ImportedFill(trade, frame.kind == "MARKET")


def _check_levels(event: BookDelta | BookSnapshot) -> None:
    for raw in (event.raw_bids, event.raw_asks):
        checked(_levels, bytes(raw))


def _channel_of(frame: bytes) -> Channel:
    """Return what a frame that cannot be read was of, empty if it does not say so."""
    found = _E_BEFORE.search(frame)
    return _CHANNELS.get(found[1].decode(), "trades" if found[1] == b"trade" else "") if found else ""
