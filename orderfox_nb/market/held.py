"""Topics that stay subscribed from their first use on, so that the next read is current and costs nothing."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from orderfox_nb.core.events import Topic
from orderfox_nb.desk.across.members import MemberTopics
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.engine import Engine
from orderfox_nb.errors import FeedError
from orderfox_nb.lifecycle import Service
from orderfox_nb.market.callbacks import Subscription
from orderfox_nb.market.frames import origin_attributes
from orderfox_nb.market.trade_log import TradeColumns, TradeLog
from orderfox_nb.views.live_across import joined_quality

if TYPE_CHECKING:
    from orderfox_nb.market.paper.run import PaperRun

Answer = TypeVar("Answer")

READY_S = 30.0


class HeldTopics:
    """Keeps topics open on the engine's loop.

    Everything but the constructor and ``close`` runs there, so that no two threads ever touch one fold.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[Topic, Service[State]] = {}
        self._across: dict[tuple[str, str], Service[MemberTopics]] = {}
        """Channels of several markets by the markets and the channel."""
        self._logs: dict[Topic, tuple[TopicState, TradeLog]] = {}
        """Topics of which more trades are kept than their fold has, with the state whose events are added."""
        self._frozen: dict[Topic, tuple[Any, dict[str, Any]]] | None = None
        # The tasks of a market that is dropped must end on their loop, not where they are freed.
        finalizer = weakref.finalize(self, _release, engine, self._held, self._across, self._logs)
        finalizer.atexit = False
        self.subscriptions: set[Subscription[Any]] = set()
        """Callbacks that are called until they are closed."""
        self.runs: set[PaperRun] = set()
        """Strategies on paper, which run until they are stopped."""

    def view(self, topic: Topic) -> tuple[Any, dict[str, Any]]:
        """Return a topic's view and its attributes, waiting for its first data.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked, nothing came in time, or the topic was not open at the moment that is
                shown.
        """
        if self._frozen is not None:
            if topic not in self._frozen:
                raise FeedError(
                    topic.venue, f"{topic} was not open when the market was frozen: read it once before freeze()"
                )
            view, attributes = self._frozen[topic]
            # A DataFrame takes ownership of the columns.
            return view.copies() if isinstance(view, TradeColumns) else view, deepcopy(attributes)
        return self._engine.run(self._view(topic), timeout_s=READY_S * 2)

    def across(
        self, markets: str, channel: str, read: Callable[[MemberTopics], Answer]
    ) -> tuple[Answer, dict[str, Any]]:
        """Return the result of ``read`` on a channel of several markets and its attributes, waiting for first data.

        Args:
            markets: As in a resolved key.
            channel: Such as ``book``.
            read: Called on the engine's loop.

        Raises:
            FeedError: The market is frozen; several venues cannot be frozen at one moment.
        """
        if self._frozen is not None:
            raise FeedError("*", "a view over venues cannot be frozen: read it outside of freeze()")
        return self._engine.run(self._read_across(markets, channel, read), timeout_s=READY_S * 2)

    def keep(self, topic: Topic, count: int) -> None:
        """Keep a number of the newest trades of a topic.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked, or nothing came in time.
        """
        self._engine.run(self._keep(topic, count), timeout_s=READY_S * 2)

    @contextmanager
    def freeze(self) -> Generator[int]:
        """Show every open topic as it is now, until the context ends; gives the venue's time.

        Raises:
            FeedError: Nothing is open.
        """
        before = self._frozen
        now_us, frozen = self._engine.run(self._views())
        if not frozen:
            raise FeedError(self._engine.desk.venue, "nothing is open yet: read what you want to see before freeze()")
        self._frozen = frozen
        try:
            yield now_us
        finally:
            self._frozen = before

    def close(self) -> None:
        """Release every topic and end every callback; has no effect once the engine has ended."""
        for run in list(self.runs):
            run.stop("the market was closed")
        for subscription in list(self.subscriptions):
            subscription.close()
        if self._engine.running:
            self._engine.run(self._close())

    async def _view(self, topic: Topic) -> tuple[Any, dict[str, Any]]:
        state = await self.hold(topic)
        return self._view_of(state), self._attributes(state, self._engine.desks.of(topic.venue).now_us())

    def _view_of(self, state: State) -> Any:
        if (kept := self._logs.get(state.topic)) is None:
            return state.fold.view()
        known, log = kept
        if known is not state and isinstance(state, TopicState):
            # The stream had ended and was opened again.
            self._log(state, log)
        return log.columns()

    async def _read_across(
        self, markets: str, channel: str, read: Callable[[MemberTopics], Answer]
    ) -> tuple[Answer, dict[str, Any]]:
        across = self._engine.desks.across
        service = self._across.get((markets, channel))
        if service is None:
            service = Service(lambda: across.members(markets, channel), name=f"across {markets} {channel}")
            self._across[markets, channel] = service
        members = await service.start()
        await members.until_ready()
        origins = [origin_attributes(member.desk.origin) for member in members.members]
        quality = joined_quality([member.quality(members.clock.now_us()) for member in members.members])
        attributes = {
            "symbol": markets,
            "sources": [origin["source"] for origin in origins],
            "simulated": any(origin["simulated"] for origin in origins),
            "recorded": any(origin["recorded"] for origin in origins),
            "quality": {"state": quality.state, "coverage": quality.coverage, "since_us": quality.since * 1000},
        }
        return read(members), attributes

    async def _keep(self, topic: Topic, count: int) -> None:
        state = await self.hold(topic)
        assert isinstance(state, TopicState)
        log = TradeLog(count)
        if (before := self._logs.pop(topic, None)) is not None:
            before[0].untap(before[1].apply)
            log.extend(before[1])
        self._log(state, log)

    def _log(self, state: TopicState, log: TradeLog) -> None:
        for trade in state.fold.view():
            log.apply(trade)
        state.tap(log.apply)
        self._logs[state.topic] = (state, log)

    async def _views(self) -> tuple[int, dict[Topic, tuple[Any, dict[str, Any]]]]:
        # Awaits nothing: no event is folded between the first view and the last.
        now_us = {desk.venue: desk.now_us() for desk in self._engine.desks.all}
        states = {topic: service.current for topic, service in self._held.items()}
        return now_us[self._engine.desk.venue], {
            topic: (self._view_of(state), self._attributes(state, now_us[topic.venue]))
            for topic, state in states.items()
            if state is not None
        }

    async def hold(self, topic: Topic) -> State:
        """Subscribe to a topic, or stay subscribed, and wait until it is whole.

        A topic that does not become whole in time is returned if it has data: its quality describes them.
        """
        desk = self._engine.desks.of(topic.venue)
        service = self._held.get(topic)
        if service is None:
            service = self._held[topic] = Service(lambda: desk.hub.open(topic), name=f"held {topic}")
        try:
            state = await service.start()
        except BaseException:
            self._held.pop(topic, None)
            raise
        whole = await state.until_whole(READY_S)
        if state.error is not None:
            # The stream ended with an error: the next read starts it again.
            self._held.pop(topic, None)
            await service.stop()
            raise state.error
        if not whole and not state.ended and not state.last_us:
            reason = state.quality.reason or "no data yet"
            raise FeedError(topic.venue, f"{topic} has no data: {reason}")
        return state

    async def _close(self) -> None:
        await _stop(self._held, self._across, self._logs)

    def _attributes(self, state: State, now_us: int) -> dict[str, Any]:
        origin = self._engine.desks.of(state.topic.venue).origin
        quality = state.quality
        return {
            "symbol": state.topic.symbol,
            **origin_attributes(origin),
            "time_us": now_us,
            "quality": {
                "state": quality.state.value,
                "whole": state.whole,
                "coverage": quality.coverage,
                "since_us": quality.since_us,
                "reason": quality.reason,
                # Plain values: pandas copies and compares attrs.
                "lapses": [msgspec.structs.asdict(lapse) for lapse in quality.intervals()],
            },
        }


_Held = dict[Topic, Service[State]]
_Across = dict[tuple[str, str], Service[MemberTopics]]
_Logs = dict[Topic, tuple[TopicState, TradeLog]]


def _release(engine: Engine, held: _Held, across: _Across, logs: _Logs) -> None:
    """Release the topics of a market that was dropped without being closed, on any thread."""
    if (held or across) and engine.running:
        engine.submit(_stop(held, across, logs))


async def _stop(held: _Held, across: _Across, logs: _Logs) -> None:
    for state, log in logs.values():
        state.untap(log.apply)
    logs.clear()
    services = [*held.values(), *across.values()]
    held.clear()
    across.clear()
    for service in services:
        await service.stop()
