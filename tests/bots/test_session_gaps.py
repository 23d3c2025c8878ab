"""A bot acts on whole data only: it waits, pauses and stops as its data do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from orderfox_nb.bots.gate import MAX_PAUSES
from orderfox_nb.bots.parameters import Timeframe
from orderfox_nb.bots.strategy import Strategy
from tests.bots.diary import ASKS, BIDS, Diary
from tests.bots.sessions import EventScript, run, session_of

pytestmark = pytest.mark.core


def test_a_bot_waits_for_every_channel_and_then_starts_once():
    script = EventScript()
    diary = Diary()
    session = session_of(diary, opened=False)
    prelude = [(script.trade(1_000), "trades"), (script.book(BIDS, ASKS), "book"), (script.mark(1_001), "mark")]
    for event, channel in prelude:
        session.apply(event, channel)
    for channel in ("trades", "book", "mark", "candles"):
        session.apply(script.status(), channel)
    assert (session.state, diary.calls) == ("waiting", [])
    session.apply(script.status(), "liquidations")
    assert (session.state, diary.calls) == ("running", ["start"])
    assert (session.desk.book.best_bid, len(session.desk.trades), session.desk.mark) == (100.0, 1, 100.1)


def test_nothing_happens_in_a_gap_and_afterwards_only_from_fresh_data():
    script = EventScript()
    diary = Diary(("trade", lambda desk: (desk.every("1ms", "tick"), desk.buy("0.010", at=100.0))))
    session = session_of(diary)
    run(session, [script.book(BIDS, ASKS), script.trade(1_001), script.trade(1_001)])
    before = len(diary.calls)
    session.apply(script.gap(), "book")
    assert session.state == "paused"
    # The book went through the order's price, and was traded there: what is not known does not fill.
    run(session, [script.trade(990, 500, "sell"), script.change({1_000: 0}), script.trade(990, 500, "sell")])
    assert (len(diary.calls), session.fills) == (before, [])
    assert session.gateway.open
    run(session, [script.book({995: 5}, {1_002: 5})])
    assert (session.state, session.fills) == ("running", [])
    [pause] = session.pauses
    assert pause.reason == "book: lost"
    assert pause.end_us == script.now_us
    run(session, [script.trade(999, 500, "sell")])
    assert [fill.lots for fill in session.fills] == [10]
    assert diary.calls[before] == "fill 0.01 at 100, holding 0.01"


def test_a_change_of_the_book_that_is_missing_pauses_the_bot():
    script = EventScript()
    diary = Diary()
    session = run(session_of(diary), [script.book(BIDS, ASKS)])
    script.update_id += 5
    run(session, [script.change({1_000: 5}), script.trade(1_001)])
    assert (session.state, diary.calls) == ("paused", ["start"])
    run(session, [script.book(BIDS, ASKS), script.trade(1_001)])
    assert (session.state, diary.calls[-1]) == ("running", "trade")


@pytest.mark.parametrize("channel", ["trades", "mark"])
def test_a_gap_of_a_channel_without_snapshots_ends_with_its_next_event(channel: str):
    script = EventScript()
    diary = Diary()
    session = run(session_of(diary), [script.book(BIDS, ASKS)])
    session.apply(script.gap(), channel)
    run(session, [script.change({1_000: 4})])
    assert session.state == "paused"
    run(session, [script.trade(1_001) if channel == "trades" else script.mark(1_001)])
    assert session.state == "running"
    assert diary.calls[-1] in {"trade", "mark 100.1"}


def test_a_gap_of_liquidations_does_not_pause_since_the_next_one_may_be_hours_away():
    script = EventScript()
    session = run(session_of(Diary()), [script.book(BIDS, ASKS)])
    session.apply(script.gap(), "liquidations")
    assert session.state == "running"
    session.apply(script.status("down"), "liquidations")
    assert session.state == "paused"


def test_after_a_restart_of_the_venue_the_bot_waits_for_a_whole_prelude():
    script = EventScript()
    session = run(session_of(Diary()), [script.book(BIDS, ASKS)])
    session.apply(script.gap(restart=True), "trades")
    run(session, [script.trade(1_001), script.trade(1_001)])
    assert session.state == "paused"
    session.apply(script.status(), "trades")
    assert session.state == "running"


def test_a_tick_size_that_changes_stops_the_bot():
    script = EventScript()
    session = run(session_of(Diary()), [script.book(BIDS, ASKS)])
    session.apply(script.gap(restart=True, relisted=True), "book")
    assert session.state == "stopped"
    assert "tick or lot size" in session.stopped


def test_candles_of_two_timeframes_are_two_streams():
    """A gap of one must not be ended by what comes of the other."""

    class Averages(Strategy):
        reads = ("book", "trades")
        studies = ("live_candles@5m",)
        timeframe: Timeframe = "1m"

    script = EventScript()
    session = session_of(Averages(), opened=False)
    for stream in ("trades", "book", "candles@1m"):
        session.apply(script.book(BIDS, ASKS) if stream == "book" else script.status(), stream)
        session.apply(script.status(), stream)
    assert session.state == "waiting"
    session.apply(script.status(), "candles@5m")
    assert session.state == "running"
    session.apply(script.gap(), "candles@5m")
    session.apply(script.candle(100.0, open_us=script.now_us), "candles@1m")
    assert session.state == "paused"
    session.apply(replace(script.candle(100.0, open_us=script.now_us), interval="5m"), "candles@5m")
    assert session.state == "running"
    # A channel without its interval means all of its streams.
    session.apply(script.gap(), "candles")
    session.apply(script.candle(100.0, open_us=script.now_us), "candles@1m")
    assert session.state == "paused"


def test_pauses_are_kept_within_a_bound():
    script = EventScript()
    session = run(session_of(Diary()), [script.book(BIDS, ASKS), script.trade(1_001)])
    for _ in range(MAX_PAUSES + 5):
        session.apply(script.gap(), "trades")
        session.apply(script.trade(1_001))
    assert len(session.pauses) == MAX_PAUSES
    assert session.pauses[-1].end_us == script.now_us
