"""Frames as the venue really sends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.core.events import BookDelta, Candle, Liquidation, MarkPrice, Trade
from orderfox_nb.feeds.binance.messages import decode_frame, stream_name
from orderfox_nb.feeds.binance.protocol import to_events

pytestmark = pytest.mark.feeds


def recorded_frames(recordings: Path) -> list[dict[str, Any]]:
    lines = (recordings / "ws_frames_2026_real.jsonl").read_text().splitlines()
    return [frame for line in lines if "exchange" not in (row := msgspec.json.decode(line)) and (frame := row["frame"])]


def events_of(frame: dict[str, Any]) -> list[Any]:
    wrapped = frame if "stream" in frame else {"stream": "x", "data": frame}
    data = decode_frame(msgspec.json.encode(wrapped)).data
    assert data is not None
    return list(to_events(data, 7))


def test_every_real_frame_of_2026_is_understood(recordings: Path) -> None:
    seen: dict[type, Any] = {}
    for frame in recorded_frames(recordings):
        kind = frame.get("data", frame).get("e")
        if kind is None or kind == "24hrMiniTicker":
            continue
        for event in events_of(frame):
            assert event.received_us == 7
            seen.setdefault(type(event), event)
    assert set(seen) == {Trade, MarkPrice, Candle, Liquidation, BookDelta}
    assert (seen[Trade].sequence, seen[Trade].price, seen[Trade].aggressor) == (3404749954, 64990.9, "sell")
    assert (seen[Candle].open_us, seen[Candle].trades, seen[Candle].closed) == (1786173300000000, 194, True)
    assert (seen[Liquidation].size, seen[Liquidation].price, seen[Liquidation].side) == (5.0, 0.1355, "sell")
    assert seen[BookDelta].bids[0] == (63921.5, 0.31)
    assert seen[BookDelta].previous_id == 11270657223771
    assert seen[MarkPrice].funding_rate == pytest.approx(0.00003936)


def test_every_recorded_liquidation_is_worth_its_filled_size_at_its_average_price(recordings: Path) -> None:
    for name in ("forceorder_20240817.jsonl", "forceorder_20240818.jsonl"):
        for line in (recordings / name).read_text().splitlines():
            frame = msgspec.json.decode(line)
            order = frame.get("data", frame)["o"]
            (event,) = events_of(frame)
            assert event.size == float(order["z"])
            assert event.price == float(order["ap"])
            assert event.time_us == order["T"] * 1_000


def test_unknown_fields_are_ignored_wherever_they_are() -> None:
    frame = {
        "stream": "btcusdt@aggTrade",
        "new": [],
        "data": {
            "e": "aggTrade",
            "E": 1,
            "s": "BTCUSDT",
            "a": 5,
            "p": "1.5",
            "q": "2",
            "f": 1,
            "l": 1,
            "T": 9,
            "m": False,
            "later": {"deep": [1, 2]},
        },
    }
    (event,) = events_of(frame)
    assert (event.sequence, event.aggressor, event.time_us) == (5, "buy", 9_000)


@pytest.mark.parametrize("price", ["nan", "inf", "-inf", "abc", ""])
def test_a_price_that_is_no_number_is_refused(price: str) -> None:
    data = {"e": "aggTrade", "E": 1, "s": "B", "a": 5, "p": price, "q": "2", "f": 1, "l": 1, "T": 9, "m": False}
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        events_of(data)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"x"', b'{"stream":"a","data":5}', b"\xff\xfe", b'{"data":{"e":"??"}}']
)
def test_nonsense_is_an_error_that_a_feed_survives(text: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        decode_frame(text)


def test_the_stream_of_a_malformed_event_can_still_be_identified() -> None:
    assert stream_name(b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade"}}') == "btcusdt@aggTrade"
    assert stream_name(b'{"stream":"btcusdt@agg') == ""
