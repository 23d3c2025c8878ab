"""Moves the events of a feed into the folds of open topics, and rebuilds a topic whose data cannot be right."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from functools import partial
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Event, Gap, Topic
from orderfox_nb.desk.relisting import Relisting
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import EventError, OffStep, OrderFoxError
from orderfox_nb.feeds.base import Auditable, Feed, deliver
from orderfox_nb.feeds.problem_log import ProblemLog

_log = logging.getLogger(__name__)

REOPEN_S: Final = 1.0


class _Reopen(Exception):
    """Ends a stream that must be opened again."""


class Upstreams:
    """The only writer of topics: one run for each open one.

    Args:
        feed: Where events come from.
        clock: Measures the pause before a stream is opened again.
        relisting: Reloads the record of a symbol whose tick or lot size is another one.
    """

    def __init__(self, feed: Feed, clock: Clock, relisting: Relisting) -> None:
        self._feed = feed
        self._clock = clock
        self._relisting = relisting
        self._problem_log = ProblemLog(_log, clock)
        self._reopen: set[Topic] = set()
        """Topics of a feed that cannot rebuild a stream: opened again with their next event."""
        self.newest_us = 0
        """Exchange time of the newest event of all topics."""
        self.events = 0
        self.crossed = 0
        """How many books were found crossed."""

    async def run(self, state: TopicState) -> BaseException | None:
        """Fold a topic's events until its stream ends; return the error that ended it."""
        try:
            while not await self._read(state):
                await self._clock.sleep(REOPEN_S)
        except OrderFoxError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug in one topic must not end the others
            _log.exception("the stream of %s failed", state.topic)
            return error
        return None

    async def _read(self, state: TopicState) -> bool:
        """Read one stream; return whether it ended, False if it must be opened again."""
        self._reopen.discard(state.topic)
        try:
            await deliver(self._feed, state.topic, partial(self._apply, state))
        except OffStep as found:
            await self._relisting.reload(state.topic.symbol, found)
            return False
        except _Reopen:
            return False
        return True

    def _apply(self, state: TopicState, event: Event) -> Awaitable[None] | None:
        """Fold an event; a relisted symbol's record must be loaded before the next one."""
        if type(event) is Gap:
            if event.restart:
                self.newest_us = 0
            if event.relisted:
                # Another server has noticed it, whose list is new by now.
                self.events += 1
                return self._relisting.follow(state, event)
        elif event.received_us and event.time_us > self.newest_us:
            self.newest_us = event.time_us
        self.events += 1
        try:
            state.apply(event)
        except EventError as error:
            state.apply(Gap(symbol=state.topic.symbol, time_us=event.time_us, reason=str(error)))
            if isinstance(error, OffStep):
                raise
            self._problem_log.report(str(state.topic), f"{state.topic}: an event that cannot follow: {error}")
            raise _Reopen from error
        if self._reopen and state.topic in self._reopen:
            self._reopen.discard(state.topic)
            raise _Reopen
        return None

    def resync(self, state: TopicState, reason: str) -> None:
        """Let a topic's stream rebuild its state."""
        if isinstance(self._feed, Auditable):
            self._feed.resync(state.topic, reason)
        else:
            self._reopen.add(state.topic)

    def report_crossed(self, state: TopicState, reason: str, now_us: int) -> None:
        """Report a book that cannot be right as a gap, so that it is not used, and rebuild it."""
        self.crossed += 1
        _log.warning("%s: %s", state.topic, reason)
        state.apply(Gap(symbol=state.topic.symbol, time_us=now_us, reason=reason))
        self.resync(state, reason)
