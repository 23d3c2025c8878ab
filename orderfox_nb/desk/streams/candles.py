"""Stream ``candles``: bars with their liquidations, for charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.events import Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.quality import QualityView
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.core.volume_columns import VolumeColumns
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import TIMEFRAME, one_of, renamed
from orderfox_nb.desk.streams.base import BarsRecipe, Sources, Stream
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.views.candles import CandleView, aligned, candle_columns, changed_rows
from orderfox_nb.views.stamp import Stamp, live_frame


class CandlesRecipe(BarsRecipe):
    """Frames of bars with the histogram of what was liquidated; a delta has the bars that changed."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, Topic(key.venue, key.symbol, "liquidations"), bars=key.integer("bars"))
        self._history = sources.history
        self._liquidations: TopicState | None = None

    async def prepare(self, states: Sequence[State | None]) -> None:
        await super().prepare(states)
        beside = states[1]
        self._liquidations = beside if isinstance(beside, TopicState) else None

    def request(self) -> None:
        if self._liquidations is not None and (bounds := self.window()) is not None:
            self._history.request(self._liquidations, self.interval, bounds[0])

    def version(self) -> object:
        beside = self._liquidations
        if beside is None:
            return super().version()
        bounds, quality = self.window(), beside.quality
        history = "none" if bounds is None else self._history.completeness(beside, self.interval, bounds[0])
        version = beside.fold_as(LiquidationState).version
        return super().version(), version, quality.wire(), quality.lapses.added, history

    def capture(self) -> CandleView:
        bars = self.columns
        beside = self._liquidations
        # A frame has its columns also where nothing is known about liquidations.
        fold = LiquidationState(self.instrument) if beside is None else beside.fold_as(LiquidationState)
        quality = QualityView("down", "sampled", 0) if beside is None else beside.quality.wire()
        return CandleView(
            bars=bars,
            volume=volume_of(bars, fold, self.interval),
            liquidation_quality=quality,
            liquidation_history=(
                "none"
                if beside is None or not len(bars)
                else self._history.completeness(beside, self.interval, int(bars.open_us[0]))
            ),
            lapses=self.state.quality.intervals(),
            liquidation_lapses=() if beside is None else beside.quality.intervals(),
        )

    def full(self, view: CandleView, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, candle_columns(view, instrument=self.instrument, interval=self.interval)),)

    def delta(self, before: CandleView, view: CandleView, stamp: Stamp) -> tuple[bytes, ...] | None:
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


STREAM: Final = Stream("candles", (one_of("bars", 400, 200, 400, 1000), renamed(TIMEFRAME, "interval")), CandlesRecipe)
