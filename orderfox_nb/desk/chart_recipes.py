"""How the frames of candles and of liquidated volume are made from their folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.clock import Clock
from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.candles import Candles
from orderfox_nb.core.events import Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.quality import History, QualityState, QualityView
from orderfox_nb.core.timeframes import bar_open_us, next_bar_us, previous_bar_us
from orderfox_nb.core.volume_columns import VolumeColumns
from orderfox_nb.desk.history import PastVolume, VolumeHistory
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.recipes import OneTopic
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.views.candles import (
    CandleView,
    aligned,
    candle_columns,
    candle_updates,
    changed_rows,
    historical_candles,
)
from orderfox_nb.views.public_liquidations import changed_buckets, liquidation_volume
from orderfox_nb.views.stamp import Stamp, live_frame

WINDOW_WAIT_S: Final = 2
"""How long the first volume message waits for candles to cover the same range."""

_TROUBLE: Final = frozenset({QualityState.DOWN, QualityState.STALE})

Range = tuple[int, int]


class CandlesRecipe(OneTopic[Candles]):
    """Frames of candles: with the liquidation histogram for widgets (``candles``), alone in public (``v1.candles``).

    Args:
        key: With the parameters interval, and bars or count.
        now_us: The venue's clock.
        history: Brings past volume.
    """

    def __init__(self, key: FrameKey, *, now_us: Callable[[], int], history: VolumeHistory) -> None:
        self.interval = key["interval"]
        self._public = key.stream == "v1.candles"
        candles = Topic(key.venue, key.symbol, "candles", self.interval)
        beside = () if self._public else (Topic(key.venue, key.symbol, "liquidations"),)
        super().__init__(key, candles, *beside, now_us=now_us)
        self._bars = key.integer("count" if self._public else "bars")
        self._history = history
        self._liquidations: TopicState | None = None

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        await super().prepare(states)
        self._liquidations = None if self._public else states[1]

    def version(self) -> object:
        beside = self._liquidations
        if beside is None:
            return self.fold.version, self.state.quality.wire()
        history: History = "none"
        if (bounds := self.window()) is not None:
            self._history.want(beside, self.interval, bounds[0])
            history = self._history.told(beside, self.interval, bounds[0])
        fold: LiquidationState = beside.fold  # type: ignore[assignment]
        quality = beside.quality
        return self.fold.version, self.state.quality.wire(), fold.version, quality.wire(), quality.lapses.added, history

    def ready(self) -> bool:
        """Wait in public for the whole history: it is sent once."""
        return not self._public or self.state.whole or self.state.quality.state in _TROUBLE

    def window(self) -> Range | None:
        """Return the time from the first bar to the last one's end, None while there is no bar."""
        if self._state is None:
            return None
        starts = self.fold.columns(self._bars).open_us
        return (int(starts[0]), next_bar_us(int(starts[-1]), self.interval)) if len(starts) else None

    def capture(self) -> CandleView:
        bars = self.fold.columns(self._bars)
        if self._public:
            return CandleView(bars=bars)
        beside = self._liquidations
        # A frame has its columns also where nothing is known about liquidations.
        fold: LiquidationState = LiquidationState(self.instrument) if beside is None else beside.fold  # type: ignore[assignment]
        quality = QualityView("down", "sampled", 0) if beside is None else beside.quality.wire()
        return CandleView(
            bars=bars,
            volume=volume_of(bars, fold, self.interval),
            liquidation_quality=quality,
            liquidation_history=(
                "none"
                if beside is None or not len(bars)
                else self._history.told(beside, self.interval, int(bars.open_us[0]))
            ),
            lapses=self.state.quality.intervals(),
            liquidation_lapses=() if beside is None else beside.quality.intervals(),
        )

    def full(self, view: CandleView, stamp: Stamp) -> tuple[bytes, ...]:
        if self._public:
            return (historical_candles(view, stamp, instrument=self.instrument, interval=self.interval),)
        return (live_frame(stamp, candle_columns(view, instrument=self.instrument, interval=self.interval)),)

    def delta(self, before: CandleView, view: CandleView, stamp: Stamp) -> tuple[bytes, ...] | None:
        if self._public:
            return candle_updates(before, view, stamp, instrument=self.instrument, interval=self.interval)
        rows = changed_rows(before, view)
        if rows is None:
            return None
        if (view.lapses, view.liquidation_lapses) == (before.lapses, before.liquidation_lapses):
            view = msgspec.structs.replace(view, lapses=None, liquidation_lapses=None)
        columns = candle_columns(view, instrument=self.instrument, interval=self.interval, rows=rows)
        return (live_frame(stamp, columns),)


def volume_of(bars: BarColumns, fold: LiquidationState, interval: str) -> VolumeColumns:
    """Return the liquidated volume of each bar."""
    if not len(bars):
        return fold.at(interval, 0, 0)
    return aligned(fold.at(interval, int(bars.open_us[0]), next_bar_us(int(bars.open_us[-1]), interval)), bars)


class VolumeRecipe(OneTopic[LiquidationState]):
    """The public stream of liquidated volume (``v1.liquidation_volume``).

    Args:
        key: With the parameters interval and count.
        now_us: The venue's clock.
        history: Brings past volume.
        window: Returns the range of the widest candle window that is being served, None where there is none.
        clock: Measures how long to wait for one.
    """

    def __init__(
        self,
        key: FrameKey,
        *,
        now_us: Callable[[], int],
        history: VolumeHistory,
        window: Callable[[str, str], Range | None],
        clock: Clock,
    ) -> None:
        super().__init__(key, Topic(key.venue, key.symbol, "liquidations"), now_us=now_us)
        self._interval = key["interval"]
        self._count = key.integer("count")
        self._history = history
        self._window = window
        self._clock = clock
        self._since_us = 0
        self._range: Range | None = None

    async def prepare(self, states: Sequence[TopicState | None]) -> None:
        await super().prepare(states)
        self._since_us = self._clock.now_us()
        self._range = None

    def version(self) -> object:
        return self.fold.version, self.state.quality.wire(), self._bounds(), self._told()

    def _told(self) -> History:
        return self._history.told(self.state, self._interval, self._bounds()[0])

    def _bounds(self) -> Range:
        """Return what to cover: the candles' range, and whatever was liquidated after it."""
        interval = self._interval
        bounds = self._window(self.key.symbol, interval) or self._range
        if bounds is None:
            open_us = bar_open_us(self.now_us(), interval)
            bounds = (previous_bar_us(open_us, interval, self._count - 1), next_bar_us(open_us, interval))
        newest = self.fold.orders.newest(1)
        if newest and newest[0].time_us >= bounds[1]:
            bounds = (bounds[0], next_bar_us(bar_open_us(newest[0].time_us, interval), interval))
        return bounds

    def ready(self) -> bool:
        if not super().ready():
            return False
        waited_s = (self._clock.now_us() - self._since_us) / 1e6
        if waited_s < WINDOW_WAIT_S and self._window(self.key.symbol, self._interval) is None:
            return False
        return self._history.want(self.state, self._interval, self._bounds()[0])

    def capture(self) -> PastVolume:
        self._range = self._bounds()
        return PastVolume(self.fold.at(self._interval, *self._range), self._told())

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
