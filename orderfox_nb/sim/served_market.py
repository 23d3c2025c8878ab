"""The interface of one symbol's market, simulated or recorded, in the same integers."""

from __future__ import annotations

from typing import Protocol, TypeAlias

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
from orderfox_nb.sim.listings import ListedContract

Levels: TypeAlias = list[tuple[int, int]]
"""Price in ticks and size in lots of each level."""


class ServedMarket(Protocol):
    """One symbol as a server reads it; units as in ``sim.facts``.

    The methods with a body are for a market without reference prices and funding.
    """

    listing: ListedContract

    @property
    def update_id(self) -> int:
        """Return the last level change's id."""
        ...

    @property
    def has_orders(self) -> bool:
        """Return whether orders of clients rest in its book, so that it must be advanced at every step."""
        return False

    def advance(self, now_us: int) -> list[Fact]:
        """Advance to a time and return the facts since the last call, in time order."""
        ...

    def current_kline(self, interval: str) -> BarRow:
        """Return the bar in progress; cheap enough for four calls a second."""
        ...

    def depth(self, limit: int) -> tuple[int, Levels, Levels]:
        """Return the last update id and the best levels of both sides as ticks and lots, best first."""
        ...

    def best(self) -> tuple[int, int, int, int]:
        """Return the best bid's ticks and lots, then the best ask's; zeros where a side is empty."""
        ...

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
        ...

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]:
        """Return the first aggregate trades from the one that holds a single trade's id, oldest first."""
        ...

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[BarRow]:
        """Return bars that open within the bounds, oldest first, the one in progress last.

        With ``start_us`` the first from there on, otherwise the latest.
        """
        ...

    def ticker(self) -> DayRow:
        """Return the statistics of the last 24 hours."""
        ...

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]:
        """Return the public liquidations within bounds (end exclusive), oldest first; with a limit the latest."""
        ...

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]:
        """Sum the public liquidations by bucket and side; buckets are aligned to ``start_us``, empty ones left out.

        Returns:
            Start of the bucket, side of the order, notional in quote currency.
        """
        ...

    def forced_orders(self, start_us: int, end_us: int) -> list[LiquidationFact]:
        """Return every liquidation that traded within bounds (end exclusive), public or not, reported or not."""
        del start_us, end_us
        return []

    def mark(self) -> MarkFact | None:
        """Return mark price, index and funding as of now."""
        return None

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]:
        """Return settled fundings, oldest first; bounds as in ``klines``."""
        del start_us, end_us, limit
        return []

    def price_klines(
        self, kind: PriceKind, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[PriceRow]:
        """Return the bars of a reference price; bounds as in ``klines``."""
        del kind, interval, start_us, end_us, limit
        return []

    def long_share(self, kind: RatioKind, at_us: int) -> float | None:
        """Return the share of accounts or positions that are long at a time."""
        del kind, at_us
        return None

    def open_interest(self, at_us: int | None = None) -> int | None:
        """Return the open contracts in lots, now or at a time of the past."""
        del at_us
        return None
