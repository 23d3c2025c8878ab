# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""Trades and liquidations as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import traitlets

from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, with_arguments
from orderfox_nb.widgets.kernel.several import VenuesPanel
from orderfox_nb.widgets.still.tables import WHOLE_MARKET, liquidations_svg, tape_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch

SPANS: Final = ("1m", "15m", "1h")
"""Times over which liquidations are summed up."""


@with_arguments
class Tape(VenuesPanel):
    """Trades as they happen, newest above, coloured by the aggressor; it pauses under the pointer.

    Example:
        >>> tape = Tape(symbol="BTCUSDT", minimum_notional=10_000)
        >>> tape.observe(print, "minimum_notional")
        >>> tape.df.groupby("aggressor")["notional"].sum()
    """

    _esm = module_text("panels/tape.js")
    _css = style_text("panels/tables.css")

    height = "400px"

    length = Choice([50, 100, 200], 50).tag(sync=True)
    """Trades on the screen."""
    minimum_notional = traitlets.Float(0.0, min=0.0).tag(sync=True)
    """Trades worth less, price times size in quote currency, are not shown: one number for every symbol."""
    large_notional = traitlets.Float(0.0, min=0.0).tag(sync=True)
    """Value in quote currency from which a trade is highlighted; 0: ten times the mean size of the last 200."""

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        frame = self.sketched(sketch, "trades", rows=50)
        width, height = size or (300.0, 400.0)
        minimum = self.minimum_notional
        content = tape_svg(frame, sketch.colours, width=width, height=height, minimum_notional=minimum)
        return Drawing(content, width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The newest 1,000 trades without those below ``minimum_notional``, oldest first; quality in ``attrs``."""
        from orderfox_nb.widgets.kernel.data import kernel_symbol  # noqa: PLC0415 - a dashboard's kernel never asks

        market = self.across if self.is_joined else kernel_symbol(self.symbol, self.venue, self.market)
        frame: Any = market.trades.df
        return frame[frame["notional"] >= self.minimum_notional]


@with_arguments
class Liquidations(VenuesPanel):
    """Liquidated orders, newest above, with running totals and the coverage of the stream.

    Binance and OKX publish at most one order per symbol and second, so that totals are a lower bound there; the panel
    says so.

    Example:
        >>> Liquidations(symbol="BTCUSDT", span="15m")
        >>> Liquidations(symbol="*").df.groupby("symbol")["notional"].sum()
    """

    _esm = module_text("panels/liquidations.js")
    _css = style_text("panels/tables.css")

    height = "400px"

    length = Choice([20, 50, 100], 50).tag(sync=True)
    """Orders on the screen."""
    span = Choice(SPANS, "1h").tag(sync=True)
    """Period whose totals are highlighted and whose balance is drawn."""
    whole_market = traitlets.Bool(False).tag(sync=True)
    """Whether to show all symbols; also with the symbol ``*``."""

    @property
    def shows_all(self) -> bool:
        """Whether it shows the whole market of one venue, by its trait or by its symbol."""
        return not self.symbols and (self.whole_market or self.symbol == WHOLE_MARKET)

    @property
    def is_joined(self) -> bool:
        return super().is_joined and not self.shows_all

    @property
    def subject(self) -> str:
        return "all symbols" if self.shows_all else super().subject

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        if self.shows_all:
            frame = sketch.frame(WHOLE_MARKET, "liquidations", venue=self.venue, rows=50)
        else:
            frame = self.sketched(sketch, "liquidations", rows=50)
        width, height = size or (400.0 if self.shows_all else 300.0, 400.0)
        content = liquidations_svg(frame, sketch.colours, width=width, height=height, span=self.span)
        return Drawing(content, width, height)

    @property
    def df(self) -> pd.DataFrame:
        """The newest 1,000 orders, oldest first; ``attrs`` says whether the stream is complete or sampled."""
        from orderfox_nb.widgets.kernel.data import kernel_liquidations  # noqa: PLC0415 - as above

        if self.is_joined:
            return self.across.liquidations.df
        return kernel_liquidations(self.symbol, self.venue, self.market, whole_market=self.whole_market).df
