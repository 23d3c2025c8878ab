"""The stream contract of ``feeds/base.py`` as tests that any Feed can be put through.

A feed takes part by a *stage*: an async context manager that gives the feed together with what its venue can be made
to do. Subclass ``StreamContract`` and ``FaultContract`` with a fixture ``stage``, or add to ``STAGES`` (stages.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import (
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Gap,
    Liquidation,
    Status,
    Topic,
    Trade,
    encode_event,
)
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import MINUTE_US
from orderfox_nb.errors import NoPast
from orderfox_nb.feeds.base import Feed, deliver
from orderfox_nb.feeds.past import Fact, Span, read_past

START_US = 1_795_000_000_000_000
_SHOWN = 20
"""Liquidations that are compared."""
CHANNELS = ("book", "trades", "candles", "liquidations", "mark", "ticker")
SPOT_CHANNELS = ("book", "trades", "candles", "ticker")


async def _nothing() -> None:
    await asyncio.sleep(0)


@dataclass(frozen=True)
class Stage:
    """A feed and its venue.

    Args:
        feed: Entered.
        instrument: The symbol to test with.
        pass_time: Lets some time of the venue pass.
        lose: Makes the venue lose the next frame of a channel; None where it cannot.
        cut: Makes the venue cut every connection; None where it cannot.
        ends: Whether streams end with what was recorded.
        forgets: Whether the venue keeps no liquidations, so that a later reader lacks those before it.
        own: How the names of the feed's tasks begin; those of its venue are on the same loop.
    """

    feed: Feed
    instrument: Instrument
    pass_time: Callable[[], Awaitable[None]] = _nothing
    lose: Callable[[str], None] | None = None
    cut: Callable[[], None] | None = None
    ends: bool = False
    forgets: bool = False
    own: tuple[str, ...] = ("venue", "fetch", "hub", "remote")

    def topic(self, channel: Any) -> Topic:
        return Topic(self.feed.venue, self.instrument.symbol, channel, "1m" if channel == "candles" else "")


class Reader:
    """Reads a topic in a task of its own into a list and a fold.

    Args:
        delivered: Read as the hub does: each event is passed on as it arrives.
    """

    def __init__(self, stage: Stage, channel: str, *, delivered: bool = False) -> None:
        self._delivered = delivered
        self._stage = stage
        self.topic = stage.topic(channel)
        self.events: list[Event] = []
        self.texts: list[bytes] = []
        self.fold = fold_for(self.topic, stage.instrument)
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read(), name=f"reader {self.topic}")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def _read(self) -> None:
        if self._delivered:
            await deliver(self._stage.feed, self.topic, self._handle)
            return
        async with aclosing(self._stage.feed.stream(self.topic)) as stream:
            async for event in stream:
                self._handle(event)

    def _handle(self, event: Event) -> None:
        self.events.append(event)
        self.texts.append(encode_event(event))
        self.fold.apply(event)
        self._arrived.set()

    async def until(self, condition: Callable[[], bool], *, within_s: float = 60) -> None:
        """Let the venue's time pass until something is so."""
        async with asyncio.timeout(within_s):
            while not condition():
                assert self._task is not None
                if self._task.done():
                    self._task.result()
                    if self._stage.ends:
                        return
                    raise AssertionError(f"{self.topic} has ended after {len(self.events)} events")
                self._arrived.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await self._arrived.wait()
                except TimeoutError:
                    # Another reader may have caught up since this one's last event.
                    if condition():
                        return
                    await self._stage.pass_time()

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def facts(self) -> list[Event]:
        return [event for event in self.events if not isinstance(event, (Status, Gap))]

    @property
    def forgets(self) -> bool:
        """Whether another reader may lack the liquidations before it."""
        return self._stage.forgets

    @property
    def unbroken(self) -> bool:
        """Whether trades have an order without holes."""
        return self._stage.feed.origin.unbroken_trades

    @property
    def live_after_down(self) -> bool:
        """Whether the stream has been down, and live again after that."""
        states = [status.state for status in self.of(Status)]
        return "down" in states and "live" in states[states.index("down") :]

    @property
    def built(self) -> bool:
        """Whether the stream has said that its prelude is whole."""
        return any(status.ends_prelude for status in self.of(Status))


