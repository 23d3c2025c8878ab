"""Orders of two sockets and a history, in every order of arrival: each is delivered once, and none is missing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orderfox_nb.core.events import Event, Gap, Liquidation, LiquidationVolume, Side, Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.timeframes import SECOND_US, bar_open_us
from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Teller
from orderfox_nb.feeds.binance.handover import Route
from orderfox_nb.feeds.binance.items import Failed, Fetched, Item, Overflowed
from orderfox_nb.feeds.binance.liquidations import LiquidationsFollower
from orderfox_nb.feeds.inbox import Inbox
from tests.core.facts import BTC, MONTH_US

pytestmark = pytest.mark.feeds

Answer = Callable[[], Awaitable[Sequence[Event]]]
ONCE = {"liquidation history"}
"""Requests that the follower itself asks for anew when they fail."""


class LaidOutFetches:
    """Requests that are answered when a test says so: asked again, one that is under way is given up."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self.asked: dict[str, tuple[int, Answer]] = {}
        self.under_way: dict[str, Sequence[Event]] = {}

    def ask(self, name: str, request: Answer, *, attempts: int | None = None, after_s: float = 0.0) -> None:
        self.under_way.pop(name, None)
        self.asked[name] = (self._now_us() + round(after_s * 1e6), request)

    @property
    def due(self) -> list[str]:
        return [name for name, (due_us, _) in self.asked.items() if due_us <= self._now_us()]

    def answer(self, name: str) -> None:
        """Let the other side answer with what it knows now; the answer is still on its way."""
        _, request = self.asked.pop(name)
        self.under_way[name] = at_once(cast("Coroutine[Any, Any, Sequence[Event]]", request()))


