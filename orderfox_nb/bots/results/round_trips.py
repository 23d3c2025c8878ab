"""Trades in the sense of a trading journal: from flat to flat."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Literal

import msgspec

from orderfox_nb.bots.account.ledger import Booking
from orderfox_nb.bots.account.money import MONEY, ZERO, rounded
from orderfox_nb.core.instrument import Instrument


class RoundTrip(msgspec.Struct, kw_only=True):
    """A position from its first fill to its last. Amounts are quote currency, prices are averages by size."""

    side: Literal["long", "short"]
    opened_us: int
    closed_us: int = 0
    """0 while it is open."""
    lots: int = 0
    """Largest size of the position."""
    opened_lots: int = 0
    """Sum of all fills that added to it."""
    closed_lots: int = 0
    entry_notional: Decimal = ZERO
    exit_notional: Decimal = ZERO
    realised: Decimal = ZERO
    """Before fees and funding."""
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    """Received, negative where it was paid."""
    insurance: Decimal = ZERO
    fills: int = 0
    liquidated: bool = False

    @property
    def profit(self) -> Decimal:
        """Change of cash by this position so far."""
        with localcontext(MONEY):
            return self.realised - self.fees + self.funding + self.insurance

    def entry(self, instrument: Instrument) -> float:
        """Return the average entry price."""
        return float(self.entry_notional / instrument.exact_size(self.opened_lots))

    def exit(self, instrument: Instrument) -> float | None:
        """Return the average exit price, None if nothing was closed."""
        return float(self.exit_notional / instrument.exact_size(self.closed_lots)) if self.closed_lots else None


def round_trips(bookings: Iterable[Booking], instrument: Instrument) -> list[RoundTrip]:
    """Join bookings into trades, the open one last.

    A fill that turns a position closes one trade and opens the next; its fee is shared by size.

    Args:
        bookings: Bookings of an account that began flat, oldest first.
        instrument: Record of the contract.
    """
    trips: list[RoundTrip] = []
    held = 0
    with localcontext(MONEY):
        for booking in bookings:
            if booking.kind == "funding":
                if trips:
                    trips[-1].funding += booking.funding
                continue
            signed = booking.lots if booking.side == "buy" else -booking.lots
            closing = min(abs(held), booking.lots) if held * signed < 0 else 0
            opening = booking.lots - closing
            closing_fee = rounded(booking.fee * closing / booking.lots)
            price = instrument.exact_price(booking.ticks)
            if closing:
                trip = trips[-1]
                trip.closed_lots += closing
                trip.exit_notional += price * instrument.exact_size(closing)
                trip.realised += booking.realised
                trip.fees += closing_fee
                trip.insurance += booking.insurance
                trip.fills += 1
                trip.liquidated = trip.liquidated or booking.liquidation
                held += closing if signed > 0 else -closing
                if not held:
                    trip.closed_us = booking.time_us
            if opening:
                if not held:
                    trips.append(RoundTrip(side="long" if signed > 0 else "short", opened_us=booking.time_us))
                trip = trips[-1]
                held += opening if signed > 0 else -opening
                trip.opened_lots += opening
                trip.lots = max(trip.lots, abs(held))
                trip.entry_notional += price * instrument.exact_size(opening)
                trip.fees += booking.fee - closing_fee
                trip.fills += 1
    return trips
