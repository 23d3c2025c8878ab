"""More trades than the tape keeps: the same ones, each once, and in the same order as in a fold that kept as many."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.core.events import Event, Gap
from orderfox_nb.core.tape import TapeState
from orderfox_nb.market.frames import trades_frame
from orderfox_nb.market.trade_log import TradeLog, in_order_of_receipt, joined
from tests.desk.scripted import BTC, trade

pytestmark = pytest.mark.core

RESTART = Gap(symbol="BTCUSDT", time_us=0, reason="restarted", restart=True)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    ordered = draw(st.booleans())
    found: list[Event] = []
    for number in draw(st.lists(st.integers(0, 60), max_size=120)):
        if number == 60:
            found.append(RESTART)
            continue
        one = trade(1_000 + number // 3, number, price=100.0 + number / 10)
        found.append(one if ordered else msgspec.structs.replace(one, sequence=None))
    return found


def ids(log: TradeLog) -> list[str]:
    return log.columns().id.tolist()


@given(events(), st.integers(1, 25))
def test_it_keeps_what_a_fold_keeps(events: list[Event], keep: int):
    log, fold = TradeLog(keep), TapeState(BTC, keep=keep)
    for event in events:
        log.apply(event)
        fold.apply(event)
        expected = sorted(fold.view(), key=lambda each: each.time_us)
        assert ids(log) == [each.id for each in expected]
    frame = trades_frame(log.columns(), {"symbol": "BTCUSDT"})
    assert frame["id"].tolist() == ids(log)
    assert len(set(ids(log))) == len(log) <= keep


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=80), st.integers(1, 12), st.integers(1, 12))
def test_its_columns_are_by_time_where_the_venues_order_is_another(
    given_trades: list[tuple[int, int]], keep: int, behind: int
):
    log, place_of = TradeLog(keep), dict[int, int]()
    for number, second in given_trades:
        log.apply(msgspec.structs.replace(trade(second, number), sequence=number))
        place_of.setdefault(number, second)
        copied = TradeLog(behind)
        copied.extend(log)
        for one in (log, copied):
            columns = one.columns()
            assert columns.time_us.tolist() == sorted(columns.time_us.tolist())
            places = [(place_of[int(trade_id)], int(trade_id)) for trade_id in columns.id]
            assert places == sorted(places)


@given(st.lists(st.integers(0, 500), max_size=60), st.integers(1, 30), st.integers(1, 30))
def test_a_log_of_another_length_begins_with_what_is_there(numbers: list[int], before: int, behind: int):
    first, second = TradeLog(before), TradeLog(behind)
    for number in sorted(set(numbers)):
        first.apply(trade(number, number))
    second.extend(first)
    assert ids(second) == ids(first)[-behind:]
    second.apply(trade(1_000, 1_000))
    assert ids(second)[-1] == "1000"
    assert len(second) <= behind


def test_joined_parts_have_each_id_once_where_it_came_first_and_as_it_came_last():
    first, second, third = (trade(1_000 * number, number) for number in (1, 2, 3))
    corrected = msgspec.structs.replace(second, price=51_000.0)
    found = joined([in_order_of_receipt(part) for part in ([first, second], [], [third, corrected])])
    assert found.id.tolist() == ["1", "2", "3"]
    assert found.price.tolist() == [50_000.0, 51_000.0, 50_000.0]
    assert found.time_us.tolist() == [1_000, 2_000, 3_000]
    late = joined([in_order_of_receipt([third, first])])
    assert late.id.tolist() == ["1", "3"]


def test_trades_of_a_venue_that_restarted_while_unread_replace_those_before():
    log = TradeLog(4)
    for number in range(900, 906):
        log.apply(trade(1_000_000 + number, number))
    # A late one is no restart.
    log.apply(trade(1_000_903, 903))
    assert ids(log) == ["902", "903", "904", "905"]
    for number in range(3, 6):
        log.apply(trade(60_000_000 + number, number))
    assert ids(log) == ["3", "4", "5"]
