"""The newest trade and mark price of a paper venue, converted to ticks only when they are read."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from orderfox_nb.bots.orders import TriggerPrice
from orderfox_nb.core.events import MarkPrice, Trade
from orderfox_nb.core.instrument import Instrument


class VenuePrices:
    """Prices that triggers and the price band compare with."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.trade: Trade | None = None
        self.mark: Decimal | None = None
        """Mark price in ticks, as exact as it came: it is finer than a tick."""

    def apply_mark(self, event: MarkPrice) -> None:
        """Apply a mark price."""
        self.mark = Decimal(str(event.mark_price)) / self.instrument.tick_size

    @property
    def last(self) -> int | None:
        """Ticks of the newest trade."""
        return None if self.trade is None else self.instrument.ticks(self.trade.price)

    def bounds(self, trigger: TriggerPrice) -> tuple[int, int] | None:
        """Return a price in ticks, rounded down and up, None before the first."""
        if trigger == "last":
            last = self.last
            return None if last is None else (last, last)
        if self.mark is None:
            return None
        return int(self.mark.to_integral_value(ROUND_FLOOR)), int(self.mark.to_integral_value(ROUND_CEILING))
