"""Margin of an account's orders and positions, by the venue's rules for one-way mode."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.trading.account import HeldPosition, TradingAccount
from orderfox_nb.sim.trading.brackets import bracket_of, maintenance_margin

_ZERO: Final = Decimal(0)
_MAX_ROUNDS: Final = 10


class SymbolMargin(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one symbol in quote currency."""

    notional: Decimal
    """Signed, at the mark price."""
    mark: Decimal
    unrealised: Decimal
    position: Decimal
    """Initial margin of the position."""
    orders: Decimal
    """Initial margin that the open orders need beyond it."""
    maintenance: Decimal
    exposure: Decimal
    """Largest notional that the orders of one side could lead to."""
    bids: Decimal
    asks: Decimal
    isolated: bool

    @property
    def initial(self) -> Decimal:
        """Initial margin of position and orders."""
        return self.position + self.orders


class AccountMargin(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a whole account."""

    symbols: dict[str, SymbolMargin]
    cross_wallet: Decimal
    available: Decimal
    """What further orders may use; negative where margin is short."""

    @property
    def cross_unrealised(self) -> Decimal:
        """Unrealised profit of the positions that share the balance."""
        return sum((figures.unrealised for figures in self.symbols.values() if not figures.isolated), _ZERO)

    @property
    def cross_maintenance(self) -> Decimal:
        """Maintenance margin of the same."""
        return sum((figures.maintenance for figures in self.symbols.values() if not figures.isolated), _ZERO)

    def total(self, field: str) -> Decimal:
        """Sum a figure over every symbol."""
        return sum((getattr(figures, field) for figures in self.symbols.values()), _ZERO)


def symbol_margin(
    account: TradingAccount,
    listing: ListedContract,
    mark: Decimal,
    *,
    position: HeldPosition | None = None,
    bids: Decimal = _ZERO,
    asks: Decimal = _ZERO,
) -> SymbolMargin:
    """Compute the figures of a symbol.

    Args:
        account: Account of the position and the orders.
        listing: The symbol.
        mark: Mark price.
        position: Settings to assume, by default those of the account.
        bids: Notional of a further buy order to assume.
        asks: Notional of a further sell order to assume.
    """
    held = account.position(listing.symbol) if position is None else position
    unit = listing.tick_size * listing.lot_size
    for order in account.open_lots(listing.symbol, BID):
        bids += order.left * order.ticks * unit
    for order in account.open_lots(listing.symbol, ASK):
        asks += order.left * order.ticks * unit
    notional = held.notional(listing, mark)
    exposure = max(abs(notional + bids), abs(notional - asks), abs(notional))
    return SymbolMargin(
        notional=notional,
        mark=mark,
        unrealised=held.unrealised(listing, mark),
        position=abs(notional) / held.leverage,
        orders=(exposure - abs(notional)) / held.leverage,
        maintenance=maintenance_margin(listing, abs(notional)),
        exposure=exposure,
        bids=bids,
        asks=asks,
        isolated=held.isolated,
    )


def account_margin(
    account: TradingAccount, listed: Callable[[str], ListedContract], mark: Callable[[str], Decimal]
) -> AccountMargin:
    """Compute the figures of an account over the symbols where it has a position or orders."""
    symbols = {symbol for symbol, position in account.positions.items() if position.lots}
    symbols |= {order.symbol for order in account.open_orders.values()}
    found = {symbol: symbol_margin(account, listed(symbol), mark(symbol)) for symbol in sorted(symbols)}
    available = account.cross_wallet
    for figures in found.values():
        available += -figures.orders if figures.isolated else figures.unrealised - figures.initial
    return AccountMargin(symbols=found, cross_wallet=account.cross_wallet, available=available)


def liquidation_price(
    listing: ListedContract, position: HeldPosition, figures: SymbolMargin, margin: AccountMargin
) -> Decimal:
    """Return the mark price at which a position no longer keeps its maintenance margin, 0 if none does."""
    if not position.lots:
        return _ZERO
    balance = position.isolated_wallet
    if not position.isolated:
        others = margin.cross_unrealised - figures.unrealised - margin.cross_maintenance + figures.maintenance
        balance = margin.cross_wallet + others
    size = position.lots * listing.lot_size
    cost = position.cost * listing.tick_size * listing.lot_size
    price = figures.mark
    for _ in range(_MAX_ROUNDS):
        # The bracket follows from the price, and the price from the bracket: repeated until both fit.
        bracket = bracket_of(listing, abs(size) * price)
        found = (balance + bracket.cum - cost) / (abs(size) * bracket.rate - size)
        if found <= 0:
            return _ZERO
        if bracket_of(listing, abs(size) * found) == bracket:
            return found
        price = found
    return price
