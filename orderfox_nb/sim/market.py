"""The market of one simulated symbol: trading, bars, history and reference prices."""

from __future__ import annotations

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.client_orders import ClientOrders, LevelPrint
from orderfox_nb.sim.facts import (
    BarRow,
    DayRow,
    Fact,
    FundingRow,
    LiquidationFact,
    MarkFact,
    PriceKind,
    PriceRow,
    RatioKind,
    TradeFact,
)
from orderfox_nb.sim.history import History
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.served_market import Levels, ServedMarket
from orderfox_nb.sim.session import BookSession


class SymbolMarket(ServedMarket):
    """The market of one symbol, from ``start_us`` on.

    Args:
        listing: What is traded.
        seed: The same seed gives the same trades at the same time, whenever it opens.
        start_us: When it opens, rounded down to the second.
        liquidation_rate: Factor on the frequency of liquidations of an ordinary day.
    """

    def __init__(self, listing: ListedContract, *, seed: int, start_us: int, liquidation_rate: float = 1.0) -> None:
        self.listing = listing
        self.symbol = listing.symbol
        self.start_us = start_us - start_us % SECOND_US
        self.history = History(listing, seed=seed, liquidation_rate=liquidation_rate)
        self.bars = Bars(self.history, start_us=self.start_us)
        self._session = BookSession(listing, seed=seed, start_us=self.start_us, history=self.history, bars=self.bars)

    @property
    def now_us(self) -> int:
        """Time to which the market has been simulated."""
        return self._session.now_us

    @property
    def last_price(self) -> int:
        """Price of the last trade in ticks."""
        return self._session.last_price

    @property
    def update_id(self) -> int:
        return self._session.update_id

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait for ``advance``."""
        self._session.run(now_us)

    def advance(self, now_us: int) -> list[Fact]:
        self._session.run(now_us)
        return self._session.pop_facts()

    @property
    def has_orders(self) -> bool:
        return bool(self._session.clients)

    @property
    def clients(self) -> ClientOrders:
        """Orders of clients in the book."""
        return self._session.clients

    @property
    def client_us(self) -> int:
        """Time of what clients do now."""
        return self._session.client_us

    @property
    def takes_orders(self) -> bool:
        """Whether what further orders change can still be kept."""
        return not self._session.tape.is_full

    @property
    def trade_id(self) -> int:
        """Id of the last single trade."""
        return self._session.tape.trade_id

    def take(self, side: int, lots: int, limit: int, *, owner: str) -> list[LevelPrint]:
        """Trade an order of a client now; see ``BookSession.take``."""
        return self._session.take(side, lots, limit, owner=owner)

    def rest(self, side: int, ticks: int, lots: int, *, owner: str) -> int:
        """Place an order of a client that does not cross, and return its id in the book."""
        order_id = self.clients.rest(side, ticks, lots, owner)
        self._session.publish_levels()
        return order_id

    def withdraw(self, order_id: int, lots: int | None = None) -> None:
        """Withdraw an order of a client, or some lots of it, which keeps its place in the queue."""
        if lots is None or lots >= self._session.book.lots_of(order_id):
            self.clients.cancel(order_id)
        else:
            self._session.book.reduce(order_id, lots)
        self._session.publish_levels()

    def available(self, side: int, lots: int, limit: int) -> int:
        """Return how much of an order would trade at once, no worse than a limit."""
        return self._session.book.available(side, lots, limit)

    def lots_ahead(self, order_id: int) -> int:
        """Return the lots in front of an order of a client at its level."""
        return self._session.book.lots_ahead(order_id)

    def depth(self, limit: int) -> tuple[int, Levels, Levels]:
        return self._session.update_id, self._session.book.levels(BID, limit), self._session.book.levels(ASK, limit)

    def best(self) -> tuple[int, int, int, int]:
        book = self._session.book
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
        stop_us = self.now_us if end_us is None else min(self.now_us, end_us + 1)
        if from_id is None and start_us is None:
            return self._session.tape.latest(limit, end_us=stop_us)
        first_us, first_id = start_us or 0, -1 if from_id is None else from_id
        return self._session.tape.since(limit, start_us=first_us, from_agg_id=first_id, end_us=stop_us)

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]:
        return self._session.tape.since_single(limit, from_id, end_us=self.now_us)

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[BarRow]:
        return self.bars.rows(interval, now_us=self.now_us, start_us=start_us, end_us=end_us, limit=limit)

    def prepare(self, start_us: int, *, liquidations: bool = False) -> None:
        """Compute the history since a time, so that long bars and hourly liquidation sums are available at once.

        The only method that may run in another thread. Without it the first such call takes up to a second.
        """
        self.history.prepare(start_us, self.now_us, liquidations=liquidations)

    def current_kline(self, interval: str) -> BarRow:
        return self.bars.current(interval, now_us=self.now_us)

    def ticker(self) -> DayRow:
        return self.bars.ticker(
            now_us=self.now_us,
            last_lots=self._session.last_lots,
            last_trade_id=self._session.tape.trade_id,
        )

    def mark(self) -> MarkFact:
        return self._session.reference.mark(self.now_us, self._session.price(self._session.last_price))

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]:
        reference, now_us = self._session.reference, self.now_us
        return reference.settled(self.bars, now_us=now_us, start_us=start_us, end_us=end_us, limit=limit)

    def price_klines(
        self, kind: PriceKind, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[PriceRow]:
        reference, now_us, tick_size = self._session.reference, self.now_us, float(self.listing.tick_size)
        rows = self.klines(interval, start_us, end_us, limit)
        return [reference.price_row(kind, row, now_us=now_us, tick_size=tick_size) for row in rows]

    def long_share(self, kind: RatioKind, at_us: int) -> float:
        return self._session.reference.long_share(kind, at_us)

    def open_interest(self, at_us: int | None = None) -> int:
        return self._session.reference.open_interest(self.now_us if at_us is None else at_us)

    def liquidations_truth(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        """Return every liquidation that traded within bounds, public or not, oldest first.

        Those of the last second are missing: whether they are public is not decided yet.
        """
        return self.history.liquidations(start_us, min(end_us + 1, self._session.reported_us), public=False)

    def forced_orders(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        return self.history.liquidations(start_us, end_us, public=False)

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        return self.history.liquidations(start_us, min(end_us, self._session.reported_us), limit)

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        sums = self.history.liquidation_sums(bucket_us, start_us, min(end_us, self._session.reported_us))
        return [(bucket, side, notional) for (bucket, side), notional in sorted(sums.items())]
