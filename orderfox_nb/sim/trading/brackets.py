"""Leverage brackets: how much may be held at which leverage, and what margin keeps it."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from orderfox_nb.sim.listings import ListedContract

# Upper bound of the notional of the largest symbol, maintenance rate, highest leverage.
_TIERS: Final = (
    (50_000, "0.004", 125),
    (500_000, "0.005", 100),
    (4_000_000, "0.0075", 60),
    (10_000_000, "0.01", 50),
    (50_000_000, "0.02", 25),
    (100_000_000, "0.05", 10),
    (200_000_000, "0.1", 5),
    (400_000_000, "0.25", 2),
    (800_000_000, "0.5", 1),
)
_ROUND_TO: Final = 5_000
DEFAULT_LEVERAGE: Final = 20


class LeverageBracket(msgspec.Struct, frozen=True):
    """One range of notional; amounts in quote currency."""

    number: int
    leverage: int
    """Highest allowed."""
    floor: Decimal
    cap: Decimal
    rate: Decimal
    """Maintenance margin rate."""
    cum: Decimal
    """Deduction that makes the maintenance margin continuous at the floor."""


@lru_cache(maxsize=256)
def leverage_brackets(listing: ListedContract) -> tuple[LeverageBracket, ...]:
    """Return the brackets of a contract, lowest first; smaller symbols have smaller ones."""
    found: list[LeverageBracket] = []
    floor = cum = before = Decimal(0)
    for number, (cap, rate, leverage) in enumerate(_TIERS, 1):
        scaled = Decimal(max(number, round(cap * listing.share**0.5 / _ROUND_TO)) * _ROUND_TO)
        cum += floor * (Decimal(rate) - before)
        found.append(LeverageBracket(number, leverage, floor, scaled, Decimal(rate), cum))
        floor, before = scaled, Decimal(rate)
    return tuple(found)


def bracket_of(listing: ListedContract, notional: Decimal) -> LeverageBracket:
    """Return the bracket that holds a notional; the last one for anything larger."""
    brackets = leverage_brackets(listing)
    return next((bracket for bracket in brackets if notional <= bracket.cap), brackets[-1])


def max_notional(listing: ListedContract, leverage: int) -> Decimal:
    """Return how much may be held at a leverage."""
    return max(bracket.cap for bracket in leverage_brackets(listing) if bracket.leverage >= leverage)


def maintenance_margin(listing: ListedContract, notional: Decimal) -> Decimal:
    """Return the margin that keeps a position of a notional."""
    bracket = bracket_of(listing, notional)
    return notional * bracket.rate - bracket.cum
