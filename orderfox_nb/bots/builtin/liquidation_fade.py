"""Fade liquidation cascades: buy into forced selling, and sell into forced buying."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.durations import duration_us
from orderfox_nb.bots.handles import FillReport, Timer
from orderfox_nb.bots.parameters import Bounds, Duration, Size
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Liquidation, Side


class LiquidationFade(Strategy):
    """After a cascade rest an order at the touch, take profit some ticks away, and close after a time."""

    size: Size = Decimal("0.010")
    notional: Annotated[float, Bounds(above=0, unit="quote", help="Liquidated on one side in the window")] = 1_000_000.0
    window: Duration = "10s"
    profit: Annotated[int, Bounds(minimum=1, unit="ticks", help="Distance of the take-profit order")] = 50
    wait: Annotated[str, Bounds(kind="duration", help="How long the entry rests")] = "30s"
    hold: Annotated[str, Bounds(kind="duration", help="How long the position is kept")] = "5m"

    held_since_us = 0

    def on_start(self, desk: TradingDesk) -> None:
        desk.every("1s", "hold")

    def on_liquidation(self, liquidation: Liquidation, desk: TradingDesk) -> None:
        if desk.orders or not desk.position.flat:
            return
        if desk.liquidations.sum(liquidation.side, self.window) < self.notional:
            return
        side: Side = "buy" if liquidation.side == "sell" else "sell"
        price = desk.book.best_bid if side == "buy" else desk.book.best_ask
        if price is not None:
            desk.order(side, self.size, at=price, post_only=True, expire=self.wait)

    def on_fill(self, fill: FillReport, desk: TradingDesk) -> None:
        if fill.order is None or fill.order.request.reduce_only:
            return
        self.held_since_us = desk.now_us
        distance = self.profit * desk.tick
        if fill.side == "buy":
            desk.sell(fill.size, at=fill.price + distance, reduce_only=True)
        else:
            desk.buy(fill.size, at=fill.price - distance, reduce_only=True)

    def on_timer(self, timer: Timer, desk: TradingDesk) -> None:
        if not desk.position.flat and desk.now_us >= self.held_since_us + duration_us(self.hold):
            desk.cancel_all()
            desk.close()
            # Once: the next attempt follows where this one was rejected.
            self.held_since_us = desk.now_us
