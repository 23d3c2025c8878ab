"""Trading in one symbol: makers keep a book around the trades of the history.

The trades follow from the seed and the time, and the book is made to fit them: before an order trades, makers cancel
better orders and offer its size at its price; then the matching engine matches it. Time advances in steps of 50 ms of
the whole second, so that the facts do not depend on the pace of calls. Level changes have the time of the step's end,
trades their own time within it.

Clients' orders come between two steps, at the end of the last one. How they meet the trades of the history is in
``client_orders``; as long as there are none, nothing differs from a session that takes no orders.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from operator import attrgetter
from typing import Final

from orderfox_nb.core.timeframes import MINUTE_US, SECOND_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.client_orders import ClientOrders, LevelPrint
from orderfox_nb.sim.facts import Fact, LevelFact, LiquidationFact, TradeFact
from orderfox_nb.sim.flow import STEP_US, STEPS, Flow
from orderfox_nb.sim.history import History
from orderfox_nb.sim.liquidations import REPORTED_AFTER_US
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.makers import Makers
from orderfox_nb.sim.matching import MatchingBook
from orderfox_nb.sim.price_path import seed_share
from orderfox_nb.sim.public_tape import PublicTape
from orderfox_nb.sim.reference import Reference

_MAX_WAITING: Final = 1_000_000
_ID_STEP: Final = 3
_IDS_A_STEP: Final = 900
"""Update ids reserved for a step, since ids follow from the time; a step that changes more levels runs ahead."""
_IDS_OF_SEEDS: Final = 4e12
_time = attrgetter("time_us")


class BookSession:
    """Runs the steps of one symbol.

    Args:
        listing: What is traded.
        seed: Seed of the trades and of the book around them.
        start_us: Start, a whole second.
        history: Source of the trades.
        bars: Receive every trade.
    """

    def __init__(self, listing: ListedContract, *, seed: int, start_us: int, history: History, bars: Bars) -> None:
        self.book = MatchingBook()
        self.reference = Reference(listing, seed=seed)
        latest = history.last_trade(start_us)
        self.last_price = latest.price if latest is not None else listing.price_ticks
        """Price of the last trade, in ticks."""
        self.last_lots = latest.fills[-1] if latest is not None else 1
        self.tape = PublicTape(history, latest)
        self.clients = ClientOrders(self.book)
        self._base_id = int(_IDS_OF_SEEDS * seed_share(seed))
        self.update_id = self._base_id + start_us // STEP_US * _IDS_A_STEP
        self._history = history
        self._bars = bars
        self._tick_size = float(listing.tick_size)
        self._ordinary = history.ordinary_aggregates
        flow = Flow(listing, seed=seed, start_s=start_us // SECOND_US, price_ticks=self.last_price)
        self._makers = Makers(self.book, flow, price=self.last_price, clients=self.clients.owners)
        self._start_us = start_us
        self._step = 0
        self._stepping = False
        self._facts: deque[Fact] = deque(maxlen=_MAX_WAITING)
        self._trades: list[TradeFact] = []
        """Trades of the present second."""
        self._next = 0
        self._forced: deque[LiquidationFact] = deque()
        """Liquidations that traded and are not reported yet."""

    @property
    def now_us(self) -> int:
        """Time to which it has been simulated."""
        return self._start_us + self._step * STEP_US

    @property
    def client_us(self) -> int:
        """Time of clients' actions: the last moment of the last finished step, in the current minute."""
        return max(self.now_us - 1, self.now_us - self.now_us % MINUTE_US)

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait for ``pop_facts``."""
        last = (now_us - self._start_us) // STEP_US
        while self._step < last:
            self._stepping = True
            self._run_step()
            self._stepping = False

    @property
    def reported_us(self) -> int:
        """Time before which every liquidation has been reported."""
        stepped_us = self.now_us - STEP_US if self._step else self._start_us - STEP_US
        return stepped_us - REPORTED_AFTER_US + 1

    def pop_facts(self) -> list[Fact]:
        """Return the facts since the last call, in time order."""
        facts = list(self._facts)
        self._facts.clear()
        return facts

    def take(self, side: int, lots: int, limit: int, *, owner: str) -> list[LevelPrint]:
        """Trade an order of a client against the book now; what cannot trade is discarded.

        Args:
            side: Side of the taker.
            lots: Size of the order.
            limit: Worst price in ticks.
            owner: Owner of the order.

        Returns:
            What traded, best price first; its trades are the last ones of the tape.
        """
        prints = self.clients.sweep(
            side, lots, limit, trade_id=self.tape.trade_id + 1, time_us=self.client_us, owner=owner
        )
        if prints:
            facts = self._facts_of(prints, self.client_us)
            self.tape.insert(facts)
            self._publish_changed(facts)
        self.publish_levels()
        return prints

    def publish_levels(self) -> None:
        """Report the levels that clients have changed since the last step; within one, its end reports them."""
        if not self._stepping:
            self._emit_levels(self.client_us)

    def price(self, ticks: float) -> float:
        """Convert ticks to quote currency."""
        return ticks * self._tick_size

    def _run_step(self) -> None:
        slot = self._step % STEPS
        start_us = self._start_us + self._step * STEP_US
        if slot == 0:
            self._begin_second(start_us)
        self._step = step = self._step + 1
        self.update_id = max(self.update_id, self._base_id + start_us // STEP_US * _IDS_A_STEP)
        self._makers.cancel_due(step)
        while self._forced and self._forced[0].time_us + REPORTED_AFTER_US <= start_us:
            self._facts.append(self._forced.popleft())
        trades, end_us = self._trades, start_us + STEP_US
        while self._next < len(trades) and trades[self._next].time_us < end_us:
            self._trade(trades[self._next])
            self._next += 1
        self._makers.quote(slot, step)
        self._emit_levels(start_us + STEP_US - 1_000)

    def _begin_second(self, start_us: int) -> None:
        self._forced.extend(self._history.liquidations(start_us - REPORTED_AFTER_US, start_us, public=False))
        self._facts.append(self.reference.mark(start_us, self.price(self.last_price)))
        trades = self._history.minute_trades(start_us - start_us % MINUTE_US)
        low = bisect_left(trades, start_us, key=_time)
        self._trades = trades[low : bisect_left(trades, start_us + SECOND_US, key=_time)]
        self._next = 0
        self._makers.begin_second(len(self._trades) / self._ordinary)

    def _trade(self, trade: TradeFact) -> None:
        if self.clients:
            self._makers.make_way(trade)
            prints = self.clients.meet(trade, trade_id=self.tape.trade_id + 1, offer=self._makers.offer)
            if len(prints) > 1 or prints[0].with_client:
                facts = self._facts_of(prints, trade.time_us)
                self.tape.replace(trade, facts)
                self._publish_changed(facts)
                return
        else:
            self._makers.fill(trade)
        self._publish(self.tape.follow(trade))

    def _publish(self, trade: TradeFact) -> None:
        self._bars.add(trade)
        self._facts.append(trade)
        self.last_price, self.last_lots = trade.price, trade.fills[-1]

    def _publish_changed(self, trades: list[TradeFact]) -> None:
        for trade in trades:
            self._publish(trade)
            self._bars.keep()

    def _facts_of(self, prints: list[LevelPrint], time_us: int) -> list[TradeFact]:
        facts: list[TradeFact] = []
        trade_id = self.tape.trade_id
        for agg_id, level in enumerate(prints, self.tape.agg_id + 1):
            first_id, trade_id = trade_id + 1, trade_id + len(level.fills)
            fills = tuple(level.fills)
            facts.append(
                TradeFact(time_us, first_id, trade_id, agg_id, level.ticks, level.lots, level.buyer_is_maker, fills)
            )
        return facts

    def _emit_levels(self, time_us: int) -> None:
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
