"""A venue whose ids start again, in every order of arrival: reported where it restarted, nowhere else, and healed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from orderfox_nb.clock import ManualClock
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Topic, Trade, raw_levels
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.feeds.venue.book import BookFollower
from orderfox_nb.feeds.venue.pace import ResyncBucket, ResyncPace
from orderfox_nb.feeds.venue.trades import TradesFollower
from tests.core.facts import BTC, trade
from tests.feeds.venue.stream_machine import FATES, Restarting

pytestmark = pytest.mark.feeds

SENT = ("sent", "sent")
PAUSES_S = st.sampled_from([0.0, 0.0, 0.1, 0.9, 3.0])


class Trading(Restarting):
    proof = Trade
    asked = 0

    @initialize()
    def open(self) -> None:
        self.trades: list[Trade] = [trade(self.first_id + number, 0) for number in range(10)]
        self.fold = TapeState(BTC)
        self.begin(
            Topic("sim", BTC.symbol, "trades"),
            lambda reporter, fetches: TradesFollower(reporter, fetches, newest=self._newest, between=self._between),
        )

    def forget(self) -> None:
        self.trades = [trade(self.first_id + number, self.now_us - SECOND_US, lots=7) for number in range(10)]

    @rule(pause_s=PAUSES_S, fates=FATES)
    def trade(self, pause_s: float, fates: tuple[str, str]) -> None:
        self.now_us += round(pause_s * SECOND_US)
        self.trades.append(trade((self.trades[-1].sequence or 0) + 1, self.now_us))
        self.send(self.trades[-1], fates)

    async def _newest(self) -> Sequence[Event]:
        self.asked += 1
        return self.belied or list(self.trades)

    async def _between(self, first: int, last: int) -> Sequence[Event]:
        return [held for held in self.trades if first <= (held.sequence or 0) <= last]

    def go_on(self) -> None:
        # Longer than REST is left alone where one beginning follows another.
        for _ in range(3):
            self.trade(3.0, SENT)
            self.settle()

    def check(self) -> None:
        """After all trouble and three more trades the tape is the venue's."""
        held = [(each.sequence, each.size) for each in self.fold.view()]
        real = [(each.sequence, each.size) for each in self.trades]
        if self.gaps:
            # A hole that could not be filled was reported: what was before it may be missing.
            assert set(held) <= set(real)
            assert held[-2:] == real[-2:]
        else:
            assert held == real


def test_where_rest_still_answers_for_the_venue_before_it_is_asked_with_pauses_until_it_does_no_more() -> None:
    venue = Trading()
    venue.open()
    venue.connect()
    venue.settle()
    before, asked = list(venue.trades), venue.asked
    venue.restart(pause_s=4.0, cut=False)
    venue.belied = before
    for _ in range(20):
        venue.trade(1.0, SENT)
        venue.settle()
    assert 2 < venue.asked - asked <= 6
    assert not venue.must_report
    assert [held.sequence for held in venue.fold.view()] == [], "nothing of the venue before"
    venue.belied = ()
    venue.teardown()


class Quoting(Restarting):
    proof = BookDelta

    @initialize()
    def open(self) -> None:
        self.update_id = self.first_id
        self.levels = {900: 1, 1_100: 1}
        self.fold = Book(BTC)
        clock = ManualClock(0)
        pace = ResyncPace(ResyncBucket(clock, burst=1_000_000), clock, random=Random(1))
        self.begin(
            Topic("sim", BTC.symbol, "book"),
            lambda reporter, fetches: BookFollower(reporter, fetches, self._snapshot, pace),
        )

    def forget(self) -> None:
        self.update_id = self.first_id
        self.levels = {800: 2, 1_200: 2}

    @rule(pause_s=PAUSES_S, ticks=st.integers(990, 1_009), lots=st.integers(1, 9), fates=FATES)
    def quote(self, pause_s: float, ticks: int, lots: int, fates: tuple[str, str]) -> None:
        self.now_us += round(pause_s * SECOND_US)
        before, self.update_id = self.update_id, self.update_id + 10
        self.levels[ticks] = lots
        self.send(
            BookDelta(
                symbol=BTC.symbol,
                time_us=self.now_us,
                received_us=self.now_us,
                first_id=before + 1,
                last_id=self.update_id,
                previous_id=before,
                raw_bids=_side({ticks: lots}, bids=True),
                raw_asks=_side({ticks: lots}, bids=False),
            ),
            fates,
        )

    async def _snapshot(self) -> Sequence[Event]:
        return [
            BookSnapshot(
                symbol=BTC.symbol,
                time_us=self.now_us,
                update_id=self.update_id,
                raw_bids=_side(self.levels, bids=True),
                raw_asks=_side(self.levels, bids=False),
            )
        ]

    def go_on(self) -> None:
        for _ in range(4):
            self.quote(16.0, 1_000, 5, SENT)
            self.settle()

    def check(self) -> None:
        """After all trouble and some more diffs the book is the venue's."""
        assert self.fold.synced
        held = {
            tick: size
            for side in ("bid", "ask")
            for tick, size in zip(*(column.tolist() for column in self.fold.levels(side)), strict=True)
        }
        assert held == self.levels
        assert self.fold.update_id == self.update_id


def _side(levels: dict[int, int], *, bids: bool) -> msgspec.Raw:
    return raw_levels([(BTC.price(tick), BTC.size(lots)) for tick, lots in levels.items() if (tick < 1_000) == bids])


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=200, stateful_step_count=50)
TestQuoting = Quoting.TestCase
TestQuoting.settings = settings(max_examples=200, stateful_step_count=50)
