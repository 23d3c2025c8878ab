"""One symbol's market, as those who ask about it see it: trading, bars, history and reference prices."""

from __future__ import annotations

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.bars import Bars
from orderfox_nb.sim.facts import (
    Fact,
    FundingRow,
    KlineRow,
    LiquidationFact,
    MarkFact,
    PriceKind,
    PriceRow,
    RatioKind,
    TickerRow,
    TradeFact,
)
from orderfox_nb.sim.history import History
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.session import TradingSession


class Market:
    """The market of one symbol, from ``start_us`` on.

    Args:
        listing: What is traded.
        seed: The same seed gives the same trades at the same time, whenever it opens.
        start_us: When it opens, rounded down to the second.
        liquidation_rate: Liquidations happen so many times as often as they do on a usual day.
    """

    def __init__(self, listing: Listing, *, seed: int, start_us: int, liquidation_rate: float = 1.0) -> None:
        self.listing = listing
        self.symbol = listing.symbol
        self.start_us = start_us - start_us % SECOND_US
        self.history = History(listing, seed=seed, liquidation_rate=liquidation_rate)
        self.bars = Bars(self.history, start_us=self.start_us)
        self._session = TradingSession(listing, seed=seed, start_us=self.start_us, history=self.history, bars=self.bars)

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
        """The last level change's id."""
        return self._session.update_id

    def run(self, now_us: int) -> None:
        """Simulate every step that ends by a time; the facts wait for ``advance``."""
        self._session.run(now_us)

    def advance(self, now_us: int) -> list[Fact]:
        """Simulate every step that ends by a time and return the facts since the last call, in time order."""
        self._session.run(now_us)
        return self._session.pop_facts()

    def depth(self, limit: int) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the last update id and the best levels of both sides as ticks and lots, best first."""
        return self._session.update_id, self._session.book.levels(BID, limit), self._session.book.levels(ASK, limit)

    def best(self) -> tuple[int, int, int, int]:
        """Return the best bid's ticks and lots, then the best ask's."""
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
        """Return aggregate trades, oldest first.

        Without bounds the latest; with ``from_id`` or ``start_us`` the first from there on, until ``end_us`` inclusive.
        """
        stop_us = self.now_us if end_us is None else min(self.now_us, end_us + 1)
        if from_id is None and start_us is None:
            return self.history.latest_trades(limit, end_us=stop_us)
        first_us, first_id = start_us or 0, -1 if from_id is None else from_id
        return self.history.trades_since(limit, start_us=first_us, from_agg_id=first_id, end_us=stop_us)

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]:
        """Return the first aggregate trades from the one that holds a single trade's id, oldest first."""
        return self.history.trades_since_single(limit, from_id, end_us=self.now_us)

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[KlineRow]:
        """Return bars that open within the bounds, oldest first, the one in progress last.

        With ``start_us`` the first from there on, else the latest.
        """
        return self.bars.rows(interval, now_us=self.now_us, start_us=start_us, end_us=end_us, limit=limit)

    def prepare(self, start_us: int, *, liquidations: bool = False) -> None:
        """Make the history since a time, so that long bars and liquidation sums by the hour are quick to ask for.

        The only method that may run in another thread; without it the first such question takes up to a second.
        """
        self.history.prepare(start_us, self.now_us, liquidations=liquidations)

    def current_kline(self, interval: str) -> KlineRow:
        """Return the bar in progress; cheap enough to ask for four times a second."""
        return self.bars.current(interval, now_us=self.now_us)

    def ticker(self) -> TickerRow:
        """Return the statistics of the last 24 hours."""
        return self.bars.ticker(
            now_us=self.now_us,
            last_lots=self._session.last_lots,
            last_trade_id=self._session.trade_id,
        )

    def mark(self) -> MarkFact:
        """Return mark price, index and funding as of now."""
        return self._session.reference.mark(self.now_us, self._session.price(self._session.last_price))

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]:
        """Return settled fundings, oldest first; with ``start_us`` the first from there on, else the latest."""
        reference, now_us = self._session.reference, self.now_us
        return reference.settled(self.bars, now_us=now_us, start_us=start_us, end_us=end_us, limit=limit)

    def price_klines(
        self, kind: PriceKind, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[PriceRow]:
        """Return the bars of a reference price; bounds as in ``klines``."""
        reference, now_us, tick_size = self._session.reference, self.now_us, float(self.listing.tick_size)
        rows = self.klines(interval, start_us, end_us, limit)
        return [reference.price_row(kind, row, now_us=now_us, tick_size=tick_size) for row in rows]

    def long_share(self, kind: RatioKind, at_us: int) -> float:
        """Return the share of accounts or positions that are long at a time."""
        return self._session.reference.long_share(kind, at_us)

    def open_interest(self, at_us: int | None = None) -> int:
        """Return the open contracts in lots, now or at a time of the past."""
        return self._session.reference.open_interest(self.now_us if at_us is None else at_us)

    def liquidations_truth(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        """Return every liquidation that traded within bounds, public or not, oldest first.

        One of the last second is not there yet: whether it is public is not decided.
        """
        return self.history.liquidations(start_us, min(end_us + 1, self._session.told_us), public=False)

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        """Return the public liquidations within bounds (end exclusive), oldest first.

        With a limit the latest of them.
        """
        return self.history.liquidations(start_us, min(end_us, self._session.told_us), limit)

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        """Sum the public liquidations by bucket and side; buckets are aligned to ``start_us``, empty ones left out.

        Returns:
            Start of the bucket, side of the order, notional in quote currency.
        """
        sums = self.history.liquidation_sums(bucket_us, start_us, min(end_us, self._session.told_us))
        return [(bucket, side, notional) for (bucket, side), notional in sorted(sums.items())]
