"""The embedded exchange: every symbol's market under one seed."""

from __future__ import annotations

from orderfox_nb.sim.listings import ListedContract, listings
from orderfox_nb.sim.market import SymbolMarket
from orderfox_nb.sim.trading.periodic import PeriodicChecks
from orderfox_nb.sim.trading.venue import TradingVenue


class Exchange:
    """A sans-I/O exchange of USDT perpetuals, whose trades follow from its seed and the time.

    Args:
        seed: Seed of every random draw.
        symbols: How many to list, the largest by volume.
        start_us: Start of trading. The past before it exists too, and does not depend on it.
        liquidation_rate: Factor on the frequency of liquidations of an ordinary day.
        spread_bp: Basis points by which its prices are above those of the same seed, to the tick.
        lag_us: How late it publishes what happens. Its clock is right; trading opens this much before ``start_us``.
    """

    def __init__(
        self,
        seed: int = 7,
        symbols: int = 24,
        *,
        start_us: int,
        liquidation_rate: float = 1.0,
        spread_bp: float = 0.0,
        lag_us: int = 0,
    ) -> None:
        self.seed = seed
        self.lag_us = lag_us
        start_us -= lag_us
        self.opened_us = start_us
        """Where its time begins, within the second in which trading opens."""
        self.listings: tuple[ListedContract, ...] = listings(
            symbols, start_us=start_us, price_factor=1.0 + spread_bp / 1e4
        )
        self._markets = {
            listing.symbol: SymbolMarket(listing, seed=seed, start_us=start_us, liquidation_rate=liquidation_rate)
            for listing in self.listings
        }
        self.trading = TradingVenue(self.markets, start_us=self.start_us)
        """Accounts and their orders."""
        self._checks = PeriodicChecks(self.trading, start_us=self.start_us)

    @property
    def markets(self) -> tuple[SymbolMarket, ...]:
        """Every market, largest first."""
        return tuple(self._markets.values())

    @property
    def start_us(self) -> int:
        """When trading opened."""
        return self.markets[0].start_us

    def market(self, symbol: str) -> SymbolMarket:
        """Return a symbol's market.

        Raises:
            KeyError: Not listed here.
        """
        return self._markets[symbol]

    def advance(self, now_us: int) -> None:
        """Simulate every market up to a time; ``SymbolMarket.advance`` hands over the facts, which wait until then."""
        for market in self._markets.values():
            market.run(now_us)
        self.check_accounts(now_us)

    def check_accounts(self, now_us: int) -> None:
        """Fund, liquidate and expire what is due, once the markets have been advanced to a time."""
        self._checks.advance(now_us)
