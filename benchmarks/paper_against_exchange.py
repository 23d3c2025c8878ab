"""Orders at the touch, on paper and at the embedded exchange: how many are filled, and how soon.

The exchange matches an order in its real queue. The paper venue sees what the exchange publishes, trades at their time
and changes of the book each 100 ms, without the order itself, and estimates the queue by three models. Both get the
same orders at the same moments, and both cancel what is left after a while.

A second run shows paper each change of the order's level by itself, which no venue publishes: what is withdrawn from
the level and what is placed behind it are two changes then, and not their difference.
"""

from __future__ import annotations

import statistics
from decimal import Decimal
from typing import Final

import msgspec

from benchmarks.table import machine, print_table
from orderfox_nb.bots.orders import Fill, OrderRequest
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.terms import BAND
from orderfox_nb.core.events import BookDelta, BookSnapshot, Trade, raw_levels
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import LevelFact, TradeFact
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.trading.orders import NewOrder, PlacedOrder

TITLE = "Paper against the embedded exchange"

START_US: Final = 1_790_000_000_000_000
STEP_US: Final = 100_000
ORDERS: Final = 300
WAIT_US: Final = 20_000_000
LOTS: Final = 5


class TouchOutcome(msgspec.Struct):
    """What became of one order."""

    filled: int = 0
    """Lots."""
    after_us: int = 0
    """From its arrival to the fill that completed it, 0 if it was not completed."""


class LevelTap:
    """Notes trades and each change of one level of the exchange's book in their order.

    Args:
        comparison: Whose exchange and own order.
    """

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self.noted: list[TradeFact | int] = []
        """A trade, or the size of the own order's level without that order, lots."""
        session = comparison.market._session
        book = session.book
        place, cancel, publish = book.place, book.cancel, session._publish

        def placed(side: int, ticks: int, lots: int) -> int:
            order_id = place(side, ticks, lots)
            self._note()
            return order_id

        def cancelled(order_id: int) -> bool:
            found = cancel(order_id)
            self._note()
            return found

        def published(trade: TradeFact) -> None:
            publish(trade)
            self.noted.append(trade)

        # The exchange has no such stream, and shall not have one for the sake of a benchmark.
        book.place, book.cancel, session._publish = placed, cancelled, published  # type: ignore[method-assign]
        self._sizes = book.sizes

    def _note(self) -> None:
        own = self._comparison.own
        if own is not None and own.is_open:
            self.noted.append(max(0, self._sizes[own.side].get(own.ticks, 0) - own.left))


class Comparison:
    """One symbol of the exchange, and paper venues that watch it.

    Args:
        seed: Of the exchange.
        every: Whether paper is shown each change of the own order's level by itself.
    """

    def __init__(self, *, seed: int = 7, every: bool = False) -> None:
        self.exchange = Exchange(seed, 1, start_us=START_US)
        self.market = self.exchange.markets[0]
        listing = self.market.listing
        self.symbol = listing.symbol
        self.instrument = Instrument(
            venue="sim",
            symbol=listing.symbol,
            unified=listing.symbol,
            base="BASE",
            quote="USDT",
            tick_size=listing.tick_size,
            lot_size=listing.lot_size,
        )
        rules = TradingRules(instrument=self.instrument, min_notional=Decimal(0))
        self.papers = {model.name: PaperVenue(self.instrument, rules, queue=model) for model in BAND}
        self.own: PlacedOrder | None = None
        self.update_id = 0
        self.now_us = START_US
        self.exchange.advance(self.now_us + 1_000_000)
        self.now_us += 1_000_000
        self.market.advance(self.now_us)
        _, bids, asks = self.market.depth(1_000)
        self._tap = LevelTap(self) if every else None
        self._apply(
            BookSnapshot(
                symbol=self.symbol,
                time_us=self.now_us,
                update_id=0,
                raw_bids=self._levels(dict(bids)),
                raw_asks=self._levels(dict(asks)),
            )
        )

    def _levels(self, sizes: dict[int, int]) -> msgspec.Raw:
        return raw_levels([(self.instrument.price(t), self.instrument.size(lots)) for t, lots in sizes.items()])

    def _apply(self, event: BookSnapshot | BookDelta | Trade) -> None:
        for paper in self.papers.values():
            paper.apply(event)

    def step(self) -> None:
        """Let 100 ms pass, and show the paper venues what was published."""
        self.now_us += STEP_US
        self.exchange.advance(self.now_us)
        changed: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
        facts, own = self.market.advance(self.now_us), self.own
        if self._tap is not None:
            self._show_each(self._tap.noted, own)
        for fact in facts:
            if isinstance(fact, TradeFact) and self._tap is None:
                self._trade(fact)
            elif isinstance(fact, LevelFact):
                changed[fact.side][fact.ticks] = fact.lots
        if own is not None and own.is_open:
            side = changed["bid" if own.side == BID else "ask"]
            if own.ticks in side:
                side[own.ticks] = max(0, side[own.ticks] - own.left)
        self._change(self.now_us, changed)

    def _trade(self, fact: TradeFact) -> None:
        self._apply(
            Trade(
                symbol=self.symbol,
                time_us=fact.time_us,
                id=str(fact.agg_id),
                price=self.instrument.price(fact.price),
                size=self.instrument.size(fact.lots),
                aggressor="sell" if fact.buyer_is_maker else "buy",
            )
        )

    def _change(self, time_us: int, changed: dict[str, dict[int, int]]) -> None:
        before, self.update_id = self.update_id, self.update_id + 1
        self._apply(
            BookDelta(
                symbol=self.symbol,
                time_us=time_us,
                first_id=self.update_id,
                last_id=self.update_id,
                previous_id=before,
                raw_bids=self._levels(changed["bid"]),
                raw_asks=self._levels(changed["ask"]),
            )
        )

    def _show_each(self, noted: list[TradeFact | int], own: PlacedOrder | None) -> None:
        time_us, last = self.now_us - STEP_US, -1
        for each in noted:
            if isinstance(each, TradeFact):
                time_us = each.time_us
                self._trade(each)
                last = -1
            elif own is not None and each != last:
                sides: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
                sides["bid" if own.side == BID else "ask"][own.ticks] = last = each
                self._change(time_us, sides)
        noted.clear()

    def order(self, number: int, side: int) -> dict[str, TouchOutcome]:
        """Send one order at the best price to all, wait, and cancel what is left."""
        bid, _, ask, _ = self.market.best()
        ticks, sent_us = (bid if side == BID else ask), self.now_us
        request = OrderRequest(
            symbol=self.symbol, side="buy" if side == BID else "sell", lots=LOTS, ticks=ticks, time_in_force="GTX"
        )
        found = {name: TouchOutcome() for name in ("exchange", *self.papers)}
        for paper in self.papers.values():
            paper.submit(number, request, sent_us)
        account = self.exchange.trading.account(f"account-{number % 50}")
        new = NewOrder(symbol=self.symbol, side=side, kind="LIMIT", lots=LOTS, ticks=ticks, time_in_force="GTX")
        self.own = self.exchange.trading.submit(account, new)
        while self.now_us < sent_us + WAIT_US:
            self.step()
            for name, paper in self.papers.items():
                for answer in paper.drain():
                    if isinstance(answer, Fill):
                        _add(found[name], answer.lots, answer.time_us - sent_us)
        for fill in account.fills:
            if fill.order_id == self.own.order_id:
                _add(found["exchange"], fill.lots, fill.time_us - sent_us)
        if self.own.is_open:
            self.exchange.trading.cancel(self.own)
        for paper in self.papers.values():
            paper.cancel_all(self.now_us)
            paper.drain()
        self.own = None
        self.step()
        return found


