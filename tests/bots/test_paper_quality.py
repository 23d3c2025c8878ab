"""A paper venue while data are missing, after they came back, and after a restart of the bot."""

from __future__ import annotations

import msgspec
import pytest

from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.core.events import Gap, LevelColumns, SideColumns, Status
from orderfox_nb.errors import BadValue, EventError
from tests.bots.venues import FREE, LIVE, Bench
from tests.core.books import BTC, delta, snapshot

pytestmark = pytest.mark.core

BIDS, ASKS = {1_000: 10, 999: 20}, {1_001: 5, 1_002: 5, 1_003: 100}
GAP = Gap(symbol="BTCUSDT", time_us=2_000, reason="the connection broke")


def test_orders_before_the_first_snapshot_wait_for_it():
    bench = Bench()
    taker, maker = bench.send("buy", 2), bench.send("buy", 2, 1_000)
    cancelled = bench.send("buy", 2)
    assert bench.cancel(cancelled) is None
    bench.trade(1_000, 50, "sell")
    assert [bench.state(order) for order in (taker, maker, cancelled)] == ["sent", "sent", "cancelled"]
    bench.book(BIDS, ASKS)
    assert bench.filled(taker) == [(1_001, 2)]
    assert bench.state(maker) == "open"
    assert bench.fills[0].time_us == bench.now_us
    assert bench.venue.lapses == bench.venue.requeued == 0


@pytest.mark.parametrize("lost", [GAP, Status(symbol="BTCUSDT", time_us=2_000, state="down", reason="no network")])
def test_nothing_is_filled_in_a_gap_and_afterwards_everything_is_at_the_back_of_its_queue(lost: Gap | Status):
    bench = Bench(BIDS, ASKS)
    order, other = bench.send("buy", 4, 1_000), bench.send("sell", 4, 1_003)
    bench.trade(1_000, 9, "sell")
    assert bench.order(order).ahead == 1
    bench.apply(lost)
    assert not bench.venue.live
    taker = bench.send("buy", 1)
    bench.trade(1_000, 500, "sell")
    bench.trade(990, 500, "sell")
    bench.change(bids={1_000: 6})
    assert bench.fills == []
    bench.book({1_000: 70}, {1_001: 5, 1_003: 8})
    assert not bench.venue.live
    bench.apply(LIVE)
    assert bench.venue.live
    assert bench.filled(taker) == [(1_001, 1)]
    assert (bench.order(order).ahead, bench.order(other).ahead) == (70, 8)
    assert (bench.venue.lapses, bench.venue.requeued) == (1, 2)
    bench.trade(1_000, 71, "sell")
    assert bench.filled(order) == [(1_000, 1)]


def test_a_missing_delta_stops_matching_until_the_next_snapshot():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 4, 1_000)
    bench.change(bids={1_000: 9}, lost=3)
    assert not bench.venue.live
    bench.trade(1_000, 500, "sell")
    assert bench.fills == []
    bench.book({1_000: 30}, ASKS)
    assert bench.venue.live
    assert bench.order(order).ahead == 30
    assert (bench.venue.lapses, bench.venue.requeued) == (1, 1)


def test_a_fresh_snapshot_announces_a_loss_and_the_same_one_does_not():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 4, 1_000)
    bench.trade(1_000, 4, "sell")
    bench.apply(snapshot(bench.update_id, {1_000: 6, 999: 20}, ASKS, time_us=bench.now_us))
    assert bench.order(order).ahead == 6
    assert bench.venue.lapses == 0
    bench.book({1_000: 40}, ASKS)
    assert bench.order(order).ahead == 40
    assert (bench.venue.lapses, bench.venue.requeued) == (1, 1)


def test_orders_that_the_market_has_passed_in_a_gap_are_filled_from_the_fresh_book():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 4, 1_000)
    bench.apply(GAP)
    bench.book({980: 5}, {990: 3, 991: 9})
    assert bench.fills == []
    bench.apply(LIVE)
    assert bench.filled(order) == [(1_000, 4)]
    assert bench.fills[0].maker
    assert bench.venue.best_ask == 991


