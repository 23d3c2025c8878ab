"""One symbol's market: the order flow meets the book, and facts come out.

Time goes in steps of 50 ms from the whole second at which the market opened, so that the facts do not depend on how
often somebody asks. Levels are told at the end of the step, trades at their own time within it.
"""

from __future__ import annotations

from collections import deque
from math import ceil, floor, log
from typing import Final

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.facts import (
    Fact,
    FundingRow,
    KlineRow,
    LevelFact,
    LiquidationFact,
    MarkFact,
    TickerRow,
    TradeFact,
)
from orderfox_nb.sim.flow import STEP_US, STEPS, Flow, Second
from orderfox_nb.sim.history import History
from orderfox_nb.sim.liquidations import Forced, LiquidationDesk
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID, NO_ASK, NO_BID, Fills, OrderBook
from orderfox_nb.sim.reference import Reference

_KEPT_TRADES: Final = 10_000
_MOST_WAITING: Final = 1_000_000
_LAST_MOMENT_US: Final = 2_000
"""Trades leave room at the end of a step for the levels that they changed."""


class Market:
    """The market of one symbol, from ``start_us`` on.

    Args:
        listing: What is traded.
        seed: The same seed and start give the same facts.
        start_us: When it opens, rounded down to the second; before that there is history.
    """

    def __init__(self, listing: Listing, *, seed: int, start_us: int) -> None:
        self.listing = listing
        self.symbol = listing.symbol
        self.start_us = start_us - start_us % SECOND_US
        self.history = History(listing, seed=seed, start_us=self.start_us)
        self.bars = Bars(self.history)
        self._flow = Flow(listing, seed=seed)
        self._reference = Reference(listing, seed=seed)
        self._liquidations = LiquidationDesk(listing, seed=seed)
        self._book = OrderBook()
        self._step = 0
        self._due: dict[int, list[int]] = {}
        self._facts: deque[Fact] = deque(maxlen=_MOST_WAITING)
        self._kept_trades: deque[TradeFact] = deque(maxlen=_KEPT_TRADES)
        self._fair = listing.price_ticks + 0.5
        self._last_price = listing.price_ticks
        self._last_lots = 1
        self._trade_id, self._agg_id = self.history.first_ids
        self._first_trade_id = self._trade_id
        # About the ids of a symbol of this size after years of updates.
        self._update_id = 4_000_000_000_000 + int(3e12 * listing.share)
        self._targets = [self._flow.best_lots, self._flow.best_lots]
        self._recent_move_bp = 0.0
        self._open_book()
        self._second: Second = self._flow.second()
        self._closed_at = 0

    # What others ask

    @property
    def now_us(self) -> int:
        """Time to which the market has been simulated."""
        return self.start_us + self._step * STEP_US

    @property
    def last_price(self) -> int:
        """Price of the last trade in ticks."""
        return self._last_price

    @property
    def update_id(self) -> int:
        """The last level change's id."""
        return self._update_id

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait for ``advance``."""
        last = (now_us - self.start_us) // STEP_US
        while self._step < last:
            self._run_step()

    def advance(self, now_us: int) -> list[Fact]:
        """Simulate every step that ends by a time and return the facts since the last call, in time order."""
        self.run(now_us)
        facts = list(self._facts)
        self._facts.clear()
        return facts

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the last update id and the best levels of both sides as ticks and lots, best first."""
        return self._update_id, self._book.levels(BID, limit), self._book.levels(ASK, limit)

    def best(self) -> tuple[int, int, int, int]:
        """Return the best bid's ticks and lots, then the best ask's."""
        book = self._book
        bid, ask = book.best_bid, book.best_ask
        return bid, book.sizes[BID].get(bid, 0), ask, book.sizes[ASK].get(ask, 0)

    def aggregate_trades(
        self,
        limit: int = 500,
        *,
        from_id: int | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
    ) -> list[TradeFact]:
        """Return aggregate trades, oldest first: live ones, and the history's last before the start.

        Without bounds the latest; with ``from_id`` or ``start_us`` the first from there on, until ``end_us`` inclusive.
        """
        trades = list(self._kept_trades)
        # The history ends where the live trades begin, as long as none of these has been dropped.
        if len(trades) < _KEPT_TRADES and (len(trades) < limit or from_id is not None or start_us is not None):
            trades = self.history.trades() + trades
        if from_id is not None:
            trades = [trade for trade in trades if trade.agg_id >= from_id]
        if start_us is not None:
            trades = [trade for trade in trades if trade.time_us >= start_us]
        if end_us is not None:
            trades = [trade for trade in trades if trade.time_us <= end_us]
        return trades[:limit] if from_id is not None or start_us is not None else trades[-limit:]

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[KlineRow]:
        """Return bars that open within the bounds, oldest first, the one in progress last.

        With ``start_us`` the first from there on, else the latest.
        """
        return self.bars.rows(interval, now_us=self.now_us, start_us=start_us, end_us=end_us, limit=limit)

    def current_kline(self, interval: str) -> KlineRow:
        """Return the bar in progress; cheap enough to ask for four times a second."""
        return self.bars.current(interval, now_us=self.now_us)

    def ticker(self) -> TickerRow:
        """Return the statistics of the last 24 hours."""
        return self.bars.ticker(
            now_us=self.now_us,
            last_lots=self._last_lots,
            last_trade_id=self._trade_id - 1,
        )

    def mark(self) -> MarkFact:
        """Return mark price, index and funding as of now."""
        return self._reference.mark(self.now_us, self._price(self._fair))

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]:
        """Return settled fundings, oldest first; with ``start_us`` the first from there on, else the latest."""
        return self._reference.settled(self.bars, now_us=self.now_us, start_us=start_us, end_us=end_us, limit=limit)

    def open_interest(self, at_us: int | None = None) -> int:
        """Return the open contracts in lots, now or at a time of the past."""
        return self._reference.open_interest(self.now_us if at_us is None else at_us)

    def liquidations_truth(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        """Return every liquidation of the live market that traded within bounds, sampled or not, oldest first.

        One that traded within the last second is not there yet: whether it is public is not decided.
        """
        return self._liquidations.truth(start_us, end_us)

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        """Return the public liquidations within bounds (end exclusive), history and live, oldest first.

        With a limit the latest of them.
        """
        live = [fact for fact in self._liquidations.truth(start_us, end_us - 1) if fact.sampled]
        if limit is not None and len(live) >= limit:
            return live[-limit:]
        past = self.history.liquidations(
            start_us, min(end_us, self.start_us), None if limit is None else limit - len(live)
        )
        return past + live

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        """Sum the public liquidations by bucket and side; buckets are aligned to ``start_us``, empty ones left out.

        Returns:
            Start of the bucket, side of the order, notional in quote currency.
        """
        sums = self.history.liquidation_sums(bucket_us, start_us, min(end_us, self.start_us))
        lot_size = float(self.listing.lot_size)
        for fact in self._liquidations.truth(start_us, end_us - 1):
            if fact.sampled:
                bucket = start_us + (fact.time_us - start_us) // bucket_us * bucket_us
                key = (bucket, fact.side)
                sums[key] = sums.get(key, 0.0) + fact.lots_filled * lot_size * fact.average_price
        return [(bucket, side, notional) for (bucket, side), notional in sorted(sums.items())]

    # A step

    def _open_book(self) -> None:
        place, due = self._book.place, self._due
        bid = floor(self._fair)
        ask = bid + 1
        for side, behind, lots, life in self._flow.standing():
            ticks = bid - behind if side == BID else ask + behind
            if ticks > 0:
                due.setdefault(life, []).append(place(side, ticks, lots))
        self._quote(bid, ask, [0.5, 0.5])
        for changed in self._book.changed:
            changed.clear()

    def _run_step(self) -> None:
        slot = self._step % STEPS
        start_us = self.start_us + self._step * STEP_US
        if slot == 0:
            if self._step:
                self._second = self._flow.second()
            self._begin_second(start_us)
        self._step = step = self._step + 1
        second, book = self._second, self._book

        for order_id in self._due.pop(step, ()):
            book.cancel(order_id)
        uniforms = second.uniforms[8 * slot : 8 * slot + 8]
        if jump := second.jumps_bp[slot]:
            self._jump(jump, start_us, uniforms)
        self._facts.extend(self._liquidations.decided(start_us))
        for forced in self._liquidations.due(slot):
            self._liquidate(forced, start_us)
        for offset_us, side, notional in second.takers[slot]:
            lots = max(1, round(notional / self._flow.lot_notional))
            limit = NO_ASK if side == BID else NO_BID
            self._trade(side, lots, limit, start_us + min(offset_us, STEP_US - _LAST_MOMENT_US))
        self._place(second.placements[slot], step)
        self._requote(uniforms, step)
        self._tell_levels(start_us + STEP_US - 1_000)

    def _begin_second(self, start_us: int) -> None:
        price = self._price(self._fair)
        self._reference.tick()
        self._facts.append(self._reference.mark(start_us, price))
        self._liquidations.draw(price=price)
        # The order sizes that makers like to show wander.
        for side in (BID, ASK):
            draw = self._second.uniforms[side]
            self._targets[side] = 0.8 * self._targets[side] + 0.2 * self._flow.best_lots * min(4.0, -log(draw + 1e-9))

    def _jump(self, jump_bp: float, start_us: int, uniforms: list[float]) -> None:
        book = self._book
        self._fair = fair = max(2.5, self._fair + jump_bp / 1e4 * self._fair)
        side = BID if jump_bp > 0 else ASK
        other = 1 - side
        edge = floor(fair) if side == BID else floor(fair) + 1
        best = book.best_ask if side == BID else book.best_bid
        between = range(best, edge + 1) if side == BID else range(best, edge - 1, -1)
        if not between:
            return
        # Some of what stands in the way trades, makers withdraw the rest in time.
        sizes = book.sizes[other]
        ahead = (
            [ticks for ticks in between if ticks in sizes]
            if len(between) < len(sizes)
            else [ticks for ticks in sizes if (ticks <= edge if side == BID else ticks >= edge)]
        )
        lots = int(sum(sizes[ticks] for ticks in ahead) * (0.1 + 0.7 * uniforms[0]))
        at_us = start_us + int(uniforms[1] * (STEP_US - 2 * _LAST_MOMENT_US))
        if lots:
            self._trade(side, lots, edge, at_us)
        for ticks in ahead:
            book.clear_level(other, ticks)

    def _trade(self, side: int, lots: int, limit: int, time_us: int) -> Fills:
        fills = self._book.take(side, lots, limit)
        facts, kept = self._facts, self._kept_trades
        seller_takes = side == ASK
        for ticks, level in fills:
            taken = sum(level)
            first = self._trade_id
            self._trade_id = first + len(level)
            trade = TradeFact(
                time_us, first, self._trade_id - 1, self._agg_id, ticks, taken, seller_takes, tuple(level)
            )
            self._agg_id += 1
            facts.append(trade)
            kept.append(trade)
            self.bars.add(time_us, ticks, taken, len(level), seller_takes)
            self._last_price, self._last_lots = ticks, level[-1]
        return fills

    def _liquidate(self, forced: Forced, start_us: int) -> None:
        book = self._book
        buying = forced.side == BID
        best = book.best_ask if buying else book.best_bid
        lots = max(1, round(forced.notional / self._flow.lot_notional))
        limit = round(best * (1 + (forced.limit_bp if buying else -forced.limit_bp) / 1e4))
        time_us = start_us + forced.offset_us
        fills = self._trade(forced.side, lots, limit, time_us)
        filled = sum(sum(level) for _, level in fills)
        if not filled:
            return
        average = sum(ticks * sum(level) for ticks, level in fills) / filled
        self._fair += 0.7 * (fills[-1][0] - best)
        self._liquidations.traded(
            LiquidationFact(
                time_us=time_us,
                event_us=time_us,
                side="buy" if buying else "sell",
                lots_original=lots,
                lots_filled=filled,
                lots_last=fills[-1][1][-1],
                limit_ticks=limit,
                average_price=self._price(average),
                sampled=False,
            )
        )

    def _place(self, placements: list[tuple[int, int, int, int]], step: int) -> None:
        book, due = self._book, self._due
        place = book.place
        for side, behind, lots, life in placements:
            if side == BID:
                ticks = min(book.best_ask - 1, ceil(self._fair)) - behind
                if ticks <= 0:
                    continue
            else:
                ticks = max(book.best_bid + 1, floor(self._fair)) + behind
            at = step + life
            order_id = place(side, ticks, lots)
            if at in due:
                due[at].append(order_id)
            else:
                due[at] = [order_id]

    def _requote(self, uniforms: list[float], step: int) -> None:
        bid = floor(self._fair)
        self._quote(bid, bid + 1, uniforms[2:4])
        book, due = self._book, self._due
        # Makers bring the best price's size back to what they like to show, a piece at a time.
        pace = self._flow.pace**0.5
        for side, best in ((BID, book.best_bid), (ASK, book.best_ask)):
            draw = uniforms[4 + side]
            if draw > pace:
                continue
            missing = self._targets[side] - book.sizes[side].get(best, 0)
            if missing > 1:
                lots = int(missing * (0.02 + 0.5 * (draw / pace) ** 2)) + 1
                life = 1 + int(-log(uniforms[6 + side] + 1e-9) * 30)
                due.setdefault(step + life, []).append(book.place(side, best, lots))

    def _quote(self, bid: int, ask: int, draws: list[float]) -> None:
        """Close the spread around the fair price where it is open."""
        book = self._book
        if bid < 1:
            return
        if book.best_bid < bid < book.best_ask:
            lots = int(self._targets[BID] * 0.25 * (0.1 + draws[0])) + 1
            self._due.setdefault(self._step + 2 + int(40 * draws[0]), []).append(book.place(BID, bid, lots))
        if book.best_ask > ask > book.best_bid:
            lots = int(self._targets[ASK] * 0.25 * (0.1 + draws[1])) + 1
            self._due.setdefault(self._step + 2 + int(40 * draws[1]), []).append(book.place(ASK, ask, lots))

    def _tell_levels(self, time_us: int) -> None:
        facts = self._facts
        for name, sizes, changed in zip(("bid", "ask"), self._book.sizes, self._book.changed, strict=True):
            if not changed:
                continue
            update_id = self._update_id
            for ticks in changed:
                update_id += 3
                facts.append(LevelFact(time_us, update_id, name, ticks, sizes.get(ticks, 0)))  # type: ignore[arg-type]
            self._update_id = update_id
            changed.clear()

    def _price(self, ticks: float) -> float:
        return ticks * float(self.listing.tick_size)
