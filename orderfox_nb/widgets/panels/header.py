# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The widgets above the panels: symbol picker, market header and quality badge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from orderfox_nb.market.svg.pieces import Drawing
from orderfox_nb.widgets.esm import module_text, style_text
from orderfox_nb.widgets.kernel.arguments import Choice, canonical_market, with_arguments
from orderfox_nb.widgets.kernel.base import LiveWidget
from orderfox_nb.widgets.still.market import HEAD, market_svg, symbols_svg

if TYPE_CHECKING:
    import pandas as pd

    from orderfox_nb.widgets.still.still import Sketch


@with_arguments
class SymbolPicker(LiveWidget):
    """Searchable list of symbols with last price, 24 h change and volume, and funding; favourites come first.

    Example:
        >>> picker = SymbolPicker(symbol="SOLUSDT", sort="change")
        >>> picker.observe(print, "symbol")
        >>> picker.df.nlargest(10, "funding")
    """

    _esm = module_text("panels/symbol_picker.js")
    _css = style_text("panels/header.css")

    sort = Choice(["volume", "change", "funding", "last", "symbol"], "volume").tag(sync=True)
    """Column that orders the list."""
    descending = traitlets.Bool(True).tag(sync=True)
    favourites = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """Symbols that are listed first; the browser remembers them and adds its own."""

    all_venues = traitlets.Bool(False).tag(sync=True)
    """Whether "All venues" is chosen; linked panels then show the market over all venues that list it."""

    @traitlets.validate("favourites")
    def _canonical_favourites(self, proposal: Any) -> list[str]:
        return list(dict.fromkeys(canonical_market(one) for one in proposal["value"]))

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        width, height = size or (420.0, 400.0)
        content = symbols_svg(
            sketch.frame("*", "symbols", venue=self.venue), sketch.colours, width=width, height=height
        )
        return Drawing(content, width, height)

    @property
    def df(self) -> pd.DataFrame:
        """Every symbol by 24 h volume: name, last, change, volume_quote, funding."""
        from orderfox_nb.widgets.kernel.data import venue_market  # noqa: PLC0415 - a dashboard's kernel never asks

        return venue_market(self.venue, self.market).df


class _Headed(LiveWidget):
    """Its still is the line above a dashboard."""

    def draw(self, sketch: Sketch, size: tuple[float, float] | None = None) -> Drawing:
        frame = sketch.frame(self.symbol, "ticker", venue=self.venue)
        width, height = size or (900.0, HEAD)
        content = market_svg(frame, sketch.colours, origin=sketch.origin(self.venue), width=width, height=height)
        return Drawing(content, width, height)


@with_arguments
class MarketHeader(_Headed):
    """Last price, 24 h change, mark, funding with countdown, open interest and volume.

    Example:
        >>> header = MarketHeader(symbol="BTCUSDT")
        >>> header.df["funding"]
    """

    _esm = module_text("panels/market_header.js")
    _css = style_text("panels/header.css")

    @property
    def df(self) -> pd.DataFrame:
        """Its figures as one row: last, change, high, low, mark, index, funding, next_funding, open_interest, volume.

        Unknown values are NaN; ``attrs["quality"]`` has state and coverage.
        """
        from orderfox_nb.widgets.kernel.data import kernel_ticker  # noqa: PLC0415 - as above

        return kernel_ticker(self.symbol, self.venue, self.market)


@with_arguments
class QualityBadge(_Headed):
    """Source, state and lag of the data in words; the tooltip lists the lapses of the last hour.

    Example:
        >>> badge = QualityBadge(symbol="BTCUSDT")
        >>> badge.df
    """

    _esm = module_text("panels/quality_badge.js")
    _css = style_text("panels/header.css")

    @property
    def df(self) -> pd.DataFrame:
        """Times in which the kernel's own trades and book could not be trusted: topic, state, start, end, reason, lost.

        ``attrs["states"]`` has the state of each topic now.
        """
        from orderfox_nb.widgets.kernel.data import kernel_quality  # noqa: PLC0415 - as above

        return kernel_quality(self.symbol, self.venue, self.market)
