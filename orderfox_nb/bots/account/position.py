"""What is open: whole lots, and what they cost."""

from __future__ import annotations

from decimal import Decimal, localcontext

import msgspec

from orderfox_nb.bots.account.money import MONEY, ZERO, rounded
from orderfox_nb.core.instrument import Instrument


class Position(msgspec.Struct, kw_only=True):
    """A net position in one contract (one-way mode)."""

    lots: int = 0
    """Negative for a short."""
    cost: Decimal = ZERO
    """Signed size times price of what is open, quote currency; zero without a position."""

    def fill(self, signed_lots: int, ticks: int, instrument: Instrument) -> tuple[Decimal, int]:
        """Add a fill.

        A fill against the position closes at its average price first; what is left of it opens the other side.

        Args:
            signed_lots: Size, negative for a sale.
            ticks: Price.
            instrument: The contract's.

        Returns:
            The realised profit before fees, quote currency, and how many lots were closed.
        """
        with localcontext(MONEY):
            price = instrument.exact_price(ticks)
            against = (self.lots > 0) != (signed_lots > 0)
            closed = min(abs(self.lots), abs(signed_lots)) if against else 0
            realised = ZERO
            if closed:
                sign = 1 if self.lots > 0 else -1
                # The last lot takes along whatever rounding left of the cost, so that none of it is lost.
                part = self.cost if closed == abs(self.lots) else rounded(self.cost * closed / abs(self.lots))
                realised = sign * instrument.exact_size(closed) * price - part
                self.cost -= part
                self.lots -= sign * closed
            opened = abs(signed_lots) - closed
            if opened:
                sign = 1 if signed_lots > 0 else -1
                self.cost += sign * instrument.exact_size(opened) * price
                self.lots += sign * opened
            return realised, closed

    def entry(self, instrument: Instrument) -> Decimal | None:
        """Return the average price of what is open, None without a position."""
        if not self.lots:
            return None
        with localcontext(MONEY):
            return self.cost / instrument.exact_size(self.lots)

    def unrealised(self, price: Decimal, instrument: Instrument) -> Decimal:
        """Return the profit of closing everything at a price, before fees, quote currency."""
        with localcontext(MONEY):
            return instrument.exact_size(self.lots) * price - self.cost
