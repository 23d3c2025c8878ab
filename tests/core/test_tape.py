from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import Trade
from orderfox_nb.core.tape import TapeState
from orderfox_nb.errors import EventError
from tests.core.facts import BTC, MONTH_US, applied, trade, trade_streams

pytestmark = pytest.mark.core


def test_tape_keeps_the_newest_trades_oldest_first():
    tape = applied(TapeState(BTC, keep=5), [trade(number, number) for number in range(23)])
    assert [held.sequence for held in tape.view()] == [18, 19, 20, 21, 22]
    assert tape.last is not None
    assert tape.last.sequence == 22


def test_a_trade_that_comes_twice_is_one():
    tape = applied(TapeState(BTC), [trade(1, 10), trade(2, 20), trade(1, 10), trade(2, 20)])
    assert [held.sequence for held in tape.view()] == [1, 2]
    assert tape.version == 2


def test_late_history_is_merged_before_the_live_trades():
    tape = applied(TapeState(BTC), [trade(5, 50), trade(6, 60), trade(3, 30), trade(4, 40), trade(5, 50)])
    assert [held.sequence for held in tape.view()] == [3, 4, 5, 6]


def test_history_older_than_a_full_tape_is_refused():
    tape = applied(TapeState(BTC, keep=2), [trade(5, 50), trade(6, 60), trade(4, 40)])
    assert [held.sequence for held in tape.view()] == [5, 6]


@given(trade_streams(), st.randoms(use_true_random=False), st.integers(1, 70))
def test_any_order_of_arrival_gives_the_same_tape(events: list[Trade], shuffle: random.Random, keep: int):
    mixed = events * 2
    shuffle.shuffle(mixed)
    assert applied(TapeState(BTC, keep=keep), mixed).view() == tuple(events[-keep:])


@given(trade_streams(), st.integers(-1, 70))
def test_since_gives_each_later_trade_once(events: list[Trade], after: int):
    tape = applied(TapeState(BTC, keep=20), events)
    assert tape.since(after) == [held for held in tape.view() if (held.sequence or 0) > after]
    assert tape.newest(7) == list(tape.view()[-7:])
    assert tape.newest(0) == []


def test_rate_counts_the_last_seconds_only():
    tape = applied(TapeState(BTC), [trade(number, MONTH_US + number * 1_000_000) for number in range(30)])
    assert tape.rate(MONTH_US + 29_000_000) == 1.0
    assert tape.rate(MONTH_US + 34_000_000) == 0.5
    assert tape.rate(MONTH_US + 90_000_000) == 0.0


def test_rate_of_a_burst_is_computed_over_the_kept_trades():
    tape = applied(TapeState(BTC, keep=100), [trade(number, MONTH_US + number * 1_000) for number in range(1_000)])
    assert tape.rate(MONTH_US + 999_000) == pytest.approx(1000, rel=0.02)


def test_a_trade_of_another_symbol_is_refused():
    with pytest.raises(EventError, match="ETHUSDT"):
        TapeState(BTC).apply(msgspec.structs.replace(trade(1, 1), symbol="ETHUSDT"))
