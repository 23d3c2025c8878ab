"""Trades of a venue that gives them an order, and of one that gives only ids."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Gap, Trade
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.trade_order import MAX_IDS, TradeOrder
from tests.core.facts import BTC, MONTH_US, applied, trade

pytestmark = pytest.mark.core


def unordered(name: str, at: int = 0) -> Trade:
    """A trade of a venue whose ids say nothing of their order."""
    return msgspec.structs.replace(trade(0, MONTH_US + at * 1_000), id=name, sequence=None)


NAMES = ("b7f2", "00a1", "ffe0", "1c44")


def test_trades_without_an_order_are_kept_once_in_the_order_of_arrival():
    rows = [unordered(name, at) for at, name in enumerate(NAMES)]
    tape = applied(TapeState(BTC), [rows[0], rows[1], rows[0], rows[2], rows[1], rows[3]])
    assert [held.id for held in tape.view()] == list(NAMES)
    assert [held.sequence for held in tape.view()] == [0, 1, 2, 3]
    assert [held.id for held in tape.since(1)] == ["ffe0", "1c44"]
    assert list(tape.prelude()) == rows, "what is passed on is what the venue said"
    assert applied(TapeState(BTC), tape.prelude()).digest() == tape.digest()


@given(st.integers(1, 12), st.lists(st.integers(0, 40), max_size=120))
def test_a_bounded_tape_without_an_order_forgets_ids_with_their_trades(keep: int, numbers: list[int]):
    tape = TapeState(BTC, keep=keep)
    for number in numbers:
        tape.apply(unordered(f"{number:x}"))
        kept = [held.id for held in tape.view()]
        assert len(set(kept)) == len(kept) <= keep
    if numbers:
        assert tape.last is not None
        assert tape.last.sequence == len(tape.view()) - 1 + (tape.view()[0].sequence or 0)


def test_a_restart_forgets_ids_as_well():
    rows = [unordered(name) for name in NAMES]
    tape = applied(TapeState(BTC), [*rows, Gap(symbol=BTC.symbol, time_us=1, reason="restart", restart=True), rows[2]])
    assert [held.id for held in tape.view()] == ["ffe0"]


def test_a_bar_counts_a_trade_without_an_order_once():
    rows = [unordered(name, at) for at, name in enumerate(NAMES)]
    candles = applied(CandleState(BTC, "1m"), [*rows, *rows])
    last = candles.last
    assert last is not None
    assert last.trades == 4


def test_order_is_the_venues_where_it_has_one_else_that_of_ids_in_a_bounded_memory():
    order = TradeOrder()
    assert [order.is_new(trade(number, 1)) for number in (5, 7, 6, 7, 8)] == [True, True, False, False, True]
    order.clear()
    assert order.is_new(trade(1, 1)), "after a restart any place is news"
    many = [unordered(str(number)) for number in range(MAX_IDS + 1)]
    assert all(order.is_new(one) for one in many)
    assert not order.is_new(many[-1])
    assert order.is_new(many[0]), "the oldest is forgotten"
