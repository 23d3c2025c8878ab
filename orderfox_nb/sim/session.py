"""Trading in one symbol: makers keep a book around the trades of the history, and facts come out.

The trades follow from the seed and the time. The book is made to fit them: before an order trades, makers withdraw what
stands better than its price and offer what it takes there; then it meets them in the matching engine. Time goes in
steps of 50 ms of the whole second, so that the facts do not depend on how often somebody asks. Levels are published at
the end of the step, trades at their own time within it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from math import exp, floor, log
from operator import attrgetter
from typing import Final

from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.blocks import seed_share
from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, TradeFact
from orderfox_nb.sim.flow import STEP_US, STEPS, Flow, Second
from orderfox_nb.sim.history import History
from orderfox_nb.sim.liquidations import TOLD_AFTER_US
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID, OrderBook
from orderfox_nb.sim.reference import Reference

_PIECES: Final = 5
_MAX_WAITING: Final = 1_000_000
_ID_STEP: Final = 3
_IDS_A_STEP: Final = 900
"""Update ids follow from the time; a step that changes more levels than that runs ahead a little."""
_IDS_OF_SEEDS: Final = 4e12
_time = attrgetter("time_us")


class TradingSession:
    """Runs the steps of one symbol.

    Args:
        listing: What is traded.
        seed: Of the trades and of the book around them.
        start_us: When it begins, a whole second.
        history: Has the trades.
        bars: Get every trade.
    """

    def __init__(self, listing: Listing, *, seed: int, start_us: int, history: History, bars: Bars) -> None:
        self.book = OrderBook()
        self.reference = Reference(listing, seed=seed)
        latest = history.last_trade(start_us)
        self.last_price = latest.price if latest is not None else listing.price_ticks
        """Of the last trade, in ticks."""
        self.last_lots = latest.fills[-1] if latest is not None else 1
        self.trade_id = latest.last_trade_id if latest is not None else 0
        """Of the last single trade."""
        self.fair = self.last_price + 0.5
        """Middle of the quotes, in ticks."""
        self._base_id = int(_IDS_OF_SEEDS * seed_share(seed))
        self.update_id = self._base_id + start_us // STEP_US * _IDS_A_STEP
        self._history = history
        self._bars = bars
        self._tick_size = float(listing.tick_size)
        self._ordinary = history.ordinary_aggregates
        self._flow = Flow(listing, seed=seed, start_s=start_us // SECOND_US, price_ticks=self.last_price)
        self._start_us = start_us
        self._step = 0
        self._due: dict[int, list[int]] = {}
        self._facts: deque[Fact] = deque(maxlen=_MAX_WAITING)
        self._targets = [self._flow.best_lots, self._flow.best_lots]
        self._trades: list[TradeFact] = []
        """Of the second."""
        self._next = 0
        self._forced: deque[LiquidationFact] = deque()
        """Liquidations that traded and are not told yet."""
        self._open_book()
        self._second: Second

    @property
    def now_us(self) -> int:
        """Time to which it has been simulated."""
        return self._start_us + self._step * STEP_US

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait until they are taken."""
        last = (now_us - self._start_us) // STEP_US
        while self._step < last:
            self._run_step()

    @property
    def told_us(self) -> int:
        """Time before which every liquidation has been told."""
        stepped_us = self.now_us - STEP_US if self._step else self._start_us - STEP_US
        return stepped_us - TOLD_AFTER_US + 1

    def pop_facts(self) -> list[Fact]:
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
            self._begin_second(start_us)
        self._step = step = self._step + 1
        self.update_id = max(self.update_id, self._base_id + start_us // STEP_US * _IDS_A_STEP)
        second, book = self._second, self.book

        for order_id in self._due.pop(step, ()):
            book.cancel(order_id)
        while self._forced and self._forced[0].time_us + TOLD_AFTER_US <= start_us:
            self._facts.append(self._forced.popleft())
        trades, end_us = self._trades, start_us + STEP_US
        while self._next < len(trades) and trades[self._next].time_us < end_us:
            self._trade(trades[self._next])
            self._next += 1
        self._place(second.placements[slot], step)
        self._requote(second.uniforms[8 * slot : 8 * slot + 8], step)
        self._tell_levels(start_us + STEP_US - 1_000)

    def _begin_second(self, start_us: int) -> None:
        self._forced.extend(self._history.liquidations(start_us - TOLD_AFTER_US, start_us, public=False))
        self._facts.append(self.reference.mark(start_us, self.price(self.last_price)))
        trades = self._history.minute_trades(start_us - start_us % MINUTE_US)
        low = bisect_left(trades, start_us, key=_time)
        self._trades = trades[low : bisect_left(trades, start_us + SECOND_US, key=_time)]
        self._next = 0
        self._second = self._flow.second(len(self._trades) / self._ordinary)
        # What makers like to show at the best price wanders.
        for side in (BID, ASK):
            shown = self._flow.best_lots * min(6.0, log(self._second.uniforms[side] + 1e-9) ** 2 / 2)
            self._targets[side] += 0.25 * (shown - self._targets[side])

    def _trade(self, trade: TradeFact) -> None:
        book, ticks, lots = self.book, trade.price, trade.lots
        if trade.buyer_is_maker:
            side, maker = ASK, BID
            self.fair = ticks + 0.5
            clear_bids, clear_asks = book.best_bid > ticks, book.best_ask <= ticks
        else:
            side, maker = BID, ASK
            self.fair = ticks - 0.5
            clear_bids, clear_asks = book.best_bid >= ticks, book.best_ask < ticks
        # It is seen coming: makers withdraw what stands better than where it trades, or across it.
        if clear_bids:
            self._clear(BID, ticks + 1 if maker == BID else ticks)
        if clear_asks:
            self._clear(ASK, ticks - 1 if maker == ASK else ticks)
        missing = lots - book.sizes[maker].get(ticks, 0)
        if missing > 0:
            book.place(maker, ticks, missing)
        book.take(side, lots, ticks)
        self._bars.add(trade)
        self._facts.append(trade)
        self.last_price, self.last_lots, self.trade_id = ticks, trade.fills[-1], trade.last_trade_id

    def _clear(self, side: int, edge: int) -> None:
        """Withdraw the levels of a side from its best price to an edge."""
        book = self.book
        sizes, best = book.sizes[side], book.best_bid if side == BID else book.best_ask
        between = range(best, edge - 1, -1) if side == BID else range(best, edge + 1)
        ahead = (
            [ticks for ticks in between if ticks in sizes]
            if len(between) < len(sizes)
            else [ticks for ticks in sizes if (ticks >= edge if side == BID else ticks <= edge)]
        )
        for ticks in ahead:
            book.clear_level(side, ticks)

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
