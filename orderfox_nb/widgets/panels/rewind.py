# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The way into what was recorded: a strip with a playhead that every widget of the page follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import with_arguments
from orderfox_nb.widgets.kernel.base import LiveWidget
from orderfox_nb.widgets.still.minutes import minutes_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch


@with_arguments
class Rewind(LiveWidget):
    """Plays what was recorded on every widget of the page, and returns to live.

    A strip shows what is recorded of the symbol: price, volume, liquidations by side, gaps. Drag its playhead, or use
    the buttons and keys: play, step, speed, the next large trade, liquidation or gap, a time. Other viewers, the
    recorder and the kernel's own market stay live.

    Example:
        >>> Rewind(symbol="BTCUSDT")
        >>> Rewind().df["high"].max()
    """

    _esm = module_text("panels/rewind.js")
    _css = style_text("panels/rewind.css")

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        width, height = size or (900.0, 120.0)
        frame = sketch.frame(self.symbol, "candles", venue=self.venue, interval="1m", bars=400)
        return Drawing(minutes_svg(frame, sketch.colours, width=width, height=height), width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The newest minutes by open time, as ``connect()[symbol].candles("1m").df``; quality in ``df.attrs``."""
        from orderfox_nb.widgets.kernel.data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        return kernel_symbol(self.symbol, self.venue, self.market).candles("1m").df
