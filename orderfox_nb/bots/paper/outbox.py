"""Reports and fills of a paper venue, in the order in which they happened."""

from __future__ import annotations

from orderfox_nb.bots.orders import Fill, OrderReport, OrderState, Rejection
from orderfox_nb.bots.paper.resting import PaperOrder
from orderfox_nb.bots.ports import Reducible
from orderfox_nb.core.events import Side


def _no_position(_side: Side) -> int:
    return 0


class Outbox:
    """Answers that the session has not read yet, and the position change of their fills."""

    def __init__(self, reducible: Reducible | None) -> None:
        self.reducible = reducible or _no_position
        self.items: list[OrderReport | Fill] = []
        """In order; it stays the same list."""
        self._unread_lots = 0

    def drain(self) -> list[OrderReport | Fill]:
        """Return everything since the last call."""
        items = self.items.copy()
        self.items.clear()
        self._unread_lots = 0
        return items

    def reducible_now(self, side: Side) -> int:
        """Return what an order of a side can reduce after the fills that the account has not seen yet."""
        position = self.reducible("sell") - self.reducible("buy") + self._unread_lots
        return max(0, position if side == "sell" else -position)

    def fill(self, order: PaperOrder, ticks: int, lots: int, time_us: int, *, maker: bool) -> None:
        """Add a fill, and change the order by it."""
        order.left -= lots
        order.filled += lots
        self._unread_lots += lots if order.side == "buy" else -lots
        self.items.append(
            Fill(number=order.number, time_us=time_us, side=order.side, ticks=ticks, lots=lots, maker=maker)
        )
        self.report(order, "open" if order.left else "filled", time_us)

    def report(
        self,
        order: PaperOrder,
        state: OrderState,
        time_us: int,
        *,
        rejection: Rejection | None = None,
        reason: str = "",
    ) -> None:
        """Add a report of an order as it is now."""
        self.items.append(
            OrderReport(
                number=order.number,
                time_us=time_us,
                state=state,
                filled_lots=order.filled,
                rejection=rejection,
                reason=reason,
            )
        )
