# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The order book as a ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import traitlets

from orderfox_nb.core.numerals import decimal_number
from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, WrongValue, shown_value, with_arguments
from orderfox_nb.widgets.kernel.several import VenuesPanel
from orderfox_nb.widgets.still.book import book_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch

ROWS: Final = ("fit", 10, 20, 50)
"""Rows a side that can be chosen; ``fit`` is as many as the panel has room for."""


def rounding_text(value: object) -> str:
    """Return a row height as the exact decimal text of the wire.

    Raises:
        traitlets.TraitError: Not a positive number and not ``auto``.
    """
    if value == "auto":
        return "auto"
    height = decimal_number(str(value))
    if height is None or height <= 0:
        raise WrongValue(f"rounding {shown_value(value)} must be a positive decimal or 'auto'")
    return f"{height.normalize():f}"


class Rounding(traitlets.TraitType[str, Any]):
    """A row height: set as any positive number or ``auto``, kept as the exact text of the wire."""

    default_value = "auto"

    def validate(self, obj: Any, value: object) -> str:  # noqa: ARG002 - the form that traitlets calls
        return rounding_text(value)


@with_arguments
class OrderBook(VenuesPanel):
    """Price axis with the sizes of both sides, depth bars, spread and imbalance.

    A row under the pointer shows the average price of an order that sweeps the book down to it. Prices keep their place
    while the market moves; the button beside the last price, or the key C, brings its middle back to the middle.

    Example:
        >>> book = OrderBook(symbol="ETHUSDT", rounding=1, rows=20)
        >>> book.rounding = 5
        >>> book.df.groupby("side")["size"].sum()
        >>> OrderBook(symbols=["binance:BTCUSDT", "bybit:BTCUSDT"]).df.groupby(["venue", "side"])["size"].sum()
    """

    _esm = module_text("panels/order_book.js")
    _css = style_text("panels/order_book.css")

    height = "640px"

    rows = Choice(ROWS, "fit").tag(sync=True)
    """Rows a side, 10, 20 or 50; ``fit``: as many as the panel has room for."""
    rounding = Rounding().tag(sync=True)
    """Height of a row in price: set it to any positive number, or ``auto`` for the symbol's own; read as exact text."""
    flash = traitlets.Bool(True).tag(sync=True)
    """Whether a row lights up when its size changes much."""

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        rows = 20 if self.rows == "fit" else self.rows
        frame = self.sketched(sketch, "book", rounding=self.rounding, rows=rows)
        width, height = size or (320.0, 35 + 24 + 32 + 6 + 40.0 * rows)
        return Drawing(book_svg(frame, sketch.colours, width=width, height=height), width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The whole book, level by level: side, price, size, cumulative; quality in ``attrs``.

        Of several venues also quote, venue and symbol; ``attrs`` has what is left out and why, and any crossing.
        """
        if self.is_joined:
            return self.across.book.df
        from orderfox_nb.widgets.kernel.data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        return kernel_symbol(self.symbol, self.venue, self.market).book.df
