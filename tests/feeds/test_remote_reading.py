"""Trades of another server after a loss: each once, and a hole is a gap, also where their sequence cannot show it."""

from __future__ import annotations

import msgspec
import pytest

from orderfox_nb.core.events import Event, Gap, Topic, Trade
from orderfox_nb.feeds.remote_link import Dropped, LinkLost, RemoteItem
from orderfox_nb.feeds.remote_reading import RemoteReading
from tests.desk.scripted import trade

pytestmark = pytest.mark.feeds

TRADES = Topic("binance", "BTCUSDT", "trades")


def read(*items: RemoteItem, unbroken: bool) -> list[Event]:
    reading = RemoteReading(TRADES, now_us=lambda: 1_000, resume=lambda: None, unbroken=lambda: unbroken)
    return [event for item in items for event in reading.handle(item) if isinstance(event, Trade | Gap)]


def trades(*numbers: int, ordered: bool) -> list[Trade]:
    found = [trade(number, number) for number in numbers]
    return found if ordered else [msgspec.structs.replace(one, sequence=None) for one in found]


@pytest.mark.parametrize("loss", [Dropped(lost=9), LinkLost("cut")], ids=["dropped", "cut"])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_prelude_that_does_not_reach_back_is_a_gap(loss: RemoteItem, ordered: bool) -> None:
    before, far, near = (trades(*numbers, ordered=ordered) for numbers in ((1, 2, 5), (9, 12), (5, 9)))
    found = read(*before, loss, *far, unbroken=False)
    assert [type(event) for event in found] == [Trade, Trade, Trade, Gap, Trade, Trade]
    # With one known trade in it nothing is between them.
    assert read(*before, loss, *near, unbroken=False) == [*before, near[1]]
    # Before the first trade there is nothing to join.
    assert read(loss, *before, unbroken=False) == before
    restart = Gap(symbol="BTCUSDT", time_us=1_000, reason="restarted", restart=True)
    assert read(*before, loss, restart, *before, unbroken=False) == [*before, restart, *before]


def test_a_sequence_without_holes_says_how_many_are_missing() -> None:
    found = read(*trades(1, 2, ordered=True), Dropped(lost=9), *trades(6, 7, ordered=True), unbroken=True)
    assert [event.lost for event in found if isinstance(event, Gap)] == [3]
