"""Order rules of the venue, with its codes and texts of refusals."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import BID
from orderfox_nb.sim.trading.account import TradingAccount
from orderfox_nb.sim.trading.brackets import max_notional
from orderfox_nb.sim.trading.margin import AccountMargin, SymbolMargin
from orderfox_nb.sim.trading.orders import NewOrder
from orderfox_nb.sim.venue_error import VenueError

MAX_LOTS: Final = 10_000_000
MAX_OPEN_ORDERS: Final = 200
"""Largest number of open orders of one account in one symbol."""
ORDERS_IN_TEN_S: Final = 300
ORDERS_A_MINUTE: Final = 1_200
BAND: Final = Decimal("0.05")
"""How far from the mark price a limit order may trade, and a market order does."""


def max_price_ticks(listing: ListedContract) -> int:
    """Return the highest price in ticks."""
    return max(1, listing.price_ticks) * 100


def band_ticks(listing: ListedContract, mark: Decimal, side: int) -> int:
    """Return the worst price that an order of a side may trade at."""
    if side == BID:
        return int((mark * (1 + BAND) / listing.tick_size).to_integral_value(ROUND_FLOOR))
    return int((mark * (1 - BAND) / listing.tick_size).to_integral_value(ROUND_CEILING))


def check_size(lots: int) -> None:
    """Refuse a size outside the filters.

    Raises:
        VenueError: -4003 or -4005.
    """
    if lots <= 0:
        raise VenueError(-4003, "Quantity less than or equal to zero.")
    if lots > MAX_LOTS:
        raise VenueError(-4005, "Quantity greater than max quantity.")


def check_price(listing: ListedContract, ticks: int, side: int, mark: Decimal) -> None:
    """Refuse a limit price outside the filters.

    Raises:
        VenueError: -4001, -4002, -4016 or -4024.
    """
    if ticks <= 0:
        raise VenueError(-4001, "Price less than or equal to zero.")
    if ticks > max_price_ticks(listing):
        raise VenueError(-4002, "Price greater than max price.")
    worst = band_ticks(listing, mark, side)
    if side == BID and ticks > worst:
        raise VenueError(-4016, f"Limit price can't be higher than {worst * listing.tick_size}.")
    if side != BID and ticks < worst:
        raise VenueError(-4024, f"Limit price can't be lower than {worst * listing.tick_size}.")


def check_notional(listing: ListedContract, lots: int, ticks: int) -> None:
    """Refuse an order of too little value.

    Raises:
        VenueError: -4164.
    """
    if float(lots * ticks * listing.tick_size * listing.lot_size) < listing.min_notional:
        raise VenueError(
            -4164, f"Order's notional must be no smaller than {listing.min_notional:g} (unless you choose reduce only)."
        )


def check_open_orders(account: TradingAccount, order: NewOrder) -> None:
    """Refuse one order too many, and the client's id of an order that is open.

    Raises:
        VenueError: -2025 or -4116.
    """
    if len(account.orders_of(order.symbol)) >= MAX_OPEN_ORDERS:
        raise VenueError(-2025, "Reach max open order limit.")
    if order.client_id and any(each.client_id == order.client_id for each in account.open_orders.values()):
        raise VenueError(-4116, "ClientOrderId is duplicated.")


def check_margin(listing: ListedContract, before: SymbolMargin, after: SymbolMargin, margin: AccountMargin) -> None:
    """Refuse an order that the account cannot carry.

    Args:
        listing: The symbol.
        before: Its figures without the order.
        after: Its figures with it.
        margin: The account without the order.

    Raises:
        VenueError: -2019 or -2027.
    """
    needed = after.initial - before.initial
    if needed <= 0:
        return
    leverage = after.exposure / after.initial
    if after.exposure > max_notional(listing, round(leverage)):
        raise VenueError(-2027, "Exceeded the maximum allowable position at current leverage.")
    if needed > margin.available:
        raise VenueError(-2019, "Margin is insufficient.")


def count_order(account: TradingAccount, now_us: int) -> tuple[int, int]:
    """Count an order against the limits of an account and return those of ten seconds and of a minute.

    Raises:
        VenueError: -1015.
    """
    times = account.order_times_us
    while times and times[0] <= now_us - 60_000_000:
        times.popleft()
    recent = sum(1 for time_us in times if time_us > now_us - 10_000_000)
    for limit, count, window in ((ORDERS_IN_TEN_S, recent, "10 SECOND"), (ORDERS_A_MINUTE, len(times), "1 MINUTE")):
        if count >= limit:
            raise VenueError(-1015, f"Too many new orders; current limit is {limit} orders per {window}.", status=429)
    times.append(now_us)
    return recent + 1, len(times)
