"""Studies of this process: folds over the topics that the hub has open."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias

from orderfox_nb.analytics.studies import Study, check_study
from orderfox_nb.core.events import Event, Topic, is_restart
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.joined_quality import JoinedQuality
from orderfox_nb.core.quality import QualityState
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.desk.watched import Watched

_log = logging.getLogger(__name__)

_MISSING: Final = frozenset({QualityState.SYNCING, QualityState.GAP, QualityState.DOWN})
"""States of the inputs in which events are on their way that come before those of the channels beside them."""


class StudyState(Watched[JoinedQuality]):
    """A study's fold over the events of its inputs, each folded as soon as its topic has it.

    Args:
        topic: Topic of the study.
        study: Its row.
        inputs: Its open topics.
    """

    def __init__(self, topic: Topic, study: Study, inputs: Sequence[TopicState]) -> None:
        self.study = study
        self.inputs = tuple(inputs)
        self._beside: dict[Topic, tuple[TopicState, Callable[[Event], None]]] = {}
        """With what each is tapped by."""
        self._restarted: set[Topic] = set()
        """What has restarted since the fold was made: it is made again before it is read."""
        instrument, quality = inputs[0].instrument, JoinedQuality([state.quality for state in inputs])
        super().__init__(topic, instrument, self._folded(topic.interval), quality)
        for state in inputs:
            state.tap(self._apply)
            state.watch(self._follow)
        self._follow()

    @property
    def fold(self) -> Fold[Any]:  # pyright: ignore[reportIncompatibleVariableOverride] - read as the attribute it is
        """The fold; after a restart it is made for its next reader, since the inputs restart one after the other."""
        if self._restarted:
            try:
                self._made = self._folded(self.topic.interval)
            except Exception as error:  # noqa: BLE001 - as in _apply
                self._fail(error)
            self._restarted.clear()
        return self._made

    @fold.setter
    def fold(self, fold: Fold[Any]) -> None:
        self._made = fold

    @property
    def whole(self) -> bool:
        return all(state.whole for state in self.inputs) and self.study.whole(self.fold)

    @property
    def last_us(self) -> int:
        """Exchange time of the last event of its inputs that was not a status."""
        return max(state.last_us for state in self.inputs)

    @property
    def opened_us(self) -> int:
        """Since when all of its inputs are open."""
        return max(state.opened_us for state in self.inputs)

    @property
    def known_us(self) -> int:
        """From when on all of its inputs are known."""
        return max(state.known_us for state in self.inputs)

    def join(self, state: TopicState) -> None:
        """Read a topic beside the inputs, if it is one of the study's and as long as it is open."""
        if state.topic in self.study.topics(self.topic, self.study.beside):
            tap = partial(self._apply_beside, state.topic)
            self._beside[state.topic] = state, tap
            for numbered in state.prelude():
                tap(numbered.event)
            state.tap(tap)

    def close(self) -> None:
        """Read the topics no more."""
        for state in self.inputs:
            state.untap(self._apply)
            state.unwatch(self._follow)
        for state, tap in self._beside.values():
            state.untap(tap)

    def _folded(self, interval: str) -> Fold[Any]:
        """Return a new fold with what is known of the topics."""
        fold = self.study.fold(self.inputs[0].instrument, interval)
        # What has not restarted yet is of the time before; the rest would have been folded beside whole inputs by now.
        is_whole = all(state.whole for state in self.inputs)
        beside = [state for state, _ in self._beside.values() if is_whole and state.topic in self._restarted]
        for state in (*self.inputs, *beside):
            for numbered in state.prelude():
                fold.apply(numbered.event)
        return fold

    def _follow(self) -> None:
        """Something of an input has changed, maybe its quality alone."""
        if self.error is None:
            self.error = next((state.error for state in self.inputs if state.error is not None), None)
            self.ended = self.error is not None or all(state.ended for state in self.inputs)
        self.signal()

    def _apply(self, event: Event) -> None:
        try:
            if is_restart(event):
                # What the other inputs know is folded again, until they restart as well.
                self.instrument = self.inputs[0].instrument
                self._restarted.add(self.topic)
                self.restarts += 1
            elif self.error is None and not self._restarted:
                self._made.apply(event)
        except Exception as error:  # noqa: BLE001 - a bug in one study must not end the topic that it reads
            self._fail(error)
        self.revision += 1

    def _fail(self, error: Exception) -> None:
        _log.error("the study %s failed", self.topic, exc_info=error)
        self.error, self.ended = error, True

    def _apply_beside(self, topic: Topic, event: Event) -> None:
        if is_restart(event):
            self._restarted.add(topic)
        # An event beside a hole would be folded before those that fill it.
        if self._restarted or (self.last_us and self.whole and self.quality.state not in _MISSING):
            self._apply(event)
            self.signal()


State: TypeAlias = TopicState | StudyState
"""What ``Hub.open`` gives."""


class Studies:
    """The open studies of a hub.

    Args:
        watch: Holds a channel's topic open.
        state: Returns an open topic, or None.
    """

    def __init__(
        self,
        watch: Callable[[Topic], AbstractAsyncContextManager[TopicState]],
        state: Callable[[Topic], TopicState | None],
    ) -> None:
        self._watch = watch
        self._state = state
        self._open: dict[Topic, StudyState] = {}

    def state(self, topic: Topic) -> StudyState | None:
        """Return an open study, or None."""
        return self._open.get(topic)

    @asynccontextmanager
    async def open(self, topic: Topic) -> AsyncGenerator[StudyState]:
        """Hold a study and its inputs open.

        Raises:
            BadValue: No such study, or an interval that does not fit it.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        study = check_study(topic.channel, topic.interval)
        async with AsyncExitStack() as stack:
            inputs = [await stack.enter_async_context(self._watch(one)) for one in study.topics(topic, study.inputs)]
            state = self._open.get(topic)
            if state is None or state.error is not None or state.inputs != tuple(inputs):
                state = self._open[topic] = StudyState(topic, study, inputs)
                for one in study.topics(topic, study.beside):
                    if (open_now := self._state(one)) is not None:
                        state.join(open_now)
            state.users += 1
            try:
                yield state
            finally:
                state.users -= 1
                if not state.users:
                    state.close()
                    if self._open.get(topic) is state:
                        del self._open[topic]

    def opened(self, state: TopicState) -> None:
        """Let the studies that are open read a topic that has just been opened, where they read it beside."""
        for study in self._open.values():
            study.join(state)
