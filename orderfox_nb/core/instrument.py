"""The record about what is traded, and its exact tick and lot arithmetic."""

from __future__ import annotations

from decimal import Decimal
from math import gcd, isfinite
from typing import Final

import msgspec

from orderfox_nb.errors import OffStep

MAX_DIGITS: Final = 18
"""After the point, of a step: no venue has more, and what has is not a step."""


def decimal_digits(step: Decimal) -> int:
    """Count the digits after the point that a multiple of a step can have (0.25 has two, 5 none)."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


OFF_STEP: Final = 0.01
"""A number further than this from a whole tick or lot is not a multiple: floats lose less than that."""
REFINED_DIGITS: Final = 12
"""Significant digits of a price or size that are read where its step is unknown."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable contract of a venue.

    Prices are counted in ticks and sizes in lots wherever they are compared, summed or used as keys.

    Raises:
        ValueError: A tick or lot size that is not positive, or finer or coarser than any venue's.
    """

    venue: str
    symbol: str
    """The venue's own id, such as BTCUSDT."""
    unified: str
    """ccxt's name, such as BTC/USDT:USDT."""
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    onboard_us: int = 0
    """When it was listed, microseconds since the epoch, 0 if not known."""

    # Derived once: a price times ``price_scale`` is a whole number of 10^-digits units.
    price_digits: int = 0
    size_digits: int = 0
    price_scale: float = 1.0
    size_scale: float = 1.0
    tick_units: int = 1
    """Height of a tick in units of 10^-price_digits (5 for a tick of 0.05)."""
    lot_units: int = 1

    def __post_init__(self) -> None:
        for name, step in (("tick_size", self.tick_size), ("lot_size", self.lot_size)):
            if not step.is_finite() or step <= 0:
                raise ValueError(f"{name} of {self.symbol} is {step}, must be positive")
            if decimal_digits(step) > MAX_DIGITS:
                raise ValueError(f"{name} of {self.symbol} is {step}, must have at most {MAX_DIGITS} digits")
            if step.adjusted() >= MAX_DIGITS:
                raise ValueError(f"{name} of {self.symbol} is {step}, must be below 1E+{MAX_DIGITS}")
        price_digits = decimal_digits(self.tick_size)
        size_digits = decimal_digits(self.lot_size)
        derive = msgspec.structs.force_setattr
        derive(self, "price_digits", price_digits)
        derive(self, "size_digits", size_digits)
        derive(self, "price_scale", float(10**price_digits))
        derive(self, "size_scale", float(10**size_digits))
        derive(self, "tick_units", int(self.tick_size.scaleb(price_digits)))
        derive(self, "lot_units", int(self.lot_size.scaleb(size_digits)))

    @property
    def ui_name(self) -> str:
        """Base and quote as people write them: BTC/USDT."""
        return f"{self.base}/{self.quote}"

    def ticks(self, price: float) -> int:
        """Convert a price to whole ticks, the nearest where it is not a multiple.

        Raises:
            ValueError: Not a finite price.
        """
        if not isfinite(price):
            raise ValueError(f"price {price} of {self.symbol} is not finite")
        if self.tick_units == 1:
            return round(price * self.price_scale)
        return round(round(price * self.price_scale) / self.tick_units)

    def price(self, ticks: int) -> float:
        """Convert ticks to a price, the float nearest to the exact decimal."""
        return ticks * self.tick_units / self.price_scale

    def lots(self, size: float) -> int:
        """Convert a base quantity to whole lots, the nearest where it is not a multiple.

        Raises:
            ValueError: Not a finite size.
        """
        if not isfinite(size):
            raise ValueError(f"size {size} of {self.symbol} is not finite")
        if self.lot_units == 1:
            return round(size * self.size_scale)
        return round(round(size * self.size_scale) / self.lot_units)

    def size(self, lots: int) -> float:
        """Convert lots to a base quantity, the float nearest to the exact decimal."""
        return lots * self.lot_units / self.size_scale

    def check(self, price: float, size: float = 0.0) -> None:
        """Check that a price and a size are whole ticks and lots.

        Raises:
            OffStep: One of them is not: the venue has changed the step.
        """
        if off_step(price, self.price_scale, self.tick_units):
            raise OffStep(self.symbol, "price", price, self.tick_size)
        if off_step(size, self.size_scale, self.lot_units):
            raise OffStep(self.symbol, "size", size, self.lot_size)

    def same_steps(self, other: Instrument) -> bool:
        """Return whether prices and sizes are counted alike."""
        return self.tick_size == other.tick_size and self.lot_size == other.lot_size

    def refined(self, found: OffStep) -> Instrument:
        """Return the instrument with a step that is as fine as a price or size needs.

        A venue that makes a tick coarser leaves orders in its book that were placed before.
        """
        value = Decimal(f"{found.value:.{REFINED_DIGITS}g}")
        if found.name == "price":
            return msgspec.structs.replace(self, tick_size=_common(self.tick_size, value))
        return msgspec.structs.replace(self, lot_size=_common(self.lot_size, value))

    def exact_price(self, ticks: int) -> Decimal:
        """Convert ticks to the exact decimal price, for money."""
        return self.tick_size * ticks

    def exact_size(self, lots: int) -> Decimal:
        """Convert lots to the exact decimal size, for money."""
        return self.lot_size * lots


def off_step(value: float, scale: float, units: int) -> bool:
    """Return whether a number is not a multiple of a step, beyond what a float of its size can show."""
    count = value * scale / units
    return abs(count - round(count)) > OFF_STEP + count * 1e-15


def _common(step: Decimal, value: Decimal) -> Decimal:
    """Return the largest step of which both are multiples."""
    digits = max(decimal_digits(step), decimal_digits(value))
    units = gcd(int(step.scaleb(digits)), int(value.scaleb(digits)))
    return Decimal(units).scaleb(-digits).normalize()


def whole_market(venue: str) -> Instrument:
    """Return what stands for every contract of a venue: it has no tick of its own, so its steps are the finest."""
    step = Decimal("1E-8")
    return Instrument(venue=venue, symbol="*", unified="*", base="", quote="", tick_size=step, lot_size=step)
