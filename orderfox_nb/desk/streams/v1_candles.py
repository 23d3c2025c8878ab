"""Stream ``v1.candles``: the bars of the public contract."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.quality import QualityState
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import TIMEFRAME, limit, renamed
from orderfox_nb.desk.streams.base import BarsRecipe, Sources, Stream
from orderfox_nb.views.candles import CandleView, candle_updates, historical_candles
from orderfox_nb.views.stamp import Stamp

_NOT_LIVE: Final = frozenset({QualityState.DOWN, QualityState.STALE})


class PublicCandlesRecipe(BarsRecipe):
    """The whole window once, then a message for each changed bar."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, bars=key.integer("count"))

    def ready(self) -> bool:
        """Wait for the whole history: it is sent once."""
        return self.state.whole or self.state.quality.state in _NOT_LIVE

    def capture(self) -> CandleView:
        return CandleView(bars=self.columns)

    def full(self, view: CandleView, stamp: Stamp) -> tuple[bytes, ...]:
        return (historical_candles(view, stamp, instrument=self.instrument, interval=self.interval),)

    def delta(self, before: CandleView, view: CandleView, stamp: Stamp) -> tuple[bytes, ...] | None:
        return candle_updates(before, view, stamp, instrument=self.instrument, interval=self.interval)


def bar_count(container_width: float) -> int:
    """Return how many candles fill a container of a width in pixels."""
    return int(min(max(container_width / 6 * 3, 200), 1000))


STREAM: Final = Stream(
    "v1.candles",
    (renamed(TIMEFRAME, "interval"), limit(400, 1000, "How many bars", name="count")),
    PublicCandlesRecipe,
    ("historical_candles", "candle_update"),
)
