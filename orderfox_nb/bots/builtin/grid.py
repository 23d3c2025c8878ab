"""Quote a grid of orders on both sides of the market."""

from __future__ import annotations

from decimal import Decimal
from math import ceil, floor
from typing import Annotated

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.handles import OrderHandle, Timer
from orderfox_nb.bots.parameters import Bounds, Duration, Size
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.events import Side


class GridMaker(Strategy):
    """Keep one post-only order on each of the nearest grid prices; buys below the middle, sells above it."""

    size: Size = Decimal("0.010")
    levels: Annotated[int, Bounds(minimum=1, maximum=50, help="Orders on each side")] = 10
    step: Annotated[int, Bounds(minimum=1, unit="ticks", help="Distance of the grid's prices")] = 10
    max_position: Annotated[
        Decimal, Bounds(above=0, unit="base", help="From this position on, no orders that enlarge it")
    ] = Decimal("0.100")
    period: Duration = "100ms"

    placed = None
    """What the orders were placed for: both middle rows, and which sides are quoted; None: look at each again."""

    def on_start(self, desk: TradingDesk) -> None:
        self.bids: dict[int, OrderHandle] = {}
        self.asks: dict[int, OrderHandle] = {}
        desk.every(self.period, "grid")

    def on_timer(self, timer: Timer, desk: TradingDesk) -> None:
        bid, ask = desk.book.best_bid, desk.book.best_ask
        if bid is None or ask is None:
            return
        height = self.step * desk.tick
        below, above = floor(bid / height + 1e-9), ceil(ask / height - 1e-9)
        # Down to whole lots: a limit may lie between two of them.
        max_lots = int(self.max_position / desk.instrument.lot_size)
        held = desk.position.lots
        wanted = [below, above, held < max_lots, held > -max_lots]
        if wanted == self.placed:
            return
        self.placed = wanted
        rows = range(self.levels)
        self._place("buy", self.bids, [below - row for row in rows] if wanted[2] else [], desk)
        self._place("sell", self.asks, [above + row for row in rows] if wanted[3] else [], desk)

    def on_order(self, order: OrderHandle, desk: TradingDesk) -> None:
        if order.done:
            self.placed = None

    def _place(self, side: Side, orders: dict[int, OrderHandle], rows: list[int], desk: TradingDesk) -> None:
        for row, order in list(orders.items()):
            if order.done:
                del orders[row]
            elif row not in rows:
                order.cancel()
        for row in rows:
            if row > 0 and row not in orders:
                orders[row] = desk.order(side, self.size, at=row * self.step * desk.tick, post_only=True)
