"""The minutes of what is recorded: sums, extremes and gaps, live and read from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderfox_nb.core.events import WHOLE_MARKET, Gap, Liquidation, Topic
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.minutes import MAX_MINUTES, MINUTE_US, MinuteBars, read_minutes
from tests.desk.scripted import VENUE, live, trade
from tests.recording.made import SECOND_US, START_US, TRADES, record

pytestmark = pytest.mark.core

FIRST = START_US // MINUTE_US * MINUTE_US


def order(stamp_us: int, side: str, size: float) -> Liquidation:
    return Liquidation(symbol="BTCUSDT", time_us=stamp_us, received_us=stamp_us, side=side, size=size, price=100.0)  # type: ignore[arg-type]


def test_minutes_have_extremes_sums_and_liquidations_by_side():
    bars = MinuteBars()
    own, market = (Topic(VENUE, symbol, "liquidations") for symbol in ("BTCUSDT", WHOLE_MARKET))
    bars.event(TRADES, live(FIRST), FIRST)
    for second, price in ((1, 50.0), (2, 70.0), (61, 40.0)):
        bars.event(TRADES, trade(FIRST, second, price=price, size=0.5), FIRST + second * SECOND_US)
    # One order comes by both streams.
    for topic in (own, market):
        bars.event(topic, order(FIRST, "sell", 3.0), FIRST + SECOND_US)
    bars.event(market, order(FIRST, "buy", 1.0), FIRST + 121 * SECOND_US)
    strip = bars.columns("BTCUSDT")
    first = FIRST // 1000
    assert strip.time == [first, first + 60_000, first + 120_000]
    assert (strip.low, strip.high) == ([50.0, 40.0, None], [70.0, 40.0, None])
    assert strip.volume == [1.0, 0.5, 0.0]
    assert (strip.buy_liquidations, strip.sell_liquidations) == ([0.0, 0.0, 100.0], [300.0, 0.0, 0.0])
    assert (strip.start, strip.end, strip.gaps) == (first, first + 121_000, [])
    assert bars.columns("BTCUSDT", FIRST + MINUTE_US, FIRST + MINUTE_US).time == [first + 60_000]


def test_gaps_are_where_trades_are_not_known():
    bars = MinuteBars()
    bars.event(TRADES, live(FIRST), FIRST + 10 * SECOND_US)
    gap = Gap(symbol="BTCUSDT", time_us=FIRST, reason="lost")
    bars.event(TRADES, gap, FIRST + 20 * SECOND_US)
    bars.event(TRADES, trade(FIRST, 1), FIRST + 30 * SECOND_US)
    bars.closed(TRADES, FIRST + 40 * SECOND_US)
    bars.event(Topic(VENUE, "ETHUSDT", "trades"), live(FIRST), FIRST + 50 * SECOND_US)
    first = FIRST // 1000
    assert bars.columns("BTCUSDT").gaps == [(first + 20_000, first + 30_000), (first + 40_000, first + 50_000)]
    assert bars.columns("ETHUSDT").gaps == [(first + 10_000, first + 50_000)]


def test_a_recording_on_disk_gives_the_minutes_that_were_folded_live(tmp_path: Path):
    record(tmp_path / "rec", 130)
    files = RecordingFiles(tmp_path / "rec")
    read, bars = MinuteBars(), MinuteBars()
    read_minutes(files, read, lambda: False)
    bars.merge(read)
    strip = bars.columns("BTCUSDT")
    assert sum(strip.volume) == 130 * 5 * 0.5 + 0.5
    assert all(low is not None and low >= 90.0 for low in strip.low[1:])
    assert strip.gaps == []
    assert strip.end == files.end_us // 1000
    stopped = MinuteBars()
    read_minutes(files, stopped, lambda: True)
    assert sum(stopped.columns("BTCUSDT").volume) < sum(strip.volume)


def test_a_day_of_minutes_is_kept():
    bars = MinuteBars()
    for minute in range(MAX_MINUTES + 10):
        bars.event(TRADES, trade(FIRST, minute), FIRST + minute * MINUTE_US)
    strip = bars.columns("BTCUSDT")
    assert len(strip.time) == MAX_MINUTES
    assert strip.time[0] == (FIRST + 10 * MINUTE_US) // 1000
