# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""What panels have in common that can show the markets of several venues as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import traitlets

from orderfox_nb.desk.across.markets import join_markets, split_markets
from orderfox_nb.errors import BadValue
from orderfox_nb.widgets.kernel.arguments import WrongValue, shown_value
from orderfox_nb.widgets.kernel.base import LiveWidget

if TYPE_CHECKING:
    from orderfox_nb.market.consolidated import ConsolidatedMarket
    from orderfox_nb.widgets.still.still import Sketch


class MarketList(traitlets.TraitType[Sequence[str], Any]):
    """Two to eight markets as ``venue:symbol``; empty for the one market of ``symbol`` and ``venue``."""

    default_value = ()

    def validate(self, obj: Any, value: object) -> list[str]:  # noqa: ARG002 - the form that traitlets calls
        given: list[Any] = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(one, str) for one in given) or isinstance(value, str):
            raise WrongValue(
                f"symbols {shown_value(cast('object', value))} must be a list such as ['sim:BTCUSDT', 'sim-b:BTCUSDT']"
            )
        if not given:
            return []
        try:
            return join_markets(split_markets(",".join(given))).split(",")
        except BadValue as error:
            raise WrongValue(str(error)) from None


class VenuesPanel(LiveWidget):
    """A panel of one market, or of the markets of several venues as one."""

    symbols = MarketList().tag(sync=True)
    """MarketList of one base asset at several venues, shown as one: ``["binance:BTCUSDT", "bybit:BTCUSDT"]``."""
    currency = traitlets.Unicode("apart").tag(sync=True)
    """``apart``: the quote currency of the first of ``symbols``; ``joined``: all at par; or one by its name."""

    @property
    def subject(self) -> str:
        return ", ".join(self.symbols) if self.symbols else super().subject

    @property
    def origin_venue(self) -> str:
        return self.symbols[0].partition(":")[0] if self.symbols else super().origin_venue

    @property
    def across(self) -> ConsolidatedMarket:
        """The markets of ``symbols`` in the kernel."""
        from orderfox_nb.widgets.kernel.data import venue_market  # noqa: PLC0415 - a dashboard's kernel never asks

        return venue_market(market=self.market).across(*self.symbols, currency=self.currency)

    def sketched(self, sketch: Sketch, stream: str, **parameters: object) -> dict[str, Any]:
        """Return a frame of what is shown."""
        if not self.symbols:
            return sketch.frame(self.symbol, stream, venue=self.venue, **parameters)
        return sketch.frame(",".join(self.symbols), stream, venue="*", currency=self.currency, **parameters)
