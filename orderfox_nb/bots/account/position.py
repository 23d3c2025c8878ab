"""The open position: whole lots, and their cost."""

from __future__ import annotations

from decimal import Decimal

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
        # The context's own methods: switching the thread's context costs more than the arithmetic.
        multiply = MONEY.multiply
        lot_price = multiply(multiply(instrument.tick_size, ticks), instrument.lot_size)
        held = self.lots
        closed = min(abs(held), abs(signed_lots)) if (held > 0) != (signed_lots > 0) else 0
        realised = ZERO
        if closed:
            sign = 1 if held > 0 else -1
            # The last lot takes along whatever rounding left of the cost, so that none of it is lost.
            part = self.cost
            if closed != abs(held):
                part = rounded(MONEY.divide(multiply(part, closed), abs(held)))
            realised = MONEY.subtract(multiply(lot_price, sign * closed), part)
            self.cost = MONEY.subtract(self.cost, part)
            self.lots -= sign * closed
        opened = abs(signed_lots) - closed
        if opened:
            signed = opened if signed_lots > 0 else -opened
            self.cost = MONEY.add(self.cost, multiply(lot_price, signed))
            self.lots += signed
        return realised, closed

    def entry(self, instrument: Instrument) -> Decimal | None:
        """Return the average price of what is open, None without a position."""
        if not self.lots:
            return None
        return MONEY.divide(self.cost, MONEY.multiply(instrument.lot_size, self.lots))

    def unrealised(self, price: Decimal, instrument: Instrument) -> Decimal:
        """Return the profit of closing everything at a price, before fees, quote currency."""
        size = MONEY.multiply(instrument.lot_size, self.lots)
        return MONEY.subtract(MONEY.multiply(size, price), self.cost)
