from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import BookDelta, BookSnapshot, Channel, Event, Gap, OpenInterest, Status, raw_levels
from orderfox_nb.core.lapses import MAX_LAPSES, Lapse, LapseLog
from orderfox_nb.core.quality import QualityState, QualityTracker, QualityView
from orderfox_nb.core.timeframes import DAY_US, HOUR_US, SECOND_US
from tests.core.facts import MONTH_US, liquidation, trade

pytestmark = pytest.mark.core

NONE = raw_levels([])


def status(state: Any, second: int = 0, **values: Any) -> Status:
    return Status(symbol="BTCUSDT", time_us=MONTH_US + second * SECOND_US, state=state, **values)


def gap(second: int = 0, *, lost: int = -1, restart: bool = False) -> Gap:
    return Gap(symbol="BTCUSDT", time_us=MONTH_US + second * SECOND_US, reason="pu broke", lost=lost, restart=restart)


def snapshot(second: int = 0) -> BookSnapshot:
    return BookSnapshot(
        symbol="BTCUSDT", time_us=MONTH_US + second * SECOND_US, update_id=1, raw_bids=NONE, raw_asks=NONE
    )


def delta(second: int = 0) -> BookDelta:
    time_us = MONTH_US + second * SECOND_US
    return BookDelta(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        first_id=2,
        last_id=2,
        previous_id=1,
        raw_bids=NONE,
        raw_asks=NONE,
    )


def after(channel: Channel, *steps: Event | int) -> QualityTracker:
    """Apply events, and let time pass up to a second where a number stands."""
    quality = QualityTracker(channel)
    for step in steps:
        if isinstance(step, int):
            quality.advance(MONTH_US + step * SECOND_US)
        else:
            quality.apply(step)
    return quality


