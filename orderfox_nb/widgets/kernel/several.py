# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Base of the panels that can show the markets of several venues as one."""

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
            return join_markets(split_markets(",".join(given), least=2)).split(",")
        except BadValue as error:
            raise WrongValue(str(error)) from None


class VenuesPanel(LiveWidget):
    """A panel of one market, or of the markets of several venues as one."""

    symbols = MarketList().tag(sync=True)
    """Markets of one base asset at several venues, shown as one: ``["binance:BTCUSDT", "bybit:BTCUSDT"]``."""
    all_venues = traitlets.Bool(False).tag(sync=True)
    """Whether the market is shown as one with the same market of every other venue that lists it."""
    currency = traitlets.Unicode("apart").tag(sync=True)
    """``apart``: the quote currency of the first market; ``joined``: all at par; or one by its name."""

    @property
    def is_joined(self) -> bool:
        """Whether it shows the markets of several venues as one."""
        return bool(self.symbols) or (self.all_venues and self.symbol != "*")

    @property
    def subject(self) -> str:
        if self.symbols or not self.is_joined:
            return ", ".join(self.symbols) or super().subject
        return f"{self.symbol}, all venues"

    @property
    def origin_venue(self) -> str:
        return self.symbols[0].partition(":")[0] if self.symbols else super().origin_venue

    @property
    def across(self) -> ConsolidatedMarket:
        """The markets of ``symbols``, or those of all venues, in the kernel."""
        from orderfox_nb.widgets.kernel.data import venue_market  # noqa: PLC0415 - a dashboard's kernel never asks

        if self.symbols:
            return venue_market(market=self.market).across(*self.symbols, currency=self.currency)
        market = venue_market(self.venue, self.market)
        return market.across(f"{market.venue}:{self.symbol}", currency=self.currency)

    def sketched(self, sketch: Sketch, stream: str, **parameters: object) -> dict[str, Any]:
        """Return a frame of the markets that are shown."""
        if not self.is_joined:
            return sketch.frame(self.symbol, stream, venue=self.venue, **parameters)
        markets = ",".join(self.symbols) or f"{sketch.venue_name(self.venue)}:{self.symbol}"
        return sketch.frame(markets, stream, venue="*", currency=self.currency, **parameters)
