"""Make a market around the microprice, leaning with the imbalance of the book and against the own position."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.handles import OrderHandle, Timer
from orderfox_nb.bots.parameters import Bounds, Duration, Size
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Side


class ImbalanceMaker(Strategy):
    """Quote both sides, never across the touch, and move a quote when its price has changed."""

    size: Size = Decimal("0.010")
    half_spread: Annotated[int, Bounds(minimum=0, unit="ticks", help="Distance of a quote from the fair price")] = 1
    lean: Annotated[float, Bounds(minimum=0, unit="ticks", help="How far a one-sided book moves the fair price")] = 2.0
    skew: Annotated[float, Bounds(minimum=0, unit="ticks", help="How far a full position moves it back")] = 2.0
    levels: Annotated[int, Bounds(minimum=1, maximum=100, help="Book levels in the imbalance")] = 5
    max_position: Annotated[Decimal, Bounds(above=0, unit="base")] = Decimal("0.050")
    period: Duration = "100ms"

    def on_start(self, desk: TradingDesk) -> None:
        self.quotes: dict[Side, OrderHandle] = {}
        desk.every(self.period, "quote")

    def on_timer(self, timer: Timer, desk: TradingDesk) -> None:
        bid, ask, mid = desk.book.best_bid, desk.book.best_ask, desk.book.mid
        if bid is None or ask is None or mid is None:
            return
        held = desk.position.size / float(self.max_position)
        fair = mid + (self.lean * desk.book.imbalance(self.levels) - self.skew * held) * desk.tick
        distance = self.half_spread * desk.tick
        self._quote("buy", min(fair - distance, bid), desk, wanted=held < 1)
        self._quote("sell", max(fair + distance, ask), desk, wanted=held > -1)

    def _quote(self, side: Side, price: float, desk: TradingDesk, *, wanted: bool) -> None:
        quote = self.quotes.get(side)
        if quote is not None and not quote.done:
            # Half a tick more than rounding to the grid moves it.
            moved = quote.price is None or abs(quote.price - price) > 1.5 * desk.tick
            if moved or not wanted:
                quote.cancel()
            return
        if wanted:
            self.quotes[side] = desk.order(side, self.size, at=price, post_only=True)
