"""Bybit natively: frames as its documentation has them, read by the dialect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from orderfox_nb.core.events import (
    Event,
    MarkPrice,
    OpenInterest,
    Ticker,
)
from tests.feeds.bybit.messages import (
    NOW_MS,
    TICKER,
    events_of,
    trade,
    trades,
)

pytestmark = pytest.mark.feeds


async def _nothing() -> Sequence[Event]:
    return ()


def test_recorded_liquidations_name_the_position_that_was_closed(recordings: Path) -> None:
    lines = map(json.loads, (recordings / "ws_frames_2026_real.jsonl").read_text().splitlines())
    frames = [line["frame"] for line in lines if line.get("exchange") == "bybit"]
    orders = events_of(*frames)
    assert [(order.symbol, order.side, order.size, order.price) for order in orders] == [
        ("ICPUSDT", "sell", 19.7, 2.585),
        ("MARSCOINUSDT", "buy", 2380.0, 0.12734),
    ]


def test_a_ticker_is_three_channels_and_a_delta_keeps_what_it_does_not_name() -> None:
    whole = {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "cs": 1, "data": TICKER}
    part = {
        "topic": "tickers.BTCUSDT",
        "type": "delta",
        "ts": NOW_MS + 100,
        "cs": 2,
        "data": {"symbol": "BTCUSDT", "markPrice": "101.5", "bid1Price": "1"},
    }
    assert events_of(part) == []
    ticker, mark, interest = events_of(whole, part)[3:]
    assert (type(ticker), ticker.last, ticker.quote_volume) == (Ticker, 101.0, 2_000_000.0)
    assert (type(mark), mark.mark_price, mark.index_price, mark.funding_rate) == (MarkPrice, 101.5, 101.2, -0.0001)
    assert (type(interest), interest.open_interest) == (OpenInterest, 5000.5)
    assert {event.time_us for event in (ticker, mark, interest)} == {(NOW_MS + 100) * 1_000}


def test_a_bar_is_closed_when_the_venue_confirms_it() -> None:
    bar = {
        "start": NOW_MS,
        "end": NOW_MS + 299_999,
        "interval": "5",
        "open": "100",
        "close": "101",
        "high": "102",
        "low": "99",
        "volume": "5.5",
        "turnover": "550",
        "confirm": True,
        "timestamp": NOW_MS + 300_000,
    }
    (candle,) = events_of({"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [bar]})
    assert (candle.interval, candle.closed, candle.open_us) == ("5m", True, NOW_MS * 1_000)
    assert (candle.volume, candle.quote_volume) == (5.5, 550.0)


def test_block_trades_are_left_out_and_ids_are_text() -> None:
    (only,) = events_of(trades(trade("a-1"), trade("a-2", block=True)))
    assert (only.id, only.sequence, only.aggressor) == ("a-1", None, "buy")
