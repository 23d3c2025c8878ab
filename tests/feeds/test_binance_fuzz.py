"""Whatever a venue sends: it is understood or refused, and never shown as what it is not."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, BookSnapshot, Candle, Liquidation, MarkPrice, Trade, raw_levels
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError
from orderfox_nb.feeds.binance.messages import (
    AggTradeRow,
    DepthBody,
    KlineRow,
    PremiumRow,
    TickerRow,
    decode_frame,
    stream_name,
)
from orderfox_nb.feeds.binance.protocol import to_events
from orderfox_nb.feeds.binance.symbol_list import ExchangeInfo, ExchangeInfoRow

pytestmark = pytest.mark.feeds

INSTRUMENT = Instrument(
    venue="binance",
    symbol="BTCUSDT",
    unified="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)
NUMBERS = st.one_of(
    st.floats(width=64).map(repr),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.integers().map(str),
    st.sampled_from(["", "0", "-0", "1e400", "-1", "1e-400", "NaN", "Infinity", "0x10", "1_000", " 1", "٣", "9" * 400]),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
FRAMES: dict[str, dict[str, Any]] = {
    "aggTrade": {"e": "aggTrade", "E": 1, "s": "BTCUSDT", "a": 5, "p": "100.0", "q": "0.1", "T": 1, "m": True},
    "depthUpdate": {
        "e": "depthUpdate",
        "E": 1,
        "T": 1,
        "s": "BTCUSDT",
        "U": 1,
        "u": 2,
        "pu": 0,
        "b": [["100.0", "1"]],
        "a": [],
    },
    "kline": {
        "e": "kline",
        "E": 1,
        "s": "BTCUSDT",
        "k": {
            "t": 60_000,
            "i": "1m",
            "o": "1",
            "c": "1",
            "h": "1",
            "l": "1",
            "v": "1",
            "n": 1,
            "x": False,
            "q": "1",
            "V": "1",
        },
    },
    "markPriceUpdate": {"e": "markPriceUpdate", "E": 1, "s": "BTCUSDT", "p": "1", "i": "1", "r": "", "T": 1},
    "forceOrder": {
        "e": "forceOrder",
        "E": 1,
        "o": {
            "s": "BTCUSDT",
            "S": "SELL",
            "o": "LIMIT",
            "f": "IOC",
            "q": "1",
            "p": "1",
            "ap": "1",
            "X": "FILLED",
            "l": "1",
            "z": "1",
            "T": 1,
        },
    },
}


def read(text: str | bytes) -> list[Any]:
    """Return the events of a frame as a socket would; nothing where it is refused."""
    try:
        frame = decode_frame(text)
        return list(to_events(frame.data, 7)) if frame.data is not None else []
    except (msgspec.MsgspecError, ValueError):
        # What the connection reports as malformed; anything else would end its socket.
        assert isinstance(stream_name(text), str)
        return []


def numbers_of(event: Any) -> list[float]:
    match event:
        case Trade():
            return [event.price, event.size]
        case Candle():
            return [event.open, event.high, event.low, event.close, event.volume]
        case Liquidation():
            return [event.price, event.size]
        case MarkPrice():
            return [event.mark_price, event.index_price, event.funding_rate or 0.0]
        case _:
            return []


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_bytes_are_refused_or_nothing(text: bytes | str) -> None:
    assert read(text) == [] or isinstance(read(text), list)


@settings(max_examples=150)
@given(st.data())
def test_frame_with_any_field_replaced_gives_finite_numbers_or_nothing(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FRAMES)))
    payload = msgspec.to_builtins(FRAMES[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        holder = payload
        inner = [value for value in payload.values() if isinstance(value, dict) and value]
        if inner and data.draw(st.booleans()):
            holder = inner[0]
        name = data.draw(st.sampled_from(sorted(holder)))
        if data.draw(st.integers(0, 4)) == 0:
            del holder[name]
        else:
            holder[name] = data.draw(NUMBERS | ANYTHING)
    try:
        text = msgspec.json.encode({"stream": "btcusdt@x", "data": payload})
    except (UnicodeEncodeError, OverflowError):
        return
    for event in read(text):
        assert all(isfinite(number) for number in numbers_of(event)), event


@settings(max_examples=150)
@given(st.lists(st.tuples(NUMBERS, NUMBERS) | ANYTHING, max_size=6))
def test_levels_that_cannot_be_read_unsync_the_book_and_the_next_snapshot_heals_it(levels: list[Any]) -> None:
    book = Book(INSTRUMENT)
    good = raw_levels([(100.0, 1.0), (99.0, 2.0)])
    snapshot = BookSnapshot(symbol=INSTRUMENT.symbol, time_us=1, raw_bids=good, raw_asks=raw_levels([]), update_id=1)
    book.apply(snapshot)
    try:
        raw = msgspec.Raw(msgspec.json.encode(levels))
    except UnicodeEncodeError:
        return
    delta = BookDelta(
        symbol=INSTRUMENT.symbol,
        time_us=2,
        raw_bids=raw,
        raw_asks=raw_levels([]),
        first_id=2,
        last_id=2,
        previous_id=1,
    )
    try:
        book.apply(delta)
        ticks, lots = book.levels("bid")
        assert all(lot > 0 for lot in lots.tolist())
        assert len(set(ticks.tolist())) == len(ticks)
        healthy = book.synced
        book.apply(delta)
        assert healthy
    except EventError:
        assert not book.synced
    book.apply(msgspec.structs.replace(snapshot, update_id=9, time_us=9))
    assert book.synced
    assert book.counts == (2, 0)


@pytest.mark.parametrize(
    "model",
    [DepthBody, list[KlineRow], list[AggTradeRow], ExchangeInfo, ExchangeInfoRow, list[TickerRow], list[PremiumRow]],
)
@given(body=st.binary(max_size=200) | ANYTHING.map(msgspec.json.encode))
@settings(max_examples=40)
def test_any_answer_is_of_its_model_or_refused(model: Any, body: bytes) -> None:
    with suppress(msgspec.MsgspecError, UnicodeDecodeError):
        msgspec.json.decode(body, type=model, strict=False)
