"""Orders that wait for a price: stops, take-profits and trailing stops."""

from __future__ import annotations

from typing import Final

from orderfox_nb.bots.orders import OrderKind
from orderfox_nb.bots.paper.resting import PaperOrder

BECOMES: Final[dict[OrderKind, OrderKind]] = {
    "stop": "limit",
    "take_profit": "limit",
    "stop_market": "market",
    "take_profit_market": "market",
    "trailing_stop_market": "market",
}
"""What is sent to the book when the price is reached."""
_STOPS: Final = frozenset({"stop", "stop_market"})


class PaperTrigger:
    """One waiting order.

    Prices come as two numbers of ticks, rounded down and up: a mark price is finer than a tick, and half a tick must
    not count as reached.
    """

    __slots__ = ("_rising", "extreme", "order")

    def __init__(self, order: PaperOrder) -> None:
        self.order = order
        self.extreme: int | None = None
        """Best price in ticks since a trailing stop began, None before."""
        # Whether the price has to rise to the trigger: a buy stop and a sell take-profit.
        self._rising = (order.side == "buy") == (order.request.kind in _STOPS)

    def would_trigger(self, low: int, high: int) -> bool:
        """Return whether the venue refuses the order because its price has been reached already.

        A trailing stop's is where it begins to follow, and has to be better than the current price.
        """
        ticks = self.order.request.trigger_ticks
        if ticks is None:
            return False
        if self.order.request.kind != "trailing_stop_market":
            return self._reached(ticks, low, high)
        return ticks >= low if self.order.side == "buy" else ticks <= high

    def reached(self, low: int, high: int) -> bool:
        """Follow a price and return whether the order becomes active by it."""
        request = self.order.request
        if request.kind != "trailing_stop_market":
            assert request.trigger_ticks is not None
            return self._reached(request.trigger_ticks, low, high)
        buys = request.side == "buy"
        start = request.trigger_ticks
        if self.extreme is None:
            if start is not None and (high > start if buys else low < start):
                return False
            self.extreme = high if buys else low
            return False
        if buys:
            self.extreme = min(self.extreme, high)
            return (low - self.extreme) * 1_000 >= self.extreme * request.callback_permille
        self.extreme = max(self.extreme, low)
        return (self.extreme - high) * 1_000 >= self.extreme * request.callback_permille

    def _reached(self, ticks: int, low: int, high: int) -> bool:
        return low >= ticks if self._rising else high <= ticks
