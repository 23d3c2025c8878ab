"""The embedded exchange: every symbol's market under one seed."""

from __future__ import annotations

from orderfox_nb.sim.listings import Listing, listings
from orderfox_nb.sim.market import Market


class Exchange:
    """A sans-I/O exchange of USDT perpetuals, whose trades follow from its seed and the time.

    Args:
        seed: Of every random draw.
        symbols: How many to list, the largest by volume.
        start_us: When it begins to run; what was before is there as well, and the same whenever it begins.
        liquidation_rate: Liquidations happen so many times as often as they do on a usual day.
    """

    def __init__(self, seed: int = 7, symbols: int = 24, *, start_us: int, liquidation_rate: float = 1.0) -> None:
        self.seed = seed
        self.listings: tuple[Listing, ...] = listings(symbols, start_us=start_us)
        self._markets = {
            listing.symbol: Market(listing, seed=seed, start_us=start_us, liquidation_rate=liquidation_rate)
            for listing in self.listings
        }

    @property
    def markets(self) -> tuple[Market, ...]:
        """Every market, largest first."""
        return tuple(self._markets.values())

    @property
    def start_us(self) -> int:
        """When trading opened."""
        return self.markets[0].start_us

    def market(self, symbol: str) -> Market:
        """Return a symbol's market.

        Raises:
            KeyError: Not listed here.
        """
        return self._markets[symbol]

    def advance(self, now_us: int) -> None:
        """Simulate every market up to a time; ``Market.advance`` hands over the facts, which wait until then."""
        for market in self._markets.values():
            market.run(now_us)
