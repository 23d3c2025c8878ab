"""Checks of an order: by the risk limits before it is sent, and by the account when it reaches the venue."""

from __future__ import annotations

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.gateway import OrderGateway
from orderfox_nb.bots.limits import RiskGuard
from orderfox_nb.bots.orders import OrderRequest, Rejection
from orderfox_nb.bots.ports import AccountPort, VenuePort


class OrderChecks:
    """Checks of a session's orders.

    Args:
        guard: Risk limits; None for none.
        account: Its margin.
        venue: Its prices.
    """

    def __init__(self, guard: RiskGuard | None, account: AccountPort, venue: VenuePort) -> None:
        self.guard = guard
        self._account = account
        self._venue = venue

    def refuse(self, request: OrderRequest, desk: TradingDesk, gateway: OrderGateway) -> Rejection | None:
        """Return why the risk limits keep an order back, None if they do not."""
        if self.guard is None:
            return None
        buys, sells = gateway.open_lots()
        return self.guard.refuse(
            request,
            desk.now_us,
            position_lots=self._account.position_lots,
            open_buys=buys,
            open_sells=sells,
            reference_ticks=self._reference_ticks(desk),
        )

    def afford(self, number: int, request: OrderRequest, desk: TradingDesk, gateway: OrderGateway) -> Rejection | None:
        """Return why the account cannot carry an order that has reached the venue, None if it can."""
        # One that waited there for its trigger is among the open ones, and must not count twice.
        buys, sells = gateway.open_lots(at_venue=True, without=number)
        return self._account.affordable(request, self._reference_ticks(desk), open_buys=buys, open_sells=sells)

    def lost_too_much(self) -> str:
        """Return why trading must end now, empty if it continues."""
        guard = self.guard
        if guard is None or guard.limits.loss is None:
            return ""
        return guard.killed if guard.observe(self._account.equity()) else ""

    def _reference_ticks(self, desk: TradingDesk) -> int:
        """Return the price that the market has: the middle of the book, else the last trade, else the mark price."""
        bid, ask = self._venue.best_bid, self._venue.best_ask
        if bid is not None and ask is not None:
            return (bid + ask) // 2
        last = desk.trades.last
        price = last.price if last is not None else desk.mark
        return 0 if price is None else desk.instrument.ticks(price)
