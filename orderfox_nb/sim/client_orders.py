"""Orders of clients in the book of one symbol, and how they meet the trades of the history.

The history of a symbol is fixed by the seed and the time, and stays as it is while nobody sends orders. With orders of
clients in its book, each trade of the history keeps its size, and these rules decide where that size trades:

1. Makers withdraw only their own orders. A client's order stays where it is, at its place in the queue of its level.
2. Clients' orders at a better price than the trade's come first: the taker fills them at their price.
3. Clients' orders on the taker's side that the trade's price would cross come next: the makers, whose price has moved
   through them, take them at the client's price. The aggressor is then the other side.
4. What is left trades at the trade's own price, in the order of the queue there. Makers add what the level lacks behind
   the orders that already rest.

So a large order is a wall: the flow trades against it until it is gone, then returns to the path of the history. A
client's order that takes the book adds trades of its own, and makers refill the levels at their usual pace; they draw
the same random numbers as without it. ``public_tape`` keeps what differs from the history.

The engine stops in front of each client's order, so that one account is settled before the next order trades.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.matching import ASK, BID, MatchingBook

_NOBODY: Final = ""


class LevelPrint(msgspec.Struct):
    """Trades of one taker at one price."""

    ticks: int
    buyer_is_maker: bool
    fills: list[int]
    """Lots of each, in the order of the queue."""
    with_client: bool = False
    """Whether a client's order is among them."""

    @property
    def lots(self) -> int:
        """Sum of the fills."""
        return sum(self.fills)


class MakerFill(msgspec.Struct, frozen=True):
    """A part of a resting order of a client that was traded."""

    order_id: int
    """Id in the book."""
    ticks: int
    lots: int
    trade_id: int
    time_us: int


class ClientOrders:
    """The clients' orders of one book.

    Args:
        book: Where they rest, among those of the makers.
    """

    def __init__(self, book: MatchingBook) -> None:
        self._book = book
        self.owners: dict[int, str] = {}
        """Owner of each resting order, by its id in the book."""
        self.settle: Callable[[MakerFill], object] = _ignore
        """Called after each fill of a resting order, before anything else trades."""
        self.prevent: Callable[[int], object] = _ignore_id
        """Called with the id of an order that its own owner would have traded with; it is withdrawn."""

    def __len__(self) -> int:
        return len(self.owners)

    def rest(self, side: int, ticks: int, lots: int, owner: str) -> int:
        """Place an order behind the others of its level; it must not cross.

        Returns:
            Its id in the book.
        """
        order_id = self._book.place(side, ticks, lots)
        self.owners[order_id] = owner
        return order_id

    def cancel(self, order_id: int) -> bool:
        """Withdraw an order; False if it is no longer there."""
        self.owners.pop(order_id, None)
        return self._book.cancel(order_id)

    def sweep(
        self, side: int, lots: int, limit: int, *, trade_id: int, time_us: int, owner: str = _NOBODY
    ) -> list[LevelPrint]:
        """Trade against the other side in the order of price and time.

        Args:
            side: Side of the taker.
            lots: Size of the order; what cannot trade is discarded.
            limit: Worst price.
            trade_id: Id of the first trade.
            time_us: When it trades.
            owner: Owner of the taker; orders of the same owner are withdrawn instead of traded.
        """
        book, other = self._book, 1 - side
        prints: list[LevelPrint] = []
        while lots > 0:
            for ticks, fills in book.match(side, lots, limit, before=self.owners):
                self._print(prints, side, ticks).fills.extend(fills)
                trade_id += len(fills)
                lots -= sum(fills)
            order_id, resting = book.front(other)
            ticks = book.best_bid if other == BID else book.best_ask
            if lots <= 0 or order_id not in self.owners or (ticks > limit if side == BID else ticks < limit):
                break
            if owner and self.owners[order_id] == owner:
                self.cancel(order_id)
                self.prevent(order_id)
                continue
            fill = min(resting, lots)
            book.reduce(order_id, fill)
            if fill == resting:
                del self.owners[order_id]
            level = self._print(prints, side, ticks)
            level.fills.append(fill)
            level.with_client = True
            lots -= fill
            self.settle(MakerFill(order_id, ticks, fill, trade_id, time_us))
            trade_id += 1
        return prints

    def meet(self, trade: TradeFact, *, trade_id: int, offer: Callable[[int, int, int], None]) -> list[LevelPrint]:
        """Trade the size of a trade of the history, by the rules of this module.

        Args:
            trade: What would trade without clients; the makers have made way for it.
            trade_id: Id of its first trade.
            offer: Makes the makers place what a level lacks: side, ticks, lots.

        Returns:
            What traded, with the same sum of lots.
        """
        side, maker, better = (ASK, BID, 1) if trade.buyer_is_maker else (BID, ASK, -1)
        ticks, left = trade.price, trade.lots
        prints: list[LevelPrint] = []
        ways = [(side, ticks), (maker, ticks), (side, ticks + better)]
        while left:
            # The last way is repeated: settling a fill may withdraw another order of its level.
            taker, limit = ways.pop() if len(ways) > 1 else ways[0]
            if len(ways) == 1 and taker == side and limit == ticks:
                offer(maker, ticks, left)
            found = self.sweep(taker, left, limit, trade_id=trade_id, time_us=trade.time_us)
            prints += found
            left -= sum(level.lots for level in found)
            trade_id += sum(len(level.fills) for level in found)
        return prints

    @staticmethod
    def _print(prints: list[LevelPrint], side: int, ticks: int) -> LevelPrint:
        if not prints or prints[-1].ticks != ticks:
            prints.append(LevelPrint(ticks, side == ASK, []))
        return prints[-1]


def _ignore(_fill: MakerFill) -> None:
    """Drop a fill: nobody keeps an account."""


def _ignore_id(_order_id: int) -> None:
    """Drop the report of a withdrawn order."""
