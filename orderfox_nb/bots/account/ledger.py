"""Cash, by where it came from and went to: every change is one booking, and the sums always add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from orderfox_nb.bots.account.money import MONEY, ZERO
from orderfox_nb.core.events import Side

BookingKind: TypeAlias = Literal["fill", "funding"]


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """One change of cash: a fill with its fee, or a payment of funding. Amounts are quote currency."""

    kind: BookingKind
    time_us: int
    side: Side | None = None
    """Side of the fill."""
    ticks: int = 0
    """Price of the fill."""
    lots: int = 0
    """Size of the fill; of a funding the position that was held, negative for a short."""
    number: int = -1
    """The order's."""
    maker: bool = False
    liquidation: bool = False
    realised: Decimal = ZERO
    """Profit of what the fill closed, before fees."""
    fee: Decimal = ZERO
    """What was paid; negative where the venue pays (a rebate)."""
    funding: Decimal = ZERO
    """What was received; negative where it was paid."""
    insurance: Decimal = ZERO
    """What the venue's insurance fund covered of a liquidation that cost more than the margin."""
    cash: Decimal
    """Afterwards."""
    position_lots: int
    """Afterwards, negative for a short."""


class Ledger(msgspec.Struct, kw_only=True):
    """Sums of an account, quote currency: ``cash == deposit + realised - fees + funding + insurance``, exactly."""

    deposit: Decimal
    cash: Decimal
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    insurance: Decimal = ZERO

    def book(self, *, realised: Decimal = ZERO, fee: Decimal = ZERO, funding: Decimal = ZERO) -> None:
        """Add one change to the sums."""
        add = MONEY.add
        self.realised = add(self.realised, realised)
        self.fees = add(self.fees, fee)
        self.funding = add(self.funding, funding)
        self.cash = add(self.cash, add(MONEY.subtract(realised, fee), funding))

    def cover(self, amount: Decimal) -> None:
        """Add what the insurance fund pays."""
        self.insurance = MONEY.add(self.insurance, amount)
        self.cash = MONEY.add(self.cash, amount)
