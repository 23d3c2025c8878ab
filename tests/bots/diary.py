"""A strategy that writes down what a session calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderfox_nb.bots.strategy import Strategy

BIDS, ASKS = {1_000: 10, 999: 10}, {1_002: 10, 1_003: 10}


class Diary(Strategy):
    """Notes every call with the time and what the desk shows, and does once what it is given."""

    def __init__(self, *acts: tuple[str, Callable[[Any], object]]) -> None:
        super().__init__()
        self.acts = list(acts)
        self.calls: list[str] = []

    def note(self, name: str, desk: Any) -> None:
        self.calls.append(name)
        if self.acts and self.acts[0][0] == name:
            self.acts.pop(0)[1](desk)

    def on_start(self, desk: Any) -> None:
        self.note("start", desk)

    def on_trade(self, trade: Any, desk: Any) -> None:
        assert desk.trades.last is trade
        self.note("trade", desk)

    def on_book(self, book: Any, desk: Any) -> None:
        self.note("book", desk)

    def on_candle(self, candle: Any, desk: Any) -> None:
        self.note("candle", desk)

    def on_liquidation(self, liquidation: Any, desk: Any) -> None:
        self.note("liquidation", desk)

    def on_mark(self, mark: Any, desk: Any) -> None:
        self.note(f"mark {desk.mark:g}", desk)

    def on_fill(self, fill: Any, desk: Any) -> None:
        self.note(f"fill {fill.size:g} at {fill.price:g}, holding {desk.position.size:g}", desk)

    def on_order(self, order: Any, desk: Any) -> None:
        self.note(f"order {order.number} {order.state}", desk)

    def on_timer(self, timer: Any, desk: Any) -> None:
        self.note(f"timer {timer.name}", desk)

    def on_stop(self, desk: Any) -> None:
        self.note("stop", desk)
