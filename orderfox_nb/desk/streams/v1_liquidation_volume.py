"""Stream ``v1.liquidation_volume``: liquidated volume by bucket, of the public contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.events import Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.quality import History
from orderfox_nb.core.timeframes import bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.desk.history import PastVolume
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import VOLUME_TIMEFRAME, limit, renamed
from orderfox_nb.desk.streams.base import BarsRecipe, PublicTopic, Range, Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.views.public_liquidations import changed_buckets, liquidation_volume
from orderfox_nb.views.stamp import Stamp

WINDOW_WAIT_S: Final = 2
"""How long the first message waits for candles to cover the same range."""


class VolumeRecipe(PublicTopic[LiquidationState]):
    """The whole range once, then the buckets that changed; the range is that of the candles being served."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, LiquidationState, Topic(key.venue, key.symbol, "liquidations"))
        self._interval = key["interval"]
        self._count = key.integer("count")
        self._since_us = 0
        self._range: Range | None = None

    async def prepare(self, states: Sequence[State | None]) -> None:
        await super().prepare(states)
        self._since_us = self.sources.clock.now_us()
        self._range = None

    @property
    def _liquidations(self) -> TopicState:
        state = self.state
        assert isinstance(state, TopicState)
        return state

    def request(self) -> None:
        if self._settled():
            self._range = self._bounds()
            self.sources.history.request(self._liquidations, self._interval, self._range[0])

    def version(self) -> object:
        return self.fold.version, self.state.quality.wire(), self._bounds(), self._completeness()

    def _completeness(self) -> History:
        return self.sources.history.completeness(self._liquidations, self._interval, self._bounds()[0])

    def _window(self) -> Range | None:
        """Return the range of the widest window of these candles that is being served, None if there is none."""
        windows = [
            window
            for recipe in self.sources.served()
            if isinstance(recipe, BarsRecipe)
            and (recipe.key.symbol, recipe.interval) == (self.key.symbol, self._interval)
            and (window := recipe.window()) is not None
        ]
        return min(windows, key=lambda window: window[0], default=None)

    def _bounds(self) -> Range:
        """Return what to cover: the candles' range, and whatever was liquidated after it."""
        interval = self._interval
        bounds = self._window() or self._range
        if bounds is None:
            open_us = bar_open_us(self.now_us(), interval)
            bounds = (previous_bar_us(open_us, interval, self._count - 1), next_bar_us(open_us, interval))
        newest = self.fold.orders.newest(1)
        if newest and newest[0].time_us >= bounds[1]:
            bounds = (bounds[0], next_bar_us(bar_open_us(newest[0].time_us, interval), interval))
        return bounds

    def _settled(self) -> bool:
        """Return whether the range is known that the first message covers."""
        waited_s = (self.sources.clock.now_us() - self._since_us) / 1e6
        return super().ready() and (waited_s >= WINDOW_WAIT_S or self._window() is not None)

    def ready(self) -> bool:
        history = self.sources.history
        return self._settled() and history.settled(self._liquidations, self._interval, self._bounds()[0])

    def capture(self) -> PastVolume:
        return PastVolume(self.fold.at(self._interval, *self._bounds()), self._completeness())

    def full(self, view: PastVolume, stamp: Stamp) -> tuple[bytes, ...]:
        return (self._message(view, stamp, None),)

    def delta(self, before: PastVolume, view: PastVolume, stamp: Stamp) -> tuple[bytes, ...] | None:
        rows = changed_buckets(before.columns, view.columns)
        return None if rows is None else (self._message(view, stamp, rows),)

    def _message(self, view: PastVolume, stamp: Stamp, rows: NDArray[np.intp] | None) -> bytes:
        symbol, interval = self.key.symbol, self._interval
        return liquidation_volume(
            view.columns, stamp, symbol=symbol, interval=interval, history=view.history, rows=rows
        )


STREAM: Final = Stream(
    "v1.liquidation_volume",
    (renamed(VOLUME_TIMEFRAME, "interval"), limit(400, 1000, "How many buckets", name="count")),
    VolumeRecipe,
    ("liquidation_volume",),
)
