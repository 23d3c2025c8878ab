"""Leverage and margin type of an account's symbols."""

from __future__ import annotations

import msgspec

from orderfox_nb.sim.trading.account import TradingAccount
from orderfox_nb.sim.trading.brackets import leverage_brackets, max_notional
from orderfox_nb.sim.trading.margin import symbol_margin
from orderfox_nb.sim.trading.orders import ConfigurationEvent
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError


def change_leverage(trading: TradingVenue, account: TradingAccount, symbol: str, leverage: int) -> None:
    """Change the leverage of a symbol.

    Raises:
        VenueError: Not offered (-4028), too high for what is held (-2027), too low for the balance (-2028), or lower
            than that of an open isolated position (-4161).
    """
    listing, position = trading.listing(symbol), account.position(symbol)
    if not 1 <= leverage <= leverage_brackets(listing)[0].leverage:
        raise VenueError(-4028, f"Leverage {leverage} is not valid")
    if position.isolated and position.lots and leverage < position.leverage:
        raise VenueError(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
    before = trading.symbol_margin(account, symbol)
    changed = msgspec.structs.replace(position, leverage=leverage)
    after = symbol_margin(account, listing, before.mark, position=changed)
    if after.exposure > max_notional(listing, leverage):
        raise VenueError(-2027, "Exceeded the maximum allowable position at current leverage.")
    if after.initial - before.initial > max(0, trading.margin(account).available):
        raise VenueError(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    position.leverage = leverage
    trading.publish(ConfigurationEvent(account.key, symbol, leverage, trading.market(symbol).client_us))


def change_margin_type(account: TradingAccount, symbol: str, *, isolated: bool) -> None:
    """Change how a symbol's position is kept.

    Raises:
        VenueError: It is already kept so (-4046), or there are orders (-4047) or a position (-4048).
    """
    position = account.position(symbol)
    if position.isolated == isolated:
        raise VenueError(-4046, "No need to change margin type.")
    if account.orders_of(symbol):
        raise VenueError(-4047, "Margin type cannot be changed if there exists open orders.")
    if position.lots:
        raise VenueError(-4048, "Margin type cannot be changed if there exists position.")
    position.isolated = isolated
