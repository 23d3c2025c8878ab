"""Converts integers to the decimal text that the venue sends."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from orderfox_nb.core.instrument import decimal_digits


def fixed(units: int, digits: int) -> str:
    """Write a whole number of 10^-digits units as a decimal of that many digits."""
    if digits == 0:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), 10**digits)
    return f"{sign}{whole}.{rest:0{digits}d}"


class Numbers:
    """Formats one symbol's prices, sizes and quote amounts.

    The venue writes prices with its ``pricePrecision``, which can have more digits than the tick (BTCUSDT: 61800.20 on
    a tick of 0.10): a client that formats by it instead of by the tick shows digits that do not exist.
    """

    def __init__(self, *, tick_size: Decimal, lot_size: Decimal) -> None:
        self.price_digits = max(2, decimal_digits(tick_size))
        self.size_digits = decimal_digits(lot_size)
        self.quote_digits = self.price_digits + self.size_digits
        self._tick = int(tick_size.scaleb(self.price_digits))
        self._lot = int(lot_size.scaleb(self.size_digits))
        self._periods: list[tuple[int, int]] = []
        self.tick_size = float(tick_size)
        self.lot_size = float(lot_size)
        # The same levels change again and again: most of the encoding of a diff is found here.
        self.price = lru_cache(maxsize=16_384)(self._price)
        self.size = lru_cache(maxsize=16_384)(self._size)

    def refine(self, factor: int, since_us: int) -> None:
        """Write prices on a finer tick from a time on, by a factor on the tick of the listing."""
        self._periods.append((since_us, factor))
        self.price.cache_clear()

    @property
    def factor(self) -> int:
        """Factor by which the current tick is finer than the listing's."""
        return self._periods[-1][1] if self._periods else 1

    @property
    def tick(self) -> str:
        """The tick that is in force."""
        return fixed(self._tick, self.price_digits + len(str(self.factor)) - 1)

    def priced(self, time_us: int) -> Callable[[int], str]:
        """Return how prices of a time are written."""
        if not self._periods or time_us >= self._periods[-1][0]:
            return self.price
        factor = next((factor for since_us, factor in reversed(self._periods) if since_us <= time_us), 1)
        return lambda ticks: self._refined(ticks, factor)

    def _price(self, ticks: int) -> str:
        return self._refined(ticks, self.factor)

    def _refined(self, ticks: int, factor: int) -> str:
        # Each tick of the market has one of the finer ticks within it, in the same order.
        finer = ticks * factor + ticks * 7 % factor
        return fixed(finer * self._tick, self.price_digits + len(str(factor)) - 1)

    def _size(self, lots: int) -> str:
        return fixed(lots * self._lot, self.size_digits)

    def quote(self, amount: int) -> str:
        """Write a sum of ticks times lots in quote currency."""
        return fixed(amount * self._tick * self._lot, self.quote_digits)

    def average(self, price: float) -> str:
        """Write a price that need not be a whole number of ticks."""
        return f"{price:.{self.price_digits}f}"

    def average_of(self, quote: int, lots: int) -> str:
        """Write the volume-weighted price of a sum of ticks times lots."""
        return self.average(quote * self.tick_size / lots) if lots else self.average(0.0)
