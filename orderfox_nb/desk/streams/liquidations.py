"""Stream ``liquidations``: the newest orders with their sums, of one symbol or of the whole market (``*``)."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.events import WHOLE_MARKET, Topic
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import rows
from orderfox_nb.desk.streams.base import OneTopic, Sources, Stream
from orderfox_nb.views.live_market import LiquidationsView, liquidation_columns, market_liquidation_columns
from orderfox_nb.views.stamp import Stamp, live_frame

_SUMS_S: Final = {"1m": 60, "15m": 900, "1h": 3600}


class LiquidationsRecipe(OneTopic[LiquidationState]):
    """Frames of the newest liquidation orders; those of a whole market have digits of their own, by the list."""

    def __init__(self, key: FrameKey, sources: Sources) -> None:
        super().__init__(key, sources, LiquidationState, Topic(key.venue, key.symbol, "liquidations"))
        self._rows = key.integer("rows")

    def version(self) -> object:
        return self.fold.orders.version, self.state.quality.wire(), tuple(self._sums().values())

    def _sums(self) -> dict[str, tuple[float, float]]:
        now_us = self.now_us()
        return {name: self.fold.sum_since(now_us - seconds * 1_000_000) for name, seconds in _SUMS_S.items()}

    def capture(self) -> LiquidationsView:
        orders, sums = self.fold.orders.newest(self._rows), self._sums()
        return LiquidationsView(orders=orders, sums=sums, since_us=self.state.known_us)

    def full(self, view: LiquidationsView, stamp: Stamp) -> tuple[bytes, ...]:
        if self.key.symbol == WHOLE_MARKET:
            return (live_frame(stamp, market_liquidation_columns(view, self._digits)),)
        return (live_frame(stamp, liquidation_columns(view, self.instrument)),)

    def _digits(self, symbol: str) -> int | None:
        listing = self.sources.catalogue.listing(symbol)
        return None if listing is None else listing.instrument.price_digits


STREAM: Final = Stream("liquidations", (rows(50, 20, 50, 100),), LiquidationsRecipe)