def agree(one: Reader, other: Reader) -> bool:
    """Return whether two folds that were opened at different times show the same within the kept window."""
    left, right = one.fold, other.fold
    if isinstance(left, Book) and isinstance(right, Book):
        # A snapshot holds 1,000 levels a side: further out an older reader knows more.
        return left.update_id == right.update_id and all(
            np.array_equal(a, b)
            for side in ("bid", "ask")
            for a, b in zip(left.levels(side, 200), right.levels(side, 200), strict=True)
        )
    if isinstance(left, TapeState) and isinstance(right, TapeState) and not one.unbroken:
        return _volumes(left, right) == _volumes(right, left) != []
    if isinstance(left, LiquidationState) and isinstance(right, LiquidationState):
        shown = _shown(left), _shown(right)
        # Newest first: how much of the market's time passes before a later reader opens depends on the machine.
        shared = min(map(len, shown)) if one.forgets else _SHOWN
        return shown[0][:shared] == shown[1][:shared]
    return left.digest() == right.digest()


def _volumes(fold: TapeState, other: TapeState) -> list[tuple[str, float]]:
    """Return what was traded between the newest trades that two tapes have in common.

    A venue may send the fills of an order as one trade, under the id of the last, and answer each of them over REST.
    """
    shared = {trade.id for trade in fold.view()} & {trade.id for trade in other.view()}
    volumes: list[tuple[str, float]] = []
    traded, started = 0.0, False
    for trade in fold.view():
        traded += trade.size
        if trade.id in shared:
            if started:
                volumes.append((trade.id, round(traded, 9)))
            traded, started = 0.0, True
    return volumes if traded == 0 else []


def _shown(fold: LiquidationState) -> list[tuple[int, str, float]]:
    return [(order.time_us, order.side, round(order.notional, 4)) for order in fold.view()[:_SHOWN]]


async def known_of(stage: Stage, channel: str, kind: type[Fact], limit: int) -> list[Fact]:
    """Return the newest events of a past, none where the feed keeps none."""
    try:
        return (await read_past(stage.feed.past, stage.topic(channel), kind, Span(limit=limit)))[0]
    except NoPast:
        return []


class StreamContract:
    """What holds for every stream of every feed."""

    async def test_a_stream_opens_with_a_prelude_that_builds_its_fold(self, stage: Stage, channel: str) -> None:
        async with Reader(stage, channel) as reader:
            await reader.until(lambda: reader.built)
            rebuilt = fold_for(reader.topic, stage.instrument)
            for event in reader.fold.prelude():
                rebuilt.apply(event)
            assert rebuilt.digest() == reader.fold.digest()

    async def test_a_stream_says_that_it_is_live_when_its_prelude_is_whole(self, stage: Stage, channel: str) -> None:
        # What is there before the stream is opened must be there when it says that it is whole.
        trades = [trade.sequence or 0 for trade in await known_of(stage, "trades", Trade, 1_000)]
        bars = [bar.open_us for bar in await known_of(stage, "candles", Candle, 1_500)]
        orders = await known_of(stage, "liquidations", Liquidation, 20)
        for late in (False, True):
            async with AsyncExitStack() as stack:
                if late:
                    first = await stack.enter_async_context(Reader(stage, channel))
                    await first.until(lambda first=first: first.built)
                reader = await stack.enter_async_context(Reader(stage, channel))
                await reader.until(lambda reader=reader: reader.built)
                fold = fold_for(reader.topic, stage.instrument)
                ends = [isinstance(event, Status) and event.ends_prelude for event in reader.events]
                for event in reader.events[: ends.index(True)]:
                    fold.apply(event)
                match fold:
                    case Book():
                        assert fold.synced
                    case TapeState():
                        known = {trade.sequence or 0 for trade in fold.view()}
                        assert known
                        # What a list answers as past is also what it has yet to play.
                        due = (number for number in trades if not stage.ends or number <= max(known))
                        # Some venues answer fewer trades than a tape keeps.
                        first = max(known) - fold.keep + 1 if stage.feed.origin.unbroken_trades else min(known)
                        assert {number for number in due if number >= first} <= known
                    case CandleState():
                        known = fold.view().open_us.tolist()
                        assert known
                        assert {open_us for open_us in bars if open_us > max(known) - 1500 * MINUTE_US} <= {*known}
                    case LiquidationState():
                        known = {(order.time_us, order.side) for order in fold.view()}
                        assert {(order.time_us, order.side) for order in orders} <= known
                    case _:
                        assert fold.view() is not None

    async def test_events_come_in_the_order_in_which_the_exchange_sent_them(self, stage: Stage, channel: str) -> None:
        async with Reader(stage, channel) as reader:
            await reader.until(lambda: reader.built)
            if channel != "liquidations":
                before = len(reader.facts)
                await reader.until(lambda: len(reader.facts) > before + 2)
            trades = reader.of(Trade)
            assert trades or channel != "trades"
            assert len({trade.id for trade in trades}) == len(trades)
            # Some venues give trades no order.
            ids = [trade.sequence for trade in trades if trade.sequence is not None]
            if ids and stage.feed.origin.unbroken_trades:
                assert ids == list(range(ids[0], ids[0] + len(ids)))
            assert ids == sorted(ids)
            bars = [candle.open_us for candle in reader.of(Candle)]
            assert bars == sorted(bars)
            books = reader.of(BookSnapshot, BookDelta)
            for earlier, later in pairwise(books):
                if isinstance(earlier, BookDelta) and isinstance(later, BookDelta):
                    assert later.previous_id == earlier.last_id
            if channel in ("mark", "ticker"):
                times = [event.time_us for event in reader.facts]
                assert times == sorted(times)

    async def test_an_event_never_changes_after_it_was_yielded(self, stage: Stage, channel: str) -> None:
        async with Reader(stage, channel) as reader:
            await reader.until(lambda: reader.built)
            await stage.pass_time()
            assert [encode_event(event) for event in reader.events] == reader.texts

    async def test_two_readers_build_the_same_fold(self, stage: Stage, channel: str) -> None:
        async with Reader(stage, channel) as first:
            await first.until(lambda: first.built)
            async with Reader(stage, channel, delivered=True) as late:
                await late.until(lambda: late.built)
                await late.until(lambda: agree(first, late))

    async def test_closing_returns_after_the_last_task_is_gone(self, stage: Stage, channel: str) -> None:
        before = asyncio.all_tasks()
        async with Reader(stage, channel) as reader:
            await reader.until(lambda: reader.built)
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert {name for name in left if name.startswith(stage.own)} == set()
        assert stage.feed.statistics().get("sockets", 0) == 0


