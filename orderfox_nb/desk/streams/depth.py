"""Stream ``depth``: the cumulative depth around the middle price."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orderfox_nb.core.book import Book
from orderfox_nb.core.depth import Depth, build_depth
from orderfox_nb.core.events import Topic
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import Parameter
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.views.live_book import depth_columns
from orderfox_nb.views.stamp import Stamp, live_frame


class DepthRecipe(OneTopic[Book]):
    """Frames of the cumulative depth."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, Book, Topic(key.venue, key.symbol, "book"))
        self._percent = Decimal(key["range"])

    def capture(self) -> Depth:
        return build_depth(self.fold, percent=self._percent)

    def full(self, view: Depth, stamp: Stamp) -> tuple[bytes, ...]:
        return (live_frame(stamp, depth_columns(view, instrument=self.instrument, percent=self.key["range"])),)


RANGE: Final = Parameter(
    name="range",
    kind="number",
    default="1",
    # Few ranges, so that many readers share one frame.
    choices=("0.1", "0.25", "0.5", "1", "2", "5", "10"),
    description="Percent of the middle price",
)
STREAM: Final = Stream("depth", (RANGE,), DepthRecipe)
