"""The perpetuals that the embedded exchange lists, largest 24 h volume first."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from orderfox_nb.core.instrument import decimal_digits
from orderfox_nb.core.timeframes import DAY_US

# symbol, tick, lot, price, 24 h notional in million USDT, volatility beside BTC, listed
_ROWS: Final = """
BTCUSDT      0.1       0.001 68412.3     28000  1.00  2019-09-08
ETHUSDT      0.01      0.001 3187.46     18900  1.25  2019-11-27
SOLUSDT      0.01      0.01  164.82       6400  1.50  2020-09-14
XRPUSDT      0.0001    0.1   2.1873       3500  1.45  2020-01-06
DOGEUSDT     0.00001   1     0.17642      2100  1.60  2020-07-10
BNBUSDT      0.01      0.01  862.35       1600  0.95  2020-02-10
1000PEPEUSDT 0.0000001 1     0.0061234    1300  1.85  2023-05-05
SUIUSDT      0.0001    0.1   1.9264       1100  1.70  2023-05-03
ADAUSDT      0.0001    1     0.5127        870  1.45  2020-01-31
ZECUSDT      0.01      0.001 412.57        760  1.95  2020-02-05
LINKUSDT     0.001     0.01  14.862        660  1.45  2020-01-17
AVAXUSDT     0.001     0.1   16.417        560  1.55  2020-09-23
LTCUSDT      0.01      0.001 94.36         490  1.20  2020-01-09
WIFUSDT      0.0001    0.1   0.4213        430  2.00  2024-01-18
BCHUSDT      0.01      0.001 512.74        380  1.20  2019-12-17
ENAUSDT      0.0001    1     0.2846        340  1.90  2024-04-02
HYPEUSDT     0.001     0.01  34.518        320  1.70  2025-05-30
AAVEUSDT     0.01      0.1   187.29        280  1.55  2020-10-16
NEARUSDT     0.001     1     2.316         252  1.60  2020-10-14
DOTUSDT      0.001     0.1   2.874         224  1.40  2020-08-22
TRXUSDT      0.00001   1     0.27915       203  0.70  2020-01-15
UNIUSDT      0.001     1     6.138         182  1.55  2020-09-18
币安人生USDT  0.00001   1     0.14620       165  1.60  2025-10-09
ARBUSDT      0.0001    0.1   0.2267        148  1.65  2023-03-23
FILUSDT      0.001     0.1   1.583         134  1.55  2020-10-16
1000SHIBUSDT 0.000001  1     0.008471      123  1.40  2021-05-10
OPUSDT       0.0001    0.1   0.3924        112  1.70  2022-06-01
INJUSDT      0.001     0.1   6.412         104  1.70  2022-08-17
TONUSDT      0.0001    0.1   1.8142         95  1.30  2024-03-04
ETCUSDT      0.001     0.01  15.294         87  1.25  2020-01-16
XLMUSDT      0.00001   1     0.25318        80  1.35  2020-01-20
ATOMUSDT     0.001     0.01  2.947          73  1.35  2020-02-07
ICPUSDT      0.001     1     4.236          67  1.60  2022-09-27
SEIUSDT      0.0001    1     0.1487         62  1.75  2023-08-16
TIAUSDT      0.0001    1     0.8416         57  1.85  2023-10-31
HBARUSDT     0.00001   1     0.14628        53  1.50  2021-03-11
ALGOUSDT     0.0001    0.1   0.1486         49  1.45  2020-06-15
LDOUSDT      0.0001    1     0.7139         45  1.80  2022-09-22
RUNEUSDT     0.001     1     0.884          42  1.65  2020-09-04
GALAUSDT     0.00001   1     0.00912        39  1.75  2021-09-17
VETUSDT      0.00001   1     0.01683        36  1.45  2020-02-14
1000SATSUSDT 0.00000001 1    0.00003012     34  1.95  2023-12-12
"""

LARGEST: Final = 42
"""How many symbols there are to choose from."""
_REFERENCE_DIGITS: Final = 8
_YOUNGEST_US: Final = 90 * DAY_US


class ListedContract(msgspec.Struct, frozen=True, kw_only=True):
    """One perpetual and what its market is like."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    onboard_us: int
    """Listed at, midnight UTC."""
    price: float
    """Price on a fixed day, around which it wanders."""
    daily_notional: float
    """Quote currency traded on an ordinary day."""
    volatility: float
    """Beside the largest symbol's."""
    rank: int
    """0 for the largest by volume."""
    min_notional: float = 5.0
    price_factor: float = 1.0
    """Its prices beside those of the same seed without a spread."""

    @property
    def price_ticks(self) -> int:
        """That price in ticks."""
        return round(Decimal(str(self.price)) / self.tick_size)

    def reference_text(self, price: float | Decimal) -> str:
        """Write a mark, index or average price, which need not be a multiple of the tick.

        As at the venue there are eight digits after the point, but two more than the tick has where that has more.
        """
        digits = decimal_digits(self.tick_size)
        return f"{price:.{digits + 2 if digits > _REFERENCE_DIGITS else _REFERENCE_DIGITS}f}"

    @property
    def share(self) -> float:
        """Volume beside the largest symbol's, in (0, 1]."""
        return self.daily_notional / _LARGEST_NOTIONAL


_LARGEST_NOTIONAL: Final = 28e9


def listings(symbols: int, *, start_us: int, price_factor: float = 1.0) -> tuple[ListedContract, ...]:
    """Return the largest symbols, by volume.

    Where the simulation starts before the real listing, the symbol counts as 90 days old.

    Raises:
        ValueError: More symbols than there are, or none.
    """
    if not 1 <= symbols <= LARGEST:
        raise ValueError(f"{symbols} symbols, must be 1 to {LARGEST}")
    found: list[ListedContract] = []
    for rank, line in enumerate(_ROWS.split("\n")[1 : symbols + 1]):
        symbol, tick, lot, price, millions, volatility, listed = line.split()
        onboard_us = int(datetime.fromisoformat(listed).replace(tzinfo=UTC).timestamp()) * 1_000_000
        latest_us = (start_us - _YOUNGEST_US) // DAY_US * DAY_US
        found.append(
            ListedContract(
                symbol=symbol,
                base=symbol.removesuffix("USDT"),
                quote="USDT",
                tick_size=Decimal(tick),
                lot_size=Decimal(lot),
                onboard_us=min(onboard_us, latest_us),
                price=float(price),
                daily_notional=float(millions) * 1e6,
                volatility=float(volatility),
                rank=rank,
                min_notional=100.0 if symbol == "BTCUSDT" else 20.0 if symbol == "ETHUSDT" else 5.0,
                price_factor=price_factor,
            )
        )
    return tuple(found)
