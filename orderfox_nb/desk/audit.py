"""Periodic comparison of watched books with a fresh snapshot at the same update id."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.core.book import Book
from orderfox_nb.core.book_audit import BookAudit
from orderfox_nb.core.quality import QualityState
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.feeds.base import Auditable

_log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""One book each minute: a snapshot of 1,000 levels costs 20 of 2,400 in weight."""

COMPARE_TIMEOUT_S: Final = 10.0
"""Timeout for the two books to reach the same update id."""


class Auditor:
    """Compares watched books in turn; a difference is counted, logged, and repaired by a resync.

    Args:
        feed: Gives fresh snapshots, and rebuilds a book.
        clock: Measures the pauses.
        topics: Returns every open topic.
        every_s: Pause between two audits.
    """

    def __init__(
        self, feed: Auditable, clock: Clock, topics: Callable[[], Sequence[TopicState]], *, every_s: float = EVERY_S
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._topics = topics
        self._every_s = every_s
        self._audited: dict[str, int] = {}
        self.audits = 0
        self.differences = 0
        self.inconclusive = 0

    def statistics(self) -> Mapping[str, int]:
        """Return how many audits ran, how many found a difference, and how many were inconclusive."""
        return {
            "audits": self.audits,
            "audit_differences": self.differences,
            "audits_inconclusive": self.inconclusive,
        }

    async def run(self) -> None:
        """Audit one book after the other until cancelled."""
        while True:
            await self._clock.sleep(self._every_s)
            if (state := self._next()) is not None:
                await self.audit(state)

    def _next(self) -> TopicState | None:
        """Return the live book that was audited longest ago."""
        books = [
            state
            for state in self._topics()
            if state.topic.channel == "book" and state.users and state.quality.state is QualityState.LIVE
        ]
        symbols = {state.topic.symbol for state in books}
        self._audited = {symbol: turn for symbol, turn in self._audited.items() if symbol in symbols}
        return min(books, key=lambda state: self._audited.get(state.topic.symbol, -1), default=None)

    async def audit(self, state: TopicState) -> int | None:
        """Compare one book now; return how many levels differ, None if inconclusive."""
        self.audits += 1
        self._audited[state.topic.symbol] = self.audits
        differing = await self._compare(state)
        if differing is None:
            self.inconclusive += 1
        elif differing:
            self.differences += 1
            reason = f"{differing} {'level differs' if differing == 1 else 'levels differ'} from a fresh snapshot"
            _log.warning("%s: %s", state.topic, reason)
            self._feed.resync(state.topic, reason)
        return differing

    async def _compare(self, state: TopicState) -> int | None:
        live = state.fold
        assert isinstance(live, Book)
        audit = BookAudit(state.instrument)
        changed = asyncio.Event()
        state.tap(audit.apply)
        state.watch(changed.set)
        try:
            async with asyncio.timeout(COMPARE_TIMEOUT_S):
                while not audit.deltas:
                    changed.clear()
                    await changed.wait()
                while (snapshot := await self._feed.book(state.topic.symbol)) is not None:
                    if audit.snapshot(snapshot):
                        break
                else:
                    return None
                while not audit.invalid and not state.ended:
                    if (differing := audit.differing(live)) is not None:
                        return differing
                    changed.clear()
                    await changed.wait()
        except (TimeoutError, OrderFoxError):
            pass
        finally:
            state.untap(audit.apply)
            state.unwatch(changed.set)
        return None
