"""Periodic work on accounts: funding, liquidation, and orders that expire."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from orderfox_nb.core.timeframes import SECOND_US
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.reference import FUNDING_US
from orderfox_nb.sim.trading.account import AMOUNT_STEP, TradingAccount
from orderfox_nb.sim.trading.orders import AccountEvent, NewOrder
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError

LIQUIDATION_FEE: Final = Decimal("0.0125")
"""Fee as a fraction of the notional that is liquidated."""
_ZERO: Final = Decimal(0)


class PeriodicChecks:
    """Runs once a second of the exchange's time.

    Args:
        trading: The accounts.
        start_us: Time of the exchange at the start.
    """

    def __init__(self, trading: TradingVenue, *, start_us: int) -> None:
        self._trading = trading
        self._checked_us = start_us

    def advance(self, now_us: int) -> None:
        """Check what is due; the markets have been advanced to that time."""
        before_us, self._checked_us = self._checked_us, now_us
        if before_us // SECOND_US == now_us // SECOND_US:
            return
        for account in self._trading.accounts.values():
            self._expire(account, now_us)
            if any(position.lots for position in account.positions.values()):
                for number in range(before_us // FUNDING_US + 1, now_us // FUNDING_US + 1):
                    self._fund(account, number * FUNDING_US)
                self._liquidate(account)

    def _expire(self, account: TradingAccount, now_us: int) -> None:
        for order in list(account.open_orders.values()):
            if order.time_in_force == "GTD" and order.good_till_us <= now_us:
                self._trading.cancel(order, status="EXPIRED")

    def _fund(self, account: TradingAccount, time_us: int) -> None:
        trading = self._trading
        for symbol, position in account.positions.items():
            rows = trading.market(symbol).funding(time_us, time_us, 1) if position.lots else []
            if not rows:
                continue
            listing = trading.listing(symbol)
            notional = position.notional(listing, Decimal(listing.reference_text(rows[0].mark)))
            amount = (-notional * Decimal(f"{rows[0].rate:.8f}")).quantize(AMOUNT_STEP, ROUND_HALF_EVEN)
            trading.add_income(account, trading.income("FUNDING_FEE", symbol, amount, time_us))
            if position.isolated:
                position.isolated_wallet += amount
            trading.publish(AccountEvent(account.key, "FUNDING_FEE", time_us, amount, (symbol,)))

    def _liquidate(self, account: TradingAccount) -> None:
        """Close the positions whose margin no longer reaches their maintenance margin."""
        margin = self._trading.margin(account)
        balance = margin.cross_wallet + margin.cross_unrealised
        cross = 0 < margin.cross_maintenance >= balance
        for symbol, figures in margin.symbols.items():
            position = account.position(symbol)
            isolated = position.isolated_wallet + figures.unrealised <= figures.maintenance
            if position.lots and (isolated if position.isolated else cross):
                self._close_by_force(account, symbol)

    def _close_by_force(self, account: TradingAccount, symbol: str) -> None:
        trading, market = self._trading, self._trading.market(symbol)
        for order in account.orders_of(symbol):
            trading.cancel(order)
        lots, time_us = account.position(symbol).lots, market.client_us
        # An isolated position risks what is set aside for it, and nothing else of the account.
        spared = account.cross_wallet if account.position(symbol).isolated else _ZERO
        try:
            order = trading.submit(
                account,
                NewOrder(
                    symbol=symbol,
                    side=ASK if lots > 0 else BID,
                    kind="LIQUIDATION",
                    lots=abs(lots),
                    time_in_force="IOC",
                    reduce_only=True,
                    client_id=f"autoclose-{time_us // 1000}",
                ),
            )
        except VenueError:
            # The book has nothing within the band: tried again at the next check.
            return
        unit = market.listing.tick_size * market.listing.lot_size
        fee = (order.quote * unit * LIQUIDATION_FEE).quantize(AMOUNT_STEP, ROUND_HALF_EVEN)
        # The insurance fund takes the fee, as far as there is anything left, and pays what is lost beyond the balance.
        left = account.cross_wallet - spared
        amount = -min(fee, left) if left > 0 else -left
        if amount:
            trading.add_income(account, trading.income("INSURANCE_CLEAR", symbol, amount, time_us))
            trading.publish(AccountEvent(account.key, "INSURANCE_CLEAR", time_us, amount, (symbol,)))