def test_a_trigger_that_is_reached_in_a_gap_waits_for_the_book():
    bench = Bench(BIDS, ASKS)
    stop = bench.send("buy", 2, kind="stop_market", trigger_ticks=1_010, trigger="mark")
    bench.apply(GAP)
    bench.mark(101.5)
    assert bench.states(stop) == ["waiting"]
    bench.book({1_014: 5}, {1_015: 5})
    bench.apply(LIVE)
    assert bench.filled(stop) == [(1_015, 2)]


def test_what_happened_before_an_order_arrived_does_not_touch_it():
    bench = Bench(BIDS, ASKS)
    order = bench.send("buy", 4, 1_000)
    bench.trade(1_000, 50, "sell", time_us=bench.now_us - 1)
    bench.trade(990, 50, "sell", time_us=bench.now_us - 100)
    assert bench.fills == []
    assert bench.order(order).ahead == 10
    late = delta(bench.update_id, bench.update_id + 1, {1_000: 25}, time_us=bench.order(order).since_us - 1)
    bench.apply(late)
    assert bench.order(order).ahead == 25


def test_levels_that_cannot_be_read_stop_matching():
    bench = Bench(BIDS, ASKS)
    bench.send("buy", 4, 1_000)
    bench.apply(msgspec.structs.replace(delta(11, 12, {1_000: 3}), raw_bids=msgspec.Raw(b'[["x"]]')))
    assert not bench.venue.live
    assert bench.venue.lapses == 1
    with pytest.raises(EventError, match="ETHUSDT"):
        bench.apply(msgspec.structs.replace(delta(1, 2), symbol="ETHUSDT"))


def test_levels_come_as_text_or_as_columns_in_any_digits():
    for digits in (1, 3):
        bench = Bench(BIDS, ASKS)
        order = bench.send("buy", 4, 1_000)
        columns = LevelColumns(
            SideColumns((1_000 * 10 ** (digits - 1)).to_bytes(8, "little"), (4).to_bytes(8, "little")),
            SideColumns(b"", b""),
            digits,
            3,
        )
        bench.apply(msgspec.structs.replace(delta(11, 12, time_us=bench.now_us + 10), columns=columns))
        assert bench.order(order).ahead == 4


def test_a_venue_continues_from_its_snapshot_as_if_it_had_not_stopped():
    bench = Bench(BIDS, ASKS, queue=QueueModel("power"))
    order = bench.send("buy", 4, 1_000)
    stop = bench.send("sell", 1, kind="trailing_stop_market", callback_permille=10)
    bench.trade(1_000, 8, "sell")
    bench.mark(100.05)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(bench.venue.snapshot()))
    restored = PaperVenue(BTC, FREE, queue=QueueModel("power"))
    restored.restore(state)
    book = snapshot(bench.update_id, {1_000: 10, 999: 20}, ASKS, time_us=bench.now_us)
    restored.apply(book)
    assert restored.snapshot() == bench.venue.snapshot()
    assert [each.number for each in restored.open_orders] == [order, stop]
    assert (restored.last, restored.mark, restored.requeued) == (1_000, 1_000, 0)
    bench.venue = restored
    bench.trade(1_000, 3, "sell")
    assert bench.filled(order) == [(1_000, 1)]
    bench.trade(989, 1, "sell")
    assert bench.state(stop) == "filled"


def test_a_venue_that_continues_later_has_its_orders_at_the_back():
    bench = Bench(BIDS, ASKS)
    bench.send("buy", 4, 1_000)
    bench.trade(1_000, 8, "sell")
    restored = PaperVenue(BTC, FREE, queue=QueueModel())
    restored.restore(bench.venue.snapshot())
    restored.apply(snapshot(bench.update_id + 5, {1_000: 12}, ASKS))
    assert [order.ahead for order in restored.open_orders] == [12]
    assert restored.requeued == 1
    with pytest.raises(BadValue, match="what its snapshot returned"):
        restored.restore({"orders": 3})