def test_a_topic_begins_by_syncing():
    opened_us = 1_700_000_040_000_000
    assert QualityTracker("book", opened_us=opened_us).wire() == QualityView("syncing", "complete", opened_us // 1000)


def test_a_book_is_live_with_its_snapshot():
    assert after("book", status("live"), delta()).state is QualityState.SYNCING
    assert after("book", status("live"), snapshot(), delta()).state is QualityState.LIVE
    assert after("book", snapshot(), status("live")).state is QualityState.LIVE


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_a_prelude_is_not_live_before_its_stream_says_so(channel: Channel):
    prelude = [snapshot(), liquidation(MONTH_US), trade(1, MONTH_US), trade(2, MONTH_US - HOUR_US), 1, 2]
    quality = after(channel, status("connecting"), *prelude)
    assert quality.state is QualityState.SYNCING
    quality.apply(status("live", 3))
    assert quality.state is QualityState.LIVE
    assert not quality.intervals()


@pytest.mark.parametrize("trouble", [status("down", 5), gap(5, restart=True)])
@pytest.mark.parametrize("channel", list(CHANNELS))
def test_a_new_prelude_is_not_live_before_its_stream_says_so(channel: Channel, trouble: Event):
    quality = after(channel, snapshot(), status("live"), trouble)
    state = quality.state
    assert state in {QualityState.DOWN, QualityState.GAP}
    for event in (snapshot(6), trade(1, MONTH_US + 6 * SECOND_US), liquidation(MONTH_US + 6 * SECOND_US)):
        quality.apply(event)
        assert quality.state is state
    quality.apply(status("live", 7))
    assert quality.state is QualityState.LIVE


def test_a_gap_in_a_book_lasts_until_the_next_snapshot():
    quality = after("book", snapshot(), status("live"), gap(5), delta(6))
    assert quality.state is QualityState.GAP
    assert quality.reason == "pu broke"
    quality.apply(snapshot(7))
    assert quality.state is QualityState.LIVE
    (lapse,) = quality.lapses
    # What came after the last good event is missing or old.
    assert lapse == Lapse("gap", MONTH_US, MONTH_US + 7 * SECOND_US, "pu broke")


def test_a_gap_in_the_trades_lasts_until_the_next_trade():
    quality = after("trades", status("live"), gap(5))
    assert quality.state is QualityState.GAP
    quality.apply(trade(1, MONTH_US + 6 * SECOND_US))
    assert quality.state is QualityState.LIVE


def test_a_connection_that_is_down_stays_down_while_it_is_mended():
    quality = after("trades", status("live"), status("down", 3, reason="connection refused"), status("connecting", 4))
    assert quality.state is QualityState.DOWN
    assert quality.reason == "connection refused"
    assert quality.wire().since == (MONTH_US + 3 * SECOND_US) // 1000
    quality.apply(status("live", 5))
    assert quality.state is QualityState.LIVE
    assert quality.reason == ""


def test_history_does_not_make_a_dead_topic_live():
    quality = after("trades", status("down"), msgspec.structs.replace(trade(1, MONTH_US), received_us=0))
    assert quality.state is QualityState.DOWN


@pytest.mark.parametrize("channel", [spec.name for spec in CHANNELS.values() if spec.silence_s])
def test_silence_beyond_a_channels_rhythm_is_stale(channel: Channel):
    limit = CHANNELS[channel].silence_s
    assert limit is not None
    quality = after(channel, status("live"), snapshot(), 0, int(limit) - 1)
    assert quality.state is QualityState.LIVE
    quality.advance(MONTH_US + (int(limit) + 2) * SECOND_US)
    assert quality.state is QualityState.STALE
    assert "no message for" in quality.reason


def test_a_message_ends_staleness():
    assert after("book", snapshot(), status("live"), 0, 60, delta(60)).state is QualityState.LIVE


def test_open_interest_that_is_asked_for_keeps_its_topic_live():
    quality = after("open_interest", status("live"))
    for minute in range(30):
        time_us = MONTH_US + minute * 60 * SECOND_US
        quality.apply(OpenInterest(symbol="BTCUSDT", time_us=time_us, open_interest=1.0))
        quality.advance(time_us)
    assert quality.state is QualityState.LIVE


def test_liquidations_are_never_stale_by_silence_and_sampled():
    quality = QualityTracker("liquidations")
    assert quality.coverage == "sampled"
    quality.apply(status("live", coverage="sampled", history="missing"))
    for hour in range(30):
        quality.advance(MONTH_US + hour * HOUR_US)
    assert (quality.state, quality.coverage, quality.history) == (QualityState.LIVE, "sampled", "missing")


def test_a_late_liquidation_is_no_skew():
    quality = after("liquidations", status("live"), liquidation(MONTH_US + HOUR_US), 3600, liquidation(MONTH_US))
    assert quality.state is QualityState.LIVE


def test_a_clock_that_jumps_back_is_skew_and_heals():
    quality = after("trades", status("live"), trade(1, MONTH_US + HOUR_US), 3600, trade(2, MONTH_US))
    assert quality.state is QualityState.SKEWED
    quality.apply(trade(3, MONTH_US + SECOND_US))
    quality.advance(MONTH_US + SECOND_US)
    quality.advance(MONTH_US + 4 * SECOND_US)
    assert quality.state is QualityState.LIVE


def test_an_event_from_the_future_is_skew():
    quality = after("trades", status("live"), trade(1, MONTH_US), 0, trade(2, MONTH_US + 60 * SECOND_US), 1)
    assert quality.state is QualityState.SKEWED
    quality.apply(trade(3, MONTH_US + 63 * SECOND_US))
    quality.advance(MONTH_US + 2 * SECOND_US)
    quality.advance(MONTH_US + 5 * SECOND_US)
    assert quality.state is QualityState.LIVE


@pytest.mark.parametrize("offset_s", [3600, -3600])
def test_a_constant_offset_is_no_skew(offset_s: int):
    quality = after("trades", status("live"))
    for second in range(10):
        quality.apply(trade(second, MONTH_US + (second + offset_s) * SECOND_US))
        quality.advance(MONTH_US + second * SECOND_US)
        assert quality.state is QualityState.LIVE


def test_missing_trades_are_a_gap_until_they_are_fetched():
    first = trade(1, MONTH_US)
    quality = after("trades", status("live"), first, status("gap", 2, reason="3 trades are missing", lost=3))
    assert quality.intervals() == [Lapse("gap", first.time_us, 0, "3 trades are missing", 3)]
    quality.apply(status("live", 4))
    assert quality.state is QualityState.LIVE
    assert list(quality.lapses) == [Lapse("gap", first.time_us, MONTH_US + 4 * SECOND_US, "3 trades are missing", 3)]
    assert (quality.lapses.lost, quality.lapses.counts["gap"]) == (3, 1)


def test_losses_of_one_gap_add_up_while_they_are_known():
    assert after("trades", status("live"), trade(1, MONTH_US), gap(1, lost=3), gap(2, lost=2)).lost == 5
    assert after("book", snapshot(), gap(1, lost=3), gap(2)).lost == 3


def test_a_hole_in_the_liquidations_is_reported_and_does_not_last():
    quality = after("liquidations", status("live"), status("down", 10, reason="cut"), status("live", 15), gap(15))
    assert quality.state is QualityState.LIVE
    start_us, end_us = MONTH_US + 10 * SECOND_US, MONTH_US + 15 * SECOND_US
    assert list(quality.lapses) == [Lapse("down", start_us, end_us, "cut"), Lapse("gap", start_us, end_us, "pu broke")]


def test_a_first_synchronisation_is_a_lapse_only_where_something_went_wrong():
    assert after("book", status("connecting"), status("live"), snapshot(3)).intervals() == []
    (lapse,) = after("book", status("connecting", reason="HTTP 429"), snapshot(3)).intervals()
    assert (lapse.state, lapse.reason) == ("syncing", "HTTP 429")


def test_silence_counts_only_when_it_is_long_on_both_clocks():
    # A tape at 100 times the speed, one that holds still, and a process that was not run for a while.
    for venue_s, local_s in ((100, 1), (0, 100), (100, 0)):
        quality = after("mark", status("live"))
        quality.advance(MONTH_US, 0)
        quality.advance(MONTH_US + venue_s * SECOND_US, local_s * SECOND_US)
        assert quality.state is QualityState.LIVE


def test_silence_of_a_recording_means_nothing():
    quality = QualityTracker("mark", recorded=True)
    quality.apply(status("live"))
    for second in (0, 100):
        quality.advance(MONTH_US + second * SECOND_US)
    assert quality.state is QualityState.LIVE


def test_a_jump_of_the_clock_that_the_stream_reports_is_skew_until_it_runs_on():
    quality = after("trades", status("live"), 0, status("skewed", 3600, reason="the clock jumped by 3600 s"), 3601)
    assert quality.state is QualityState.SKEWED
    quality.advance(MONTH_US + 3604 * SECOND_US)
    assert quality.state is QualityState.LIVE


def streamed(
    quality: QualityTracker, seconds: Iterable[int], *, late_s: float = 0, offset_s: float = 0, speed: int = 1
) -> QualityTracker:
    """Send a trade four times a second, each so late by the venue's clock, and let time pass."""
    for second in seconds:
        for quarter in range(4):
            now_us = MONTH_US + speed * (second * SECOND_US + quarter * 250_000)
            sent_us = now_us - round((late_s - offset_s) * SECOND_US)
            quality.apply(trade(now_us // 250_000, sent_us))
            quality.advance(now_us, second * SECOND_US + quarter * 250_000)
    return quality


def test_events_that_arrive_late_are_stale_with_their_lag_and_heal():
    quality = streamed(after("trades", status("live")), range(30), late_s=0.1)
    assert quality.state is QualityState.LIVE
    streamed(quality, range(41, 45), late_s=10.8)
    assert (quality.state, quality.reason) == (QualityState.STALE, "events arrive 10.7 s late")
    quality.apply(status("connecting", 45))
    quality.apply(status("live", 45))
    streamed(quality, range(45, 48), late_s=10.8)
    assert quality.state is QualityState.STALE
    streamed(quality, range(60, 62), late_s=0.2)
    assert (quality.state, quality.reason) == (QualityState.LIVE, "")
    late = [lapse for lapse in quality.lapses if lapse.state == "stale"]
    assert [lapse.reason for lapse in late] == ["events arrive 10.7 s late"] * 2
    assert quality.intervals() == list(quality.lapses)


@pytest.mark.parametrize("channel", ["liquidations", "open_interest"])
def test_events_of_no_rhythm_are_never_late(channel: Channel):
    quality = streamed(after(channel, status("live")), range(10))
    assert streamed(quality, range(10, 20), late_s=30).state is QualityState.LIVE


def test_a_constant_lag_is_an_offset_of_the_clock():
    assert streamed(after("trades", status("live")), range(60), late_s=10.8).state is QualityState.LIVE


@pytest.mark.parametrize("offset_s", [-3600, -30, -9, 9, 30, 3600])
def test_a_clock_that_jumps_is_skewed_and_never_late(offset_s: int):
    """The time that the venue is asked for follows by a quarter of a minute later: the events come first."""
    quality = streamed(after("trades", status("live")), range(20))
    streamed(quality, range(20, 35), offset_s=offset_s)
    quality.apply(status("skewed", 35 + offset_s, reason="the venue's clock jumped"))
    for second in range(35, 60):
        at_us = MONTH_US + (second + offset_s) * SECOND_US
        quality.apply(trade(10**9 + second, at_us))
        quality.advance(at_us, second * SECOND_US)
    assert quality.state is QualityState.LIVE
    assert {lapse.state for lapse in quality.lapses} == {"skewed"}


def test_a_process_that_was_paused_is_late_once_and_nothing_is_stale():
    quality = streamed(after("trades", status("live")), range(10))
    for _ in range(3):
        quality.apply(trade(7, MONTH_US + 10 * SECOND_US))
        quality.advance(MONTH_US + 60 * SECOND_US, 10_500_000)
    streamed(quality, range(61, 65))
    assert quality.state is QualityState.LIVE
    assert not list(quality.lapses)


def test_time_that_passes_fast_is_measured_by_our_clock():
    quality = streamed(after("trades", status("live")), range(10), speed=20)
    assert streamed(quality, range(10, 20), late_s=20 * 0.4, speed=20).state is QualityState.LIVE
    assert streamed(quality, range(32, 36), late_s=20 * 9, speed=20).state is QualityState.STALE


def test_a_recording_is_never_late():
    quality = QualityTracker("trades", recorded=True)
    quality.apply(status("live"))
    assert streamed(streamed(quality, range(10)), range(10, 20), late_s=100).state is QualityState.LIVE


def test_lapses_are_kept_for_a_day_and_their_sums_longer():
    log = LapseLog()
    for hour in range(30):
        quality = QualityTracker("book", lapses=log)
        for event in (
            snapshot(hour * 3600),
            status("live", hour * 3600),
            gap(hour * 3600 + 5),
            snapshot(hour * 3600 + 6),
        ):
            quality.apply(event)
        quality.advance(MONTH_US + hour * HOUR_US + 6 * SECOND_US)
    assert len(log) == 25
    assert next(iter(log)).end_us >= MONTH_US + 29 * HOUR_US - DAY_US
    assert log.counts["gap"] == 30
    assert log.lapsed_us["gap"] == 30 * 6 * SECOND_US


STEPS = st.lists(
    st.one_of(
        st.integers(0, 4000),
        st.sampled_from(["live", "down", "connecting", "stale"]).map(status),
        st.integers(0, 4000).map(gap),
        st.integers(0, 4000).map(snapshot),
        st.integers(0, 4000).map(delta),
    ),
    max_size=300,
)


@given(STEPS)
def test_lapses_are_bounded_and_no_live_time_is_one(steps: list[Event | int]):
    quality = after("book", *steps)
    assert len(quality.lapses) <= MAX_LAPSES
    assert all(lapse.start_us <= lapse.end_us and lapse.state != "live" for lapse in quality.lapses)
    assert [lapse for lapse in quality.intervals() if lapse.end_us] == list(quality.lapses)
    assert quality.wire().state in {"syncing", "live", "stale", "gap", "skewed", "down"}


@given(
    st.lists(
        st.lists(st.integers(0, 9_000), max_size=8)
        | st.sampled_from(
            [status("live"), status("down"), gap(5), gap(6, restart=True), status("gap"), status("live")]
        ),
        max_size=8,
    )
)
def test_trades_applied_together_are_as_one_after_the_other(parts: list[list[int] | Status | Gap]):
    """Times in milliseconds: some jump back by more than a clock may."""
    one_by_one, together = (QualityTracker("trades", recorded=True) for _ in range(2))
    for tracker in (one_by_one, together):
        tracker.apply(status("live"))
    for part in parts:
        if not isinstance(part, list):
            one_by_one.apply(part)
            together.apply(part)
            continue
        trades: list[Event] = [trade(number, MONTH_US + ms * 1_000) for number, ms in enumerate(part)]
        for event in trades:
            one_by_one.apply(event)
        together.apply_all(trades, np.array([event.time_us for event in trades], np.int64))
        assert together.__dict__.keys() == one_by_one.__dict__.keys()
        for name in ("state", "since_us", "reason", "lost", "coverage", "_newest_us", "_heard", "_connected"):
            assert getattr(together, name) == getattr(one_by_one, name), name
        assert together.intervals() == one_by_one.intervals()
