"""State that reports its changes, for frames and DataFrames that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from orderfox_nb.core.events import Topic
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.joined_quality import JoinedQuality
from orderfox_nb.core.quality import QualityState, QualityTracker

FoldT = TypeVar("FoldT")
QualityT = TypeVar("QualityT", QualityTracker, JoinedQuality)

DOWN_S: Final = 5.0
"""How long a reader waits for the prelude of a topic whose connection is down."""


class Watchable(Protocol):
    """Anything that frames can follow."""

    error: BaseException | None
    """Why it has ended, None while it continues."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call a function after every change; it must not do work or raise."""
        ...

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Stop calling it."""
        ...


class Watchers:
    """Functions that are called after every change."""

    def __init__(self) -> None:
        self._watchers: set[Callable[[], None]] = set()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call a function after every change; it must not do work or raise."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Stop calling it."""
        self._watchers.discard(changed)

    def signal(self) -> None:
        """Notify: something may have changed."""
        for changed in self._watchers:
            changed()


class Watched(Watchers, Generic[QualityT]):
    """The state that a topic and a study have in common: a fold with its quality.

    Args:
        topic: The topic.
        instrument: The record of its symbol.
        fold: Empty.
        quality: How far the fold can be trusted.
    """

    def __init__(self, topic: Topic, instrument: Instrument, fold: Fold[Any], quality: QualityT) -> None:
        super().__init__()
        self.topic = topic
        self.instrument = instrument
        self.fold = fold
        self.quality = quality
        self.revision: int = 0
        """Counts whatever may change a frame: events and quality."""
        self.restarts: int = 0
        """How often the venue restarted, so that the fold did."""
        self.users: int = 0
        """Readers of events and of frames."""
        self.error: BaseException | None = None
        self.ended = False

    @property
    def whole(self) -> bool:
        """Whether the fold has everything of its prelude: the one answer to whether it may be shown or returned."""
        raise NotImplementedError

    def fold_as(self, kind: type[FoldT]) -> FoldT:
        """Return the fold, which is of a kind.

        Raises:
            TypeError: It is of another one.
        """
        if not isinstance(self.fold, kind):
            raise TypeError(f"{self.topic} has a {type(self.fold).__name__}, no {kind.__name__}")
        return self.fold

    def touch(self) -> None:
        """Count a change and notify."""
        self.revision += 1
        self.signal()

    async def until_whole(self, timeout_s: float, *, down_s: float = DOWN_S) -> bool:
        """Wait until the fold is whole or nothing more comes; return whether it is whole.

        Args:
            timeout_s: How long to wait at most.
            down_s: The same once the connection is down.
        """
        await self._until(lambda: self.whole, timeout_s, down_s=down_s)
        return self.whole

    async def until_restart(self, known: int, timeout_s: float) -> bool:
        """Wait until the fold has restarted or nothing more comes; return whether it has.

        Args:
            known: ``restarts`` of before.
            timeout_s: How long to wait at most.
        """
        await self._until(lambda: self.restarts != known, timeout_s, down_s=timeout_s)
        return self.restarts != known

    async def _until(self, condition: Callable[[], bool], timeout_s: float, *, down_s: float) -> None:
        if condition() or self.ended:
            return
        changed = asyncio.Event()
        self.watch(changed.set)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s) as limit:
                while not condition() and not self.ended:
                    if self.quality.state is QualityState.DOWN:
                        limit.reschedule(min(limit.when() or 0.0, loop.time() + down_s))
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            self.unwatch(changed.set)
