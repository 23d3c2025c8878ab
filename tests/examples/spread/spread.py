"""The distance of the two best prices, as a small widget: the example of CONTRIBUTING.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderfox_nb.market.svg.pieces import Drawing, panel, text, units_text
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, with_arguments
from orderfox_nb.widgets.kernel.base import LiveWidget

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch


@with_arguments
class Spread(LiveWidget):
    """Best ask less best bid.

    Example:
        >>> Spread(symbol="ETHUSDT", unit="bp")
    """

    _esm = module_text("spread/spread.js")
    _css = style_text("spread/spread.css")

    height = "64px"

    unit = Choice(("price", "bp"), "price").tag(sync=True)
    """Price, or a ten-thousandth of the middle price."""

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        frame = sketch.frame(self.symbol, "book", rounding="auto", rows=10)
        width, height = size or (240.0, 64.0)
        shown = units_text(frame["best_ask"] - frame["best_bid"], frame["tick_digits"])
        part = text(12, 48, shown, fill=sketch.colours.text)
        return Drawing(panel("Spread", self.symbol, [part], sketch.colours, width=width, height=height), width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The best level of each side."""
        from orderfox_nb.widgets.kernel.data import kernel_symbol

        return kernel_symbol(self.symbol).book.df.groupby("side").first()
