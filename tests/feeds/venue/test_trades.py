"""Trades of a dialect whose sequence has holes: a loss is repaired by the newest ones, or reported without a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
import pytest

from orderfox_nb.core.events import Event, Gap, Status, Topic, Trade
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.venue.fetches import Fetches
from orderfox_nb.feeds.venue.follower import StatusReporter
from orderfox_nb.feeds.venue.handover import Route
from orderfox_nb.feeds.venue.items import Fetched, Item, Live, Lost, Overflowed
from orderfox_nb.feeds.venue.trades import TradesFollower
from orderfox_nb.feeds.venue.unordered_trades import UnorderedTradesFollower
from tests.core.facts import BTC, trade
from tests.feeds.venue.stream_machine import LaidOutFetches

pytestmark = pytest.mark.feeds


class Broken:
    """A follower whose venue numbers trades with holes; ``rows`` is what REST answers."""

    def __init__(self) -> None:
        self.rows: Sequence[Trade] = []
        self.fetches = LaidOutFetches(lambda: 0)
        reporter = StatusReporter(Topic("x", BTC.symbol, "trades"), lambda: 0)
        self.follower = TradesFollower(
            reporter, cast("Fetches", self.fetches), newest=self._newest, between=self._never, unbroken=False
        )

    async def _newest(self) -> Sequence[Event]:
        return self.rows

    async def _never(self, first: int, last: int) -> Sequence[Event]:
        raise AssertionError(f"{first} to {last} were asked for, though a hole is no loss")

    def handle(self, *items: Item) -> list[Event]:
        seen: list[Event] = []
        for item in items:
            seen += self.follower.handle(item)
            for name in list(self.fetches.asked):
                self.fetches.answer(name)
                seen += self.follower.handle(Fetched(name, self.fetches.under_way.pop(name)))
        return seen


def summary(events: Sequence[Event]) -> list[object]:
    return [
        event.sequence if isinstance(event, Trade) else "gap" if isinstance(event, Gap) else event.state
        for event in events
        if isinstance(event, Trade | Gap | Status)
    ]


@pytest.mark.parametrize(
    ("again", "expected"),
    [((20, 35), ["down", 35, "live"]), ((35, 41), ["down", "gap", 35, 41, "live"])],
    ids=["reach back", "do not reach back"],
)
def test_a_hole_is_no_loss_and_a_lost_connection_is_made_good_by_the_newest_trades(
    again: tuple[int, ...], expected: list[object]
) -> None:
    venue = Broken()
    venue.rows = [trade(number, 0) for number in (3, 9)]
    assert summary(venue.handle(Live(), trade(14, 0), trade(20, 0))) == [3, 9, "live", 14, 20]
    venue.rows = [trade(number, 0) for number in again]
    events = venue.handle(Lost("cut"), Live())
    assert summary(events) == expected
    assert all(event.lost == -1 for event in events if isinstance(event, Gap))


@pytest.mark.parametrize("unbroken", [True, False])
def test_a_successor_is_followed_where_it_surely_joins(unbroken: bool) -> None:
    route, inbox = Route(unbroken=unbroken), Inbox[Item](100, overflow=Overflowed)
    route.readers.append(inbox)
    old, new = object(), object()
    route.handle(old, trade(5, 0))
    route.expect(new)
    # The trade after the last one: whether one lies between is known only where there are no holes.
    route.handle(new, trade(6, 0))
    assert route.passing is not unbroken
    route.handle(old, trade(6, 0))
    route.handle(new, trade(8, 0))
    assert not route.passing
    got = [inbox.get_nowait() for _ in range(len(inbox))]
    assert [item.sequence for item in got if isinstance(item, Trade)] == [5, 6, 8]


def without_a_place(number: int) -> Trade:
    return msgspec.structs.replace(trade(number, number), sequence=None)


def test_a_trade_without_a_place_that_the_old_socket_brings_late_is_not_lost() -> None:
    route, inbox = Route(unbroken=False), Inbox[Item](100, overflow=Overflowed)
    route.readers.append(inbox)
    old, new = object(), object()
    route.open(old)
    route.handle(old, without_a_place(5))
    route.expect(new)
    # The new socket was subscribed to after trade 6.
    route.handle(new, without_a_place(7))
    route.handle(old, without_a_place(6))
    route.end(old)
    route.handle(new, without_a_place(8))
    got = [inbox.get_nowait() for _ in range(len(inbox))]
    assert [item.id for item in got if isinstance(item, Trade)] == ["5", "7", "6", "8"]


def test_what_came_while_the_newest_trades_were_asked_for_is_in_the_order_of_time() -> None:
    fetches = LaidOutFetches(lambda: 0)

    async def newest() -> Sequence[Event]:
        return [without_a_place(number) for number in (3, 4)]

    reporter = StatusReporter(Topic("x", BTC.symbol, "trades"), lambda: 0)
    follower = UnorderedTradesFollower(reporter, cast("Fetches", fetches), newest)
    seen: list[Event] = []
    for item in (Live(), without_a_place(2), without_a_place(3), without_a_place(5)):
        seen += follower.handle(item)
    assert seen == []
    fetches.answer("newest trades")
    seen += follower.handle(Fetched("newest trades", fetches.under_way.pop("newest trades")))
    assert summary(seen) == [None, None, None, None, "live"]
    assert [event.id for event in seen if isinstance(event, Trade)] == ["2", "3", "4", "5"]
