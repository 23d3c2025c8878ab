"""Maintenance margin by notional: the larger a position, the larger the share of it that must be covered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any, Final

import msgspec

from orderfox_nb.bots.account.money import MONEY, ZERO
from orderfox_nb.errors import BadValue


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the venue's table. Maintenance margin of a notional in it is ``notional * rate - deduction``."""

    floor: Decimal
    """Lowest notional, quote currency; this one itself belongs to the bracket below, but for zero."""
    cap: Decimal | None
    """Highest notional, which belongs to it; None if there is no limit."""
    rate: Decimal
    """Maintenance margin as a fraction of the notional (Binance ``maintMarginRatio``)."""
    deduction: Decimal = ZERO
    """What makes the margin continuous across brackets (Binance ``cum``)."""
    max_leverage: int


class Brackets:
    """The brackets of one contract, from the smallest notional up.

    Args:
        rows: Adjacent brackets that begin at a notional of zero.

    Raises:
        BadValue: Brackets that leave a hole, whose rate falls or is not below 1, or whose margin jumps.
    """

    def __init__(self, rows: Sequence[Bracket]) -> None:
        self.rows: Final = tuple(rows)
        if not rows or rows[0].floor or rows[0].deduction:
            raise BadValue("brackets", "the first one", "one from a notional of 0, with a deduction of 0")
        for row in rows:
            if not 0 < row.rate < 1 or row.max_leverage < 1:
                raise BadValue("bracket", row.rate, "a rate above 0 and below 1, with a leverage of 1 or more")
        with localcontext(MONEY):
            for before, row in pairwise(rows):
                if before.cap != row.floor or row.floor <= before.floor:
                    raise BadValue("bracket floor", row.floor, f"the cap of the one before, {before.cap}")
                if row.rate < before.rate:
                    raise BadValue("bracket rate", row.rate, f"at least that of the one before, {before.rate}")
                deduction = before.deduction + row.floor * (row.rate - before.rate)
                if row.deduction != deduction:
                    raise BadValue("bracket deduction", row.deduction, f"{deduction}, where the margins meet")

    @classmethod
    def of_venue(cls, rows: Iterable[Mapping[str, Any]]) -> Brackets:
        """Read the ``brackets`` of one symbol in Binance's answer to ``leverageBracket``.

        Raises:
            BadValue: No such rows.
        """
        found: list[Bracket] = []
        try:
            for row in rows:
                bracket = Bracket(
                    floor=Decimal(str(row["notionalFloor"])),
                    cap=Decimal(str(row["notionalCap"])),
                    rate=Decimal(str(row["maintMarginRatio"])),
                    deduction=Decimal(str(row["cum"])),
                    max_leverage=int(row["initialLeverage"]),
                )
                found.append(bracket)
        except (KeyError, ArithmeticError, TypeError, ValueError) as error:
            raise BadValue("brackets", repr(error), "rows of the venue's leverageBracket") from error
        return cls(sorted(found, key=lambda row: row.floor))

    @classmethod
    def flat(cls, rate: Decimal | str = "0.005", *, max_leverage: int = 100) -> Brackets:
        """Return one bracket for every notional, for where the venue's table is unknown.

        Raises:
            BadValue: A rate that is not above 0 and below 1.
        """
        return cls([Bracket(floor=ZERO, cap=None, rate=Decimal(rate), max_leverage=max_leverage)])

    def of(self, notional: Decimal) -> Bracket:
        """Return the bracket of a notional, the last one beyond all caps."""
        for row in self.rows:
            if row.cap is None or notional <= row.cap:
                return row
        return self.rows[-1]

    def maintenance(self, notional: Decimal) -> Decimal:
        """Return the margin that a position must keep, quote currency."""
        row = self.of(notional)
        with localcontext(MONEY):
            return notional * row.rate - row.deduction

    def max_notional(self, leverage: int) -> Decimal | None:
        """Return the largest position that a leverage allows, None if there is no limit.

        Raises:
            BadValue: A leverage that no bracket allows.
        """
        allowed = [row for row in self.rows if row.max_leverage >= leverage]
        if leverage < 1 or not allowed:
            raise BadValue("leverage", leverage, f"1 to {self.rows[0].max_leverage}")
        return allowed[-1].cap


FLAT: Final = Brackets.flat()
"""A maintenance margin of 0.5 % and a leverage of up to 100, whatever the notional."""