def at_once(coroutine: Coroutine[Any, Any, Sequence[Event]]) -> Sequence[Event]:
    """Return what a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value
    raise AssertionError("it waits")


class Socket:
    """What one socket has sent and nobody has read."""

    def __init__(self) -> None:
        self.frames: deque[Liquidation] = deque()


class Merge(RuleBasedStateMachine):
    """A venue, its history and the component under test; what is drawn is what happens next.

    The stream tells an average price to a cent, the history computes it to the last digit. The history may lag by up to
    20 s, and alone knows of a twin: another order that is alike in everything.
    """

    @initialize(lag_s=st.sampled_from([0, 0, 20]))
    def open(self, lag_s: int) -> None:
        self.now_us = MONTH_US
        self.lag_us = lag_s * SECOND_US
        self.orders: list[Liquidation] = []
        self.route = Route()
        self.inbox: Inbox[Item] = Inbox(12, overflow=Overflowed)
        self.route.readers.append(self.inbox)
        self.current: Socket | None = None
        self.successor: Socket | None = None
        self.fetches = LaidOutFetches(lambda: self.now_us)
        self.fold = LiquidationState(BTC)
        self.delivered: Counter[int] = Counter()
        self.gaps = 0
        self.follower = LiquidationsFollower(
            Teller(Topic("sim", BTC.symbol, "liquidations"), lambda: self.now_us, coverage="sampled"),
            cast("Fetches", self.fetches),
            history=self._history,
            since=self._since,
            check=self._check,
            renew=lambda: None,
        )
        self.follower.start()

    # The venue.

    @rule(
        pause_s=st.integers(1, 8),
        side=st.sampled_from(["buy", "sell"]),
        fill=st.tuples(st.sampled_from([0.001, 0.3]), st.sampled_from([60_000.0, 60_000.1, 60_000.0333333333])),
        fates=st.tuples(*[st.sampled_from(["sent", "sent", "dropped", "twice", "first"])] * 2),
        twin=st.booleans(),
    )
    def liquidate(
        self, pause_s: int, side: Side, fill: tuple[float, float], fates: tuple[str, str], twin: bool
    ) -> None:
        size, average = fill
        self.now_us += pause_s * SECOND_US
        real = Liquidation(
            symbol=BTC.symbol, time_us=self.now_us, side=side, size=size, price=average, limit_price=59_700.0
        )
        self.orders += [real, real] if twin else [real]
        shown = Liquidation(
            symbol=BTC.symbol,
            time_us=self.now_us,
            received_us=self.now_us + 1_000_000,
            side=side,
            size=size,
            price=round(average, 2),
            limit_price=59_700.0,
        )
        for socket, fate in zip((self.current, self.successor), fates, strict=True):
            if socket is None or fate == "dropped":
                continue
            if fate == "first":
                socket.frames.appendleft(shown)
            else:
                socket.frames.extend([shown] * (2 if fate == "twice" else 1))

    @rule(seconds=st.sampled_from([1, 6, 31]))
    def wait(self, seconds: int) -> None:
        self.now_us += seconds * SECOND_US

    def _known(self) -> list[Liquidation]:
        return [order for order in self.orders if order.time_us <= self.now_us - self.lag_us]

    async def _history(self) -> Sequence[Event]:
        sums: dict[int, list[float]] = {}
        for order in self._known():
            if order.time_us == self.now_us:
                continue  # the end of what is asked for is not in it
            held = sums.setdefault(bar_open_us(order.time_us, "1m"), [0.0, 0.0])
            held[order.side == "sell"] += order.size * order.price
        volume = LiquidationVolume(
            symbol=BTC.symbol,
            time_us=self.now_us,
            interval="1m",
            start_us=list(sums),
            buy=[held[0] for held in sums.values()],
            sell=[held[1] for held in sums.values()],
            count=[1] * len(sums),
        )
        return (volume, *self._known())

    async def _since(self, start_us: int) -> Sequence[Event]:
        return [order for order in self._known() if order.time_us >= start_us]

    async def _check(self) -> Sequence[Event]:
        return ()

    # Its sockets.

    @precondition(lambda self: self.current is None)
    @rule()
    def connect(self) -> None:
        self.current = Socket()
        self.route.open(self.current)

    @precondition(lambda self: self.current is not None)
    @rule()
    def cut(self) -> None:
        self.route.lose(self.current, "cut")
        self.current = self.successor = None

    @precondition(lambda self: self.current is not None and self.successor is None)
    @rule()
    def begin_handover(self) -> None:
        self.successor = Socket()
        self.route.expect(self.successor)
        self.route.open(self.successor)

    @precondition(lambda self: self.successor is not None)
    @rule(succeeds=st.booleans())
    def end_handover(self, succeeds: bool) -> None:
        if succeeds:
            self.route.end(self.current)
            self.current = self.successor
        else:
            self.route.give_up(self.successor)
        self.successor = None

    @precondition(lambda self: self._unread())
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        socket = data.draw(st.sampled_from(self._unread()))
        self.route.take(socket, socket.frames.popleft())

    @precondition(lambda self: self.current is not None)
    @rule()
    def malformed(self) -> None:
        self.route.malformed("malformed frame")

    def _unread(self) -> list[Socket]:
        return [socket for socket in (self.current, self.successor) if socket is not None and socket.frames]

    # Its reader.

    @precondition(lambda self: bool(len(self.inbox)))
    @rule()
    def read(self) -> None:
        item = self.inbox.take()
        assert item is not None
        for event in self.follower.take(item):
            self.fold.apply(event)
            if isinstance(event, Liquidation):
                self.delivered[event.time_us] += 1
            elif isinstance(event, Gap):
                self.gaps += 1

    @precondition(lambda self: self.fetches.due)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.fetches.answer(data.draw(st.sampled_from(self.fetches.due)))

    @precondition(lambda self: self.fetches.due)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.fetches.due))
        if name in ONCE:
            self.fetches.asked.pop(name)
        self.inbox.put_first(Failed(name, VenueUnreachable("history", "HTTP 503"), final=name in ONCE))

    @precondition(lambda self: self.fetches.under_way)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.fetches.under_way)))
        self.inbox.put_first(Fetched(name, self.fetches.under_way.pop(name)))

    # What must be so.

    @invariant()
    def nothing_comes_twice(self) -> None:
        real = Counter(order.time_us for order in self.orders)
        assert not self.delivered - real, f"twice: {self.delivered - real}"

    def teardown(self) -> None:
        """After all trouble: everything that there was is held, and the sums are those of it."""
        if not hasattr(self, "follower"):
            return
        if self.current is None:
            self.connect()
        if self.successor is not None:
            self.end_handover(succeeds=True)
        self._settle()
        for _ in range(8):
            self.now_us += 20 * SECOND_US
            self._settle()
        self.nothing_comes_twice()
        real = Counter(order.time_us for order in self.orders)
        assert self.delivered == real
        held = Counter(order.time_us for order in self.fold.view())
        assert (set(held) if self.gaps else held) == (set(real) if self.gaps else real)
        columns = self.fold.at("1m", MONTH_US, self.now_us)
        for side, column in (("buy", columns.buy), ("sell", columns.sell)):
            sums = Counter[int]()
            for order in self.orders:
                sums[bar_open_us(order.time_us, "1m")] += round(order.notional * 100) if order.side == side else 0
            if self.gaps:
                continue
            for start_us, held in zip(columns.start_us.tolist(), column.tolist(), strict=True):
                assert held * 100 == pytest.approx(sums[start_us], abs=50 + 1e-6 * sums[start_us])

    def _settle(self) -> None:
        while self._unread() or len(self.inbox) or self.fetches.due or self.fetches.under_way:
            for socket in self._unread():
                self.route.take(socket, socket.frames.popleft())
                while len(self.inbox):
                    self.read()
            for name in self.fetches.due:
                self.fetches.answer(name)
            for name in list(self.fetches.under_way):
                self.inbox.put_first(Fetched(name, self.fetches.under_way.pop(name)))
            while len(self.inbox):
                self.read()


TestMerge = Merge.TestCase
TestMerge.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