def _add(outcome: TouchOutcome, lots: int, after_us: int) -> None:
    outcome.filled += lots
    if outcome.filled == LOTS:
        outcome.after_us = after_us


def compare(orders: int = ORDERS, *, seed: int = 7, every: bool = False) -> dict[str, list[TouchOutcome]]:
    """Return what became of each order, by where it was sent."""
    comparison = Comparison(seed=seed, every=every)
    found: dict[str, list[TouchOutcome]] = {}
    for number in range(1, orders + 1):
        for name, outcome in comparison.order(number, BID if number % 2 else ASK).items():
            found.setdefault(name, []).append(outcome)
    return found


def ratio(outcomes: list[TouchOutcome]) -> float:
    """Return the share of the lots that was filled."""
    return sum(each.filled for each in outcomes) / (LOTS * len(outcomes))


def median_s(outcomes: list[TouchOutcome]) -> float:
    """Return the median time of the completed orders in seconds."""
    return statistics.median(each.after_us for each in outcomes if each.after_us) / 1e6


def show(title: str, found: dict[str, list[TouchOutcome]]) -> None:
    """Print what became of the orders."""
    exact = found["exchange"]
    rows: list[list[str]] = []
    for name, outcomes in found.items():
        same = sum(a.filled == b.filled for a, b in zip(outcomes, exact, strict=True))
        pairs = [(a.after_us, b.after_us) for a, b in zip(outcomes, exact, strict=True) if a.after_us and b.after_us]
        apart = statistics.median(abs(first - second) for first, second in pairs) / 1e6
        share = f"{same / len(exact):.1%}"
        rows.append([name, f"{ratio(outcomes):.1%}", f"{median_s(outcomes):.2f}", share, f"{apart:.2f}"])
    head = ["where", "lots filled", "median s", "filled as at the exchange", "median s apart"]
    print_table(title, head, rows)
    models = [outcomes for name, outcomes in found.items() if name != "exchange"]
    for name, figure in (("fill ratio", ratio), ("median time", median_s)):
        low, high = min(map(figure, models)), max(map(figure, models))
        inside = "within" if low <= figure(exact) <= high else "outside"
        print(f"{name}: {figure(exact):.3f} is {inside} the band {low:.3f} to {high:.3f}")


def main() -> None:
    print(f"# {TITLE}\n\n{machine()}")
    show(f"{ORDERS} orders of {LOTS} lots at the touch, 20 s each", compare())
    show("The same, and each change of the order's level is shown to paper by itself", compare(every=True))


if __name__ == "__main__":
    main()
