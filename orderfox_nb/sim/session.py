"""Trading in one symbol: the order flow meets the book, and facts come out.

Time goes in steps of 50 ms from the whole second at which trading opened, so that the facts do not depend on how often
somebody asks. Levels are told at the end of the step, trades at their own time within it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from math import exp, floor, log
from operator import itemgetter
from typing import Final

from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, TradeFact
from orderfox_nb.sim.flow import STEP_US, STEPS, Flow, Second
from orderfox_nb.sim.liquidations import Forced, LiquidationDesk
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID, NO_ASK, NO_BID, Fills, OrderBook
from orderfox_nb.sim.reference import Reference

KEPT_TRADES: Final = 10_000
_PIECES: Final = 5
_IMPACT: Final = 0.3
_MOST_WAITING: Final = 1_000_000
_LAST_MOMENT_US: Final = 2_000
"""Trades leave room at the end of a step for the levels that they changed."""
_ID_STEP: Final = 3


class TradingSession:
    """Runs the steps of one symbol.

    Args:
        listing: What is traded.
        seed: The same seed and start give the same facts.
        start_us: When trading opens, a whole second.
        bars: Take every trade.
        first_ids: Of the first trade and the first aggregate trade.
        liquidation_rate: Liquidations happen so many times as often as they do on a usual day.
    """

    def __init__(
        self,
        listing: Listing,
        *,
        seed: int,
        start_us: int,
        bars: Bars,
        first_ids: tuple[int, int],
        liquidation_rate: float = 1.0,
    ) -> None:
        self.book = OrderBook()
        self.reference = Reference(listing, seed=seed)
        self.liquidations = LiquidationDesk(listing, seed=seed, rate=liquidation_rate)
        self.trades: deque[TradeFact] = deque(maxlen=KEPT_TRADES)
        """The latest, oldest first."""
        self.last_price = listing.price_ticks
        """Of the last trade, in ticks."""
        self.last_lots = 1
        self.fair = listing.price_ticks + 0.5
        """What the flow thinks it is worth, in ticks; the quotes stand around it."""
        # About the ids of a symbol of this size after years of updates.
        self.update_id = 4_000_000_000_000 + int(3e12 * listing.share)
        self.trade_id, self._agg_id = first_ids
        """Id of the next single trade."""
        self._bars = bars
        self._tick_size = float(listing.tick_size)
        self._flow = Flow(listing, seed=seed)
        self._start_us = start_us
        self._step = 0
        self._due: dict[int, list[int]] = {}
        self._facts: deque[Fact] = deque(maxlen=_MOST_WAITING)
        self._targets = [self._flow.best_lots, self._flow.best_lots]
        self._open_book()
        self._second: Second = self._flow.second()

    @property
    def now_us(self) -> int:
        """Time to which it has been simulated."""
        return self._start_us + self._step * STEP_US

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait until they are taken."""
        last = (now_us - self._start_us) // STEP_US
        while self._step < last:
            self._run_step()

    def take_facts(self) -> list[Fact]:
        """Hand over the facts since the last call."""
        facts = list(self._facts)
        self._facts.clear()
        return facts

    def price(self, ticks: float) -> float:
        """Convert ticks to quote currency."""
        return ticks * self._tick_size

    def _open_book(self) -> None:
        place, due = self.book.place, self._due
        bid = floor(self.fair)
        ask = bid + 1
        for side, behind, lots, life in self._flow.standing():
            ticks = bid - behind if side == BID else ask + behind
            if ticks > 0:
                due.setdefault(life, []).append(place(side, ticks, lots))
        self._quote(bid, ask, [0.5, 0.5])
        for changed in self.book.changed:
            changed.clear()

    def _run_step(self) -> None:
        slot = self._step % STEPS
        start_us = self._start_us + self._step * STEP_US
        if slot == 0:
            if self._step:
                self._second = self._flow.second()
            self._begin_second(start_us)
        self._step = step = self._step + 1
        second, book = self._second, self.book

        for order_id in self._due.pop(step, ()):
            book.cancel(order_id)
        uniforms = second.uniforms[8 * slot : 8 * slot + 8]
        self._facts.extend(self.liquidations.decided(start_us))
        jump, forced, takers = second.jumps_bp[slot], self.liquidations.due(slot), second.takers[slot]
        if jump or forced:
            self._trade_in_turn(jump, forced, takers, start_us, uniforms)
        else:
            for offset_us, side, notional in takers:
                self._take(offset_us, side, notional, start_us)
        self._place(second.placements[slot], step)
        self._requote(uniforms, step)
        self._tell_levels(start_us + STEP_US - 1_000)

    def _trade_in_turn(
        self,
        jump_bp: float,
        forced: list[Forced],
        takers: list[tuple[int, int, float]],
        start_us: int,
        uniforms: list[float],
    ) -> None:
        """Let a move of the price, liquidations and takers happen in the order of their times."""
        jump_us = int(uniforms[1] * (STEP_US - 2 * _LAST_MOMENT_US))
        turns: list[tuple[int, int, Callable[[], None]]] = []
        if jump_bp:
            turns.append((jump_us, 0, partial(self._jump, jump_bp, start_us + jump_us, 0.05 + 0.4 * uniforms[0])))
        for order in forced:
            turns.append((order.offset_us, len(turns), partial(self._liquidate, order, start_us)))
        for taker in takers:
            turns.append((min(taker[0], STEP_US - _LAST_MOMENT_US), len(turns), partial(self._take, *taker, start_us)))
        for _, _, happen in sorted(turns, key=itemgetter(0, 1)):
            happen()

    def _begin_second(self, start_us: int) -> None:
        price = self.price(self.fair)
        self.reference.tick()
        self._facts.append(self.reference.mark(start_us, price))
        self.liquidations.draw(price=price)
        # What makers like to show at the best price wanders.
        for side in (BID, ASK):
            shown = self._flow.best_lots * min(6.0, log(self._second.uniforms[side] + 1e-9) ** 2 / 2)
            self._targets[side] += 0.25 * (shown - self._targets[side])

    def _jump(self, jump_bp: float, at_us: int, traded: float) -> None:
        book = self.book
        self.fair = fair = max(2.5, self.fair + jump_bp / 1e4 * self.fair)
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
        lots = int(sum(sizes[ticks] for ticks in ahead) * traded)
        if lots:
            self._trade(side, lots, edge, at_us)
        for ticks in ahead:
            book.clear_level(other, ticks)

    def _take(self, offset_us: int, side: int, notional: float, start_us: int) -> None:
        book = self.book
        best, limit = (book.best_ask, NO_ASK) if side == BID else (book.best_bid, NO_BID)
        lots = max(1, round(notional / self._flow.lot_notional))
        fills = self._trade(side, lots, limit, start_us + min(offset_us, STEP_US - _LAST_MOMENT_US))
        if len(fills) > 1:
            self.fair += _IMPACT * (fills[-1][0] - best)

    def _trade(self, side: int, lots: int, limit: int, time_us: int) -> Fills:
        fills = self.book.take(side, lots, limit)
        facts, kept = self._facts, self.trades
        seller_takes = side == ASK
        for ticks, level in fills:
            taken = sum(level)
            first = self.trade_id
            self.trade_id = first + len(level)
            trade = TradeFact(time_us, first, self.trade_id - 1, self._agg_id, ticks, taken, seller_takes, tuple(level))
            self._agg_id += 1
            facts.append(trade)
            kept.append(trade)
            self._bars.add(time_us, ticks, taken, len(level), seller_takes)
            self.last_price, self.last_lots = ticks, level[-1]
        return fills

    def _liquidate(self, forced: Forced, start_us: int) -> None:
        book = self.book
        buying = forced.side == BID
        lots = max(1, round(forced.notional / self._flow.lot_notional))
        # It is seen coming: makers whose order it would only dent step back, so that it meets small ones.
        for _ in range(forced.withdrawn):
            order_id, resting = book.front(1 - forced.side)
            if resting <= lots:
                break
            book.cancel(order_id)
        best = book.best_ask if buying else book.best_bid
        limit = round(best * (1 + (forced.limit_bp if buying else -forced.limit_bp) / 1e4))
        time_us = start_us + forced.offset_us
        fills = self._trade(forced.side, lots, limit, time_us)
        filled = sum(sum(level) for _, level in fills)
        if not filled:
            return
        average = sum(ticks * sum(level) for ticks, level in fills) / filled
        self.fair += 0.7 * (fills[-1][0] - best)
        self.liquidations.traded(
            LiquidationFact(
                time_us=time_us,
                event_us=time_us,
                side="buy" if buying else "sell",
                lots_original=lots,
                lots_filled=filled,
                lots_last=fills[-1][1][-1],
                limit_ticks=limit,
                average_price=self.price(average),
                sampled=False,
            )
        )

    def _place(self, placements: list[tuple[int, int, int, int]], step: int) -> None:
        book, due = self.book, self._due
        place = book.place
        bid = floor(self.fair)
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
        bid = floor(self.fair)
        self._quote(bid, bid + 1, uniforms[2:4])
        book, due = self.book, self._due
        # Makers bring the best price's size back to what they like to show, a piece at a time.
        pace = self._flow.pace**0.5
        for side, best in ((BID, book.best_bid), (ASK, book.best_ask)):
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

    def _quote(self, bid: int, ask: int, draws: list[float]) -> None:
        """Close the spread around the fair price where it is open."""
        book = self.book
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
        for name, sizes, changed in zip(("bid", "ask"), self.book.sizes, self.book.changed, strict=True):
            if not changed:
                continue
            update_id = self.update_id
            for ticks in changed:
                update_id += _ID_STEP
                facts.append(LevelFact(time_us, update_id, name, ticks, sizes.get(ticks, 0)))  # type: ignore[arg-type]
            self.update_id = update_id
            changed.clear()
