"""Liquidation orders of two sockets and a history, in every order of arrival: each comes once, and none is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from orderfox_nb.core.events import Event, Liquidation, LiquidationVolume, Side, Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.timeframes import SECOND_US, bar_open_us
from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.feeds.venue.items import Failed
from orderfox_nb.feeds.venue.liquidations import PRELUDE_ORDERS, LiquidationsFollower
from tests.core.facts import BTC, MONTH_US
from tests.feeds.venue.stream_machine import FATES, StreamMachine

pytestmark = pytest.mark.feeds


class Merge(StreamMachine):
    """The stream gives an average price to a cent, the history computes it to the last digit.

    The history may lag by 20 s, and it alone knows of a twin: another order that is alike in everything. What time it
    is at the venue the reader may get wrong by more and more.
    """

    @initialize(lag_s=st.sampled_from([0, 0, 20]))
    def open(self, lag_s: int) -> None:
        self.lag_us = lag_s * SECOND_US
        self.ahead_us = 0
        self.orders: list[Liquidation] = []
        self.fold = LiquidationState(BTC)
        self.delivered: Counter[int] = Counter()
        self.wild: list[Liquidation] = []
        self.most = 0
        """How many of the newest orders an answer has, 0 for all."""
        self.renewed = 0
        self.since_us = 0
        """From when on the history was asked last."""
        self.begin(
            Topic("sim", BTC.symbol, "liquidations"),
            lambda reporter, fetches: LiquidationsFollower(
                reporter, fetches, history=self._history, since=self._since, check=_nothing, renew=self._renew
            ),
        )

    def reader_us(self) -> int:
        return self.now_us + self.ahead_us

    @rule(seconds=st.sampled_from([-90, -7, 7, 90]))
    def jump(self, seconds: int) -> None:
        self.ahead_us += seconds * SECOND_US

    @rule(
        pause_s=st.integers(1, 8),
        side=st.sampled_from(["buy", "sell"]),
        fill=st.tuples(st.sampled_from([0.001, 0.3]), st.sampled_from([60_000.0, 60_000.1, 60_000.0333333333])),
        fates=FATES,
        twin=st.booleans(),
    )
    def liquidate(
        self, pause_s: int, side: Side, fill: tuple[float, float], fates: tuple[str, str], twin: bool
    ) -> None:
        self.now_us += pause_s * SECOND_US
        size, average = fill

        def order(price: float, received_us: int) -> Liquidation:
            return Liquidation(
                symbol=BTC.symbol,
                time_us=self.now_us,
                received_us=received_us,
                side=side,
                size=size,
                price=price,
                limit_price=59_700.0,
            )

        self.orders += [order(average, 0)] * (2 if twin else 1)
        self.send(order(round(average, 2), self.now_us + SECOND_US), fates)

    def _known(self) -> list[Liquidation]:
        return [order for order in self.orders if order.time_us <= self.now_us - self.lag_us]

    async def _history(self) -> Sequence[Event]:
        sums: dict[int, list[float]] = {}
        for order in self._known():
            if order.time_us == self.now_us:
                continue  # the end of what is asked for is not in it
            held = sums.setdefault(bar_open_us(order.time_us, "1m"), [0.0, 0.0])
            held[order.side == "sell"] += order.notional
        volume = LiquidationVolume(
            symbol=BTC.symbol,
            time_us=self.now_us,
            interval="1m",
            start_us=list(sums),
            buy=[held[0] for held in sums.values()],
            sell=[held[1] for held in sums.values()],
            count=[1] * len(sums),
        )
        return (volume, *self._known()[-self.most :])

    async def _since(self, start_us: int) -> Sequence[Event]:
        self.since_us = start_us
        return [order for order in (*self._known(), *self.wild) if order.time_us >= start_us]

    def _renew(self) -> None:
        self.renewed += 1

    def took(self, event: Event) -> None:
        self.fold.apply(event)
        if isinstance(event, Liquidation):
            self.delivered[event.time_us] += 1

    @invariant()
    def nothing_comes_twice(self) -> None:
        more = self.delivered - Counter(order.time_us for order in self.orders)
        assert not more, f"too often: {more}"

    def teardown(self) -> None:
        """After all trouble everything that there was has come, and the sums are those of it."""
        if not hasattr(self, "follower"):
            return
        self.recover()
        for _ in range(8):
            self.now_us += 20 * SECOND_US
            self.settle()
        real = Counter(order.time_us for order in self.orders)
        assert self.delivered == real
        held = Counter(order.time_us for order in self.fold.view())
        if self.gaps:
            # What comes again after a gap is taken for a repeat, so that of twins one may be left.
            assert set(held) == set(real)
            return
        assert held == real
        columns = self.fold.at("1m", MONTH_US, self.now_us)
        for side, column in (("buy", columns.buy), ("sell", columns.sell)):
            sums: Counter[int] = Counter()
            for order in self.orders:
                sums[bar_open_us(order.time_us, "1m")] += round(order.notional * 100) if order.side == side else 0
            for start_us, total in zip(columns.start_us.tolist(), column.tolist(), strict=True):
                assert total * 100 == pytest.approx(sums[start_us], abs=50 + 1e-6 * sums[start_us])


async def _nothing() -> Sequence[Event]:
    return ()


LOST = ("dropped", "dropped")


def opened() -> Merge:
    venue = Merge()
    venue.open(lag_s=0)
    venue.connect()
    return venue


def test_a_stream_that_freezes_in_a_cascade_is_subscribed_to_once_more_while_it_lasts() -> None:
    venue = opened()
    venue.settle()
    for number in range(60):
        fates = LOST if number > 30 else ("sent", "sent")
        venue.liquidate(pause_s=2, side="sell", fill=(0.001, 60_000.0), fates=fates, twin=False)
        venue.settle()
        assert number > 30 or not venue.renewed
    assert venue.renewed
    venue.teardown()


def test_a_history_that_comes_back_gives_all_that_the_stream_did_not_show_meanwhile() -> None:
    venue = opened()
    venue.read()
    assert venue.fetches.fail("liquidation history")
    venue.inbox.put_first(Failed("liquidation history", VenueUnreachable("the history", "HTTP 503"), final=True))
    venue.read()
    venue.most = PRELUDE_ORDERS
    for _ in range(PRELUDE_ORDERS + 70):
        venue.liquidate(pause_s=1, side="sell", fill=(0.001, 60_000.0), fates=LOST, twin=False)
    venue.teardown()


def test_an_order_with_a_time_that_no_clock_can_show_does_not_end_the_comparison() -> None:
    venue = opened()
    venue.settle()
    venue.liquidate(pause_s=1, side="buy", fill=(0.3, 60_000.0), fates=LOST, twin=False)
    venue.wild = [msgspec.structs.replace(venue.orders[0], time_us=venue.now_us + 1_800 * SECOND_US)]
    for _ in range(3):
        venue.wait(31)
        venue.settle()
    assert venue.delivered[venue.wild[0].time_us] == 1
    venue.liquidate(pause_s=1, side="sell", fill=(0.001, 60_000.0), fates=LOST, twin=False)
    for _ in range(3):
        venue.wait(31)
        venue.settle()
    assert venue.delivered[venue.orders[-1].time_us] == 1


def test_a_live_order_with_a_time_long_gone_does_not_make_the_comparison_begin_there() -> None:
    venue = opened()
    venue.settle()
    venue.liquidate(pause_s=1, side="buy", fill=(0.3, 60_000.0), fates=("sent", "sent"), twin=False)
    venue.settle()
    venue.orders.append(msgspec.structs.replace(venue.orders[0], time_us=0))
    venue.send(msgspec.structs.replace(venue.orders[0], time_us=0, received_us=venue.now_us), ("sent", "sent"))
    venue.settle()
    venue.wait(31)
    venue.settle()
    assert venue.since_us > venue.now_us - 7_200 * SECOND_US


TestMerge = Merge.TestCase
TestMerge.settings = settings(max_examples=300, stateful_step_count=50)