async def check_every_stream(stage: Stage) -> None:
    """Put each channel of a feed through the contract on one stage: most of the time goes into opening one."""
    rules = [name for name in vars(StreamContract) if name.startswith("test_")]
    for channel in CHANNELS:
        for rule in rules:
            try:
                await getattr(StreamContract(), rule)(stage, channel)
            except BaseException as error:
                error.add_note(f"{channel}: {rule}")
                raise


class FaultContract:
    """What holds where frames are lost and connections cut."""

    async def test_loss_is_repaired_or_reported_and_never_silent(self, stage: Stage, channel: str) -> None:
        assert stage.lose is not None
        async with Reader(stage, channel) as reader, Reader(stage, channel, delivered=True) as other:
            await reader.until(lambda: reader.built)
            await other.until(lambda: other.built)
            before = len(reader.facts)
            stage.lose(channel)
            await reader.until(lambda: len(reader.facts) > before + 3)
            if channel == "book":
                await reader.until(lambda: len(reader.of(BookSnapshot)) > 1)
                first_gap = next(at for at, event in enumerate(reader.events) if isinstance(event, Gap))
                after = [event for event in reader.events[first_gap:] if isinstance(event, (BookSnapshot, BookDelta))]
                assert isinstance(after[0], BookSnapshot)
            if channel == "trades":
                assert not reader.of(Gap)
                ids = [trade.sequence or 0 for trade in reader.of(Trade)]
                assert ids == list(range(ids[0], ids[0] + len(ids)))
            await reader.until(lambda: agree(reader, other))

    async def test_a_cut_connection_is_reported_and_heals(self, stage: Stage, channel: str) -> None:
        assert stage.cut is not None
        async with Reader(stage, channel, delivered=True) as reader:
            await reader.until(lambda: reader.built)
            stage.cut()
            # Both may have happened before either is looked at.
            await reader.until(lambda: reader.live_after_down)
            if channel != "liquidations":
                facts = len(reader.facts)
                await reader.until(lambda: len(reader.facts) > facts + 2)
            async with Reader(stage, channel) as late:
                await late.until(lambda: late.built and agree(reader, late))
