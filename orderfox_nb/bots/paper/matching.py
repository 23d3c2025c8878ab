"""Own orders against the market: what a taker gets, and when a resting order is filled."""

from __future__ import annotations

from math import floor

from orderfox_nb.bots.paper.market import OWN, Changed, PaperBook
from orderfox_nb.bots.paper.outbox import Outbox
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.resting import OwnLevel, OwnSide, PaperOrder
from orderfox_nb.core.events import Side, Trade
from orderfox_nb.core.instrument import Instrument

SELF_TRADE = "it would have traded with an order of its own account"
NO_POSITION = "reduce-only: no position is left to reduce"


class Matching:
    """Resting orders of one account and the market that they meet.

    A resting order is filled when a trade at its price exceeds the queue ahead of it, when a trade prints beyond its
    price, or when the opposite best price reaches it. Own orders at one price share a trade in queue order.
    """

    def __init__(self, instrument: Instrument, queue: QueueModel, outbox: Outbox) -> None:
        self.instrument = instrument
        self.market = PaperBook(instrument)
        self.queue = queue
        self.outbox = outbox
        self.orders: dict[int, PaperOrder] = {}
        """Resting orders by number, in order of arrival."""
        self.buys, self.sells = OwnSide("buy"), OwnSide("sell")
        self._depth_rule = queue.depth_rule(instrument.size(1))
        self._ticks_per_unit = instrument.price_scale / instrument.tick_units
        self._reducing = 0

    def own(self, side: Side) -> OwnSide:
        """Return the resting orders of one side."""
        return self.buys if side == "buy" else self.sells

    def crosses_own(self, order: PaperOrder) -> bool:
        """Return whether a limit order would trade on arrival with an order of its own account."""
        opposite = self.own("sell" if order.side == "buy" else "buy").best
        return order.ticks >= opposite if order.side == "buy" else order.ticks <= opposite

    def rest(self, order: PaperOrder) -> None:
        """Put an order at the end of its level's queue."""
        side = OWN[order.side]
        lots = self.market.book.lots_at(side, order.ticks)
        order.ahead = max(0, lots - self.market.taken[side].get(order.ticks, 0))
        order.traded = 0
        self.orders[order.number] = order
        self._reducing += order.request.reduce_only
        self.own(order.side).add(order, lots)

    def remove(self, order: PaperOrder) -> None:
        """Take a resting order out."""
        del self.orders[order.number]
        self._reducing -= order.request.reduce_only
        self.own(order.side).remove(order)

    def take(self, order: PaperOrder, parts: list[tuple[int, int]], time_us: int) -> None:
        """Fill an order on arrival with parts of the book, which are gone until the venue sends those levels again."""
        self.market.take(order.side, parts)
        for ticks, lots in parts:
            self.outbox.fill(order, ticks, lots, time_us, maker=False)
        self._expire_reducing(time_us)

    def expire_self_trades(self, order: PaperOrder, parts: list[tuple[int, int]], time_us: int) -> None:
        """Expire own resting orders that an order on arrival would reach, as the venue does by default.

        Args:
            order: The one that arrives, before it is filled.
            parts: What it takes from the book.
            time_us: Now.
        """
        own = self.own("sell" if order.side == "buy" else "buy")
        if not own.levels:
            return
        rest = order.left - sum(lots for _, lots in parts)
        worst, taken = parts[-1] if parts else (None, 0)
        if rest:
            # The book has nothing more for it: whatever it accepts of its own account would be next.
            worst = order.request.ticks if order.request.ticks is not None else own.worst
        if worst is None:
            return
        for level in own.reached(own.sign * worst):
            for resting in tuple(level.orders):
                if rest or level.ticks != worst or taken > resting.ahead:
                    self.remove(resting)
                    self.outbox.report(resting, "expired", time_us, reason=SELF_TRADE)

    def trade(self, trade: Trade) -> None:
        """Fill by a trade and move the queues at its price."""
        own = self.buys if trade.aggressor == "sell" else self.sells
        # Most trades reach no order. The unrounded price is enough to see that: rounding moves it by less than a tick.
        if own.sign * trade.price * self._ticks_per_unit < own.best_key - 1:
            return
        ticks = self.instrument.ticks(trade.price)
        key = own.sign * ticks
        if key < own.best_key:
            return
        lots, time_us = self.instrument.lots(trade.size), trade.time_us
        if key == own.best_key:
            self._trade_at(own.levels[ticks], lots, time_us)
            return
        for level in own.reached(key):
            if level.ticks == ticks:
                self._trade_at(level, lots, time_us)
            else:
                self._fill_level(level, time_us)

    def levels_changed(self, changed: Changed, time_us: int) -> None:
        """Move the queues of levels that the venue has sent, and fill what the opposite side has reached."""
        book = self.market.book
        for own, ticks in ((self.buys, changed[0]), (self.sells, changed[1])):
            if own.levels:
                for tick in own.levels.keys() & ticks:
                    self._level_changed(own.levels[tick], book.lots_at(own.book_side, tick), time_us)
        self.fill_reached(time_us)

    def fill_reached(self, time_us: int) -> None:
        """Fill resting orders that the best price of the other side is at or beyond.

        With partial fills an order gets what the other side shows at its price and beyond, which is then gone.
        """
        market, buys, sells = self.market, self.buys, self.sells
        # Nearly always nothing is reached, which the bounds of the best prices say.
        highest_bid, lowest_ask = market.book.bounds
        if -lowest_ask >= buys.best_key:
            ask = market.best("ask")
            if ask is not None and -ask >= buys.best_key:
                for level in buys.reached(-ask):
                    self._fill_by_book(level, time_us)
        if highest_bid >= sells.best_key:
            bid = market.best("bid")
            if bid is not None and bid >= sells.best_key:
                for level in sells.reached(bid):
                    self._fill_by_book(level, time_us)

    def requeue(self) -> int:
        """Put every resting order behind what its level has now; own orders keep their order. Return how many."""
        self.read_levels()
        for own in (self.buys, self.sells):
            for level in own.levels.values():
                for order in level.orders:
                    order.ahead, order.traded = level.market_lots, 0
        return len(self.orders)

    def read_levels(self) -> None:
        """Read the sizes of the levels again, without moving the queues."""
        for own in (self.buys, self.sells):
            for level in own.levels.values():
                level.market_lots = self.market.book.lots_at(own.book_side, level.ticks)

    def _trade_at(self, level: OwnLevel, lots: int, time_us: int) -> None:
        left = lots
        for order in tuple(level.orders):
            if order.since_us > time_us:
                continue
            order.ahead -= left
            order.traded += lots
            excess = floor(0.5 - order.ahead)
            if excess <= 0:
                continue
            part = min(excess, order.left) if self.queue.partial else order.left
            order.ahead += part
            left = max(0, left - part)
            self._fill(order, part, time_us)

    def _level_changed(self, level: OwnLevel, now: int, time_us: int) -> None:
        before = level.market_lots
        for order in level.orders:
            if order.since_us > time_us:
                # A change from before its arrival that was received after it: all of the level is ahead.
                order.ahead, order.traded = now, 0
            else:
                order.ahead = self._depth_rule(order.ahead, order.traded, before, now)
                order.traded = 0
        level.market_lots = now

    def _fill_level(self, level: OwnLevel, time_us: int) -> None:
        for order in tuple(level.orders):
            if order.since_us <= time_us:
                self._fill(order, order.left, time_us)

    def _fill_by_book(self, level: OwnLevel, time_us: int) -> None:
        if not self.queue.partial:
            self._fill_level(level, time_us)
            return
        for order in tuple(level.orders):
            if order.since_us <= time_us:
                parts = self.market.walk(order.side, order.left, order.ticks)
                self.market.take(order.side, parts)
                self._fill(order, sum(lots for _, lots in parts), time_us)

    def _fill(self, order: PaperOrder, lots: int, time_us: int) -> None:
        if order.number not in self.orders:
            # It expired by the fill of another one.
            return
        if order.request.reduce_only:
            lots = min(lots, self.outbox.reducible_now(order.side))
        if lots:
            if lots == order.left:
                self.remove(order)
            self.outbox.fill(order, order.ticks, lots, time_us, maker=True)
        self._expire_reducing(time_us)

    def _expire_reducing(self, time_us: int) -> None:
        if not self._reducing:
            return
        for order in tuple(self.orders.values()):
            if order.request.reduce_only and not self.outbox.reducible_now(order.side):
                self.remove(order)
                self.outbox.report(order, "expired", time_us, reason=NO_POSITION)
