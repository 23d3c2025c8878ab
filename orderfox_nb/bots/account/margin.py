"""The prices at which a position is liquidated, and at which nothing of its margin is left."""

from __future__ import annotations

from decimal import Decimal, localcontext

from orderfox_nb.bots.account.brackets import Brackets
from orderfox_nb.bots.account.money import MONEY, ZERO


def liquidation_price(size: Decimal, entry: Decimal, wallet: Decimal, brackets: Brackets) -> Decimal | None:
    """Return the mark price at which the margin of a position equals its maintenance margin.

    The margin less the maintenance margin is continuous in the price and rises towards the position's side, so one
    bracket at most has a solution among its own notionals: that one is returned.

    Args:
        size: Base quantity, negative for a short.
        entry: Average price.
        wallet: Cash behind the position, without its unrealised profit.
        brackets: The contract's.

    Returns:
        None if no price liquidates the position; zero for a short whose margin no price restores.
    """
    if not size:
        return None
    side = 1 if size > 0 else -1
    with localcontext(MONEY):
        quantity = abs(size)
        for row in brackets.rows:
            price = (wallet + row.deduction - side * quantity * entry) / (quantity * (row.rate - side))
            notional = price * quantity
            if notional > row.floor and (row.cap is None or notional <= row.cap or row is brackets.rows[-1]):
                return price
    return None if side > 0 else ZERO


def bankruptcy_price(size: Decimal, entry: Decimal, wallet: Decimal) -> Decimal:
    """Return the price at which closing a position leaves nothing of its margin; zero or less where none does.

    Args:
        size: Base quantity other than zero, negative for a short.
        entry: Average price.
        wallet: Cash behind the position, without its unrealised profit.
    """
    with localcontext(MONEY):
        return entry - wallet / size
