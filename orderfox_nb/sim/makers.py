"""The makers of one symbol: they keep orders around the price, and clear the way for the trades of the history.

They withdraw only their own orders, never those of clients (``client_orders``).
"""

from __future__ import annotations

from collections.abc import Container
from math import exp, floor, log
from typing import Final

from orderfox_nb.sim.facts import TradeFact
from orderfox_nb.sim.flow import Flow, Second
from orderfox_nb.sim.matching import ASK, BID, MatchingBook

_PIECES: Final = 5


class Makers:
    """Places and cancels the orders of a book.

    Args:
        book: Where they rest.
        flow: Draws their orders.
        price: Price of the last trade, in ticks.
        clients: Ids of the orders that are not theirs.
    """

    def __init__(self, book: MatchingBook, flow: Flow, *, price: int, clients: Container[int] = ()) -> None:
        self._book = book
        self._clients = clients
        self._flow = flow
        self._fair = price + 0.5
        """Middle of the quotes, in ticks."""
        self._due: dict[int, list[int]] = {}
        """Orders to cancel by step."""
        self._targets = [flow.best_lots, flow.best_lots]
        self._second: Second
        self._open_book()

    def _open_book(self) -> None:
        place, due = self._book.place, self._due
        bid = floor(self._fair)
        ask = bid + 1
        for side, behind, lots, life in self._flow.standing():
            ticks = bid - behind if side == BID else ask + behind
            if ticks > 0:
                due.setdefault(life, []).append(place(side, ticks, lots))
        self._quote(bid, ask, [0.5, 0.5], step=0)
        for changed in self._book.changed:
            changed.clear()

    def begin_second(self, activity: float) -> None:
        """Draw the next second.

        Args:
            activity: Trades of the second beside an ordinary one's.
        """
        self._second = self._flow.second(activity)
        # The size that makers show at the best price wanders.
        for side in (BID, ASK):
            shown = self._flow.best_lots * min(6.0, log(self._second.uniforms[side] + 1e-9) ** 2 / 2)
            self._targets[side] += 0.25 * (shown - self._targets[side])

    def cancel_due(self, step: int) -> None:
        """Cancel the orders whose lifetime ends at a step."""
        for order_id in self._due.pop(step, ()):
            self._book.cancel(order_id)

    def fill(self, trade: TradeFact) -> None:
        """Make the book fit a trade, and let it trade."""
        self.make_way(trade)
        side, maker = (ASK, BID) if trade.buyer_is_maker else (BID, ASK)
        self.offer(maker, trade.price, trade.lots)
        self._book.match(side, trade.lots, trade.price)

    def make_way(self, trade: TradeFact) -> None:
        """Move the quotes to a trade that is about to happen.

        Makers anticipate the trade: they cancel orders that are better than its price or would cross it.
        """
        book, ticks = self._book, trade.price
        if trade.buyer_is_maker:
            self._fair = ticks + 0.5
            if book.best_bid > ticks:
                self._clear(BID, ticks + 1)
            if book.best_ask <= ticks:
                self._clear(ASK, ticks)
        else:
            self._fair = ticks - 0.5
            if book.best_bid >= ticks:
                self._clear(BID, ticks)
            if book.best_ask < ticks:
                self._clear(ASK, ticks - 1)

    def offer(self, side: int, ticks: int, lots: int) -> None:
        """Place what a level lacks of a size."""
        missing = lots - self._book.sizes[side].get(ticks, 0)
        if missing > 0:
            self._book.place(side, ticks, missing)

    def quote(self, slot: int, step: int) -> None:
        """Place the orders of a step.

        Args:
            slot: Place of the step within its second.
            step: Its number since the start.
        """
        self._place(self._second.placements[slot], step)
        self._requote(self._second.uniforms[8 * slot : 8 * slot + 8], step)

    def _clear(self, side: int, edge: int) -> None:
        """Withdraw the levels of a side from its best price to an edge."""
        book = self._book
        sizes, best = book.sizes[side], book.best_bid if side == BID else book.best_ask
        between = range(best, edge - 1, -1) if side == BID else range(best, edge + 1)
        ahead = (
            [ticks for ticks in between if ticks in sizes]
            if len(between) < len(sizes)
            else [ticks for ticks in sizes if (ticks >= edge if side == BID else ticks <= edge)]
        )
        for ticks in ahead:
            book.clear_level(side, ticks, but=self._clients)

    def _place(self, placements: list[tuple[int, int, int, int]], step: int) -> None:
        book, due = self._book, self._due
        place = book.place
        bid = floor(self._fair)
        for side, behind, lots, life in placements:
            if side == BID:
                ticks = min(book.best_ask - 1, bid) - behind
                if ticks <= 0:
                    continue
            else:
                ticks = max(book.best_bid + 1, bid + 1) + behind
            at = step + life
            order_id = place(side, ticks, lots)
            if at in due:
                due[at].append(order_id)
            else:
                due[at] = [order_id]

    def _requote(self, uniforms: list[float], step: int) -> None:
        bid = floor(self._fair)
        self._quote(bid, bid + 1, uniforms[2:4], step=step)
        book, due = self._book, self._due
        # Makers restore the size at the best price to its target, a piece at a time.
        pace = self._flow.pace**0.5
        for side, best in ((BID, book.best_bid), (ASK, book.best_ask)):
            if best not in book.sizes[side]:
                continue
            draw = uniforms[4 + side]
            missing = self._targets[side] - book.sizes[side].get(best, 0)
            if draw > pace or missing < 1:
                continue
            # Sizes are uniform in their logarithm: a few large orders, many small ones.
            draw = draw / pace
            for piece in range(_PIECES):
                lots = int(0.5 * missing * exp(-7.5 * draw)) + self._flow.min_lots
                life = 1 + int(-log((uniforms[6 + side] + 0.37 * piece) % 1.0 + 1e-9) * 30)
                due.setdefault(step + life, []).append(book.place(side, best, lots))
                draw = (draw * 7.31 + 0.13) % 1.0

    def _quote(self, bid: int, ask: int, draws: list[float], *, step: int) -> None:
        """Close the spread around the fair price where it is open."""
        book = self._book
        if bid < 1:
            return
        if book.best_bid < bid < book.best_ask:
            lots = int(self._targets[BID] * 0.25 * (0.1 + draws[0])) + 1
            self._due.setdefault(step + 2 + int(40 * draws[0]), []).append(book.place(BID, bid, lots))
        if book.best_ask > ask > book.best_bid:
            lots = int(self._targets[ASK] * 0.25 * (0.1 + draws[1])) + 1
            self._due.setdefault(step + 2 + int(40 * draws[1]), []).append(book.place(ASK, ask, lots))
