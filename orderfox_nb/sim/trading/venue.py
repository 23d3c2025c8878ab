"""Orders of accounts at the embedded exchange: accepted, traded and settled.

An order is matched at the end of the last step of its market, against the book that ``depth`` shows then. What rests is
filled by the flow of the market (``sim.client_orders``); each fill is settled before anything else trades. Accounts,
their orders and what they changed last as long as the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Final

from orderfox_nb.sim.client_orders import MakerFill
from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.market import SymbolMarket
from orderfox_nb.sim.matching import BID
from orderfox_nb.sim.trading import rules
from orderfox_nb.sim.trading.account import AMOUNT_STEP, MAKER_RATE, TAKER_RATE, TradingAccount
from orderfox_nb.sim.trading.margin import AccountMargin, SymbolMargin, account_margin, symbol_margin
from orderfox_nb.sim.trading.orders import (
    AccountEvent,
    AccountFill,
    Execution,
    Income,
    NewOrder,
    OrderEvent,
    OrderStatus,
    PlacedOrder,
    TradingEvent,
)
from orderfox_nb.sim.venue_error import VenueError

MAX_ACCOUNTS: Final = 200
MAX_RESTING: Final = 20_000
"""Resting orders of all accounts."""
_MAX_AMENDMENTS: Final = 10_000


class TradingVenue:
    """The accounts of one exchange.

    Args:
        markets: Every market.
        start_us: When the exchange opened; order ids follow from it.
    """

    def __init__(self, markets: Iterable[SymbolMarket], *, start_us: int) -> None:
        self._markets = {market.symbol: market for market in markets}
        for market in self._markets.values():
            market.clients.settle = partial(self._settle, market.symbol)
            market.clients.prevent = partial(self._expire_own, market)
        self.accounts: dict[str, TradingAccount] = {}
        self.publish: Callable[[TradingEvent], None] = _drop
        """Receives every change of an order, a balance or a position."""
        self._resting: dict[tuple[str, int], PlacedOrder] = {}
        """By symbol and id in the book."""
        self._issued = start_us // 1_000
        self._transactions = 0

    def account(self, key: str) -> TradingAccount:
        """Return the account of an API key; its first use opens it.

        Raises:
            VenueError: There are too many accounts.
        """
        account = self.accounts.get(key)
        if account is None:
            if len(self.accounts) >= MAX_ACCOUNTS:
                raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
            account = self.accounts[key] = TradingAccount(key, opened_us=self._issued * 1_000)
        return account

    def market(self, symbol: str) -> SymbolMarket:
        """Return the market of a symbol.

        Raises:
            KeyError: Not listed here.
        """
        return self._markets[symbol]

    def listing(self, symbol: str) -> ListedContract:
        """Return the contract of a symbol."""
        return self.market(symbol).listing

    def mark(self, symbol: str) -> Decimal:
        """Return the mark price of a symbol."""
        market = self.market(symbol)
        return Decimal(market.listing.reference_text(market.mark().mark))

    def margin(self, account: TradingAccount) -> AccountMargin:
        """Return the margin figures of an account."""
        return account_margin(account, self.listing, self.mark)

    def symbol_margin(self, account: TradingAccount, symbol: str) -> SymbolMargin:
        """Return the margin figures of one symbol."""
        return symbol_margin(account, self.listing(symbol), self.mark(symbol))

    def submit(self, account: TradingAccount, request: NewOrder) -> PlacedOrder:
        """Accept an order, trade what it can and rest or expire what is left.

        Raises:
            VenueError: The venue refuses it; nothing has changed.
        """
        market = self.market(request.symbol)
        if not market.takes_orders or len(self._resting) >= MAX_RESTING:
            raise VenueError(
                -1008, "Server is currently overloaded with other requests. Please try again in a few minutes."
            )
        rules.check_open_orders(account, request)
        lots = request.lots
        rules.check_size(lots)
        mark = self.mark(request.symbol)
        worst = rules.band_ticks(market.listing, mark, request.side)
        if request.kind == "LIMIT":
            rules.check_price(market.listing, request.ticks, request.side, mark)
        limit = request.ticks or worst
        best = self._opposite(market, request.side)
        crosses = best > 0 and (best <= limit if request.side == BID else best >= limit)
        if request.kind != "LIMIT" and not crosses:
            raise VenueError(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.")
        price = request.ticks or best
        if request.reduce_only:
            lots = min(lots, account.reducible(request.symbol, request.side))
            if lots <= 0:
                raise VenueError(-2022, "ReduceOnly Order is rejected.")
        else:
            rules.check_notional(market.listing, lots, price)
            self._check_margin(account, market.listing, request.side, lots * price, mark)
        self._check_time_in_force(market, account, request, lots, limit, crosses=crosses)
        order = self._accepted(account, request, lots, market.client_us)
        if crosses:
            self._take(market, account, order, limit)
        self._rest_or_expire(market, order)
        return order

    def cancel(self, order: PlacedOrder, *, status: OrderStatus = "CANCELED") -> None:
        """Withdraw an open order."""
        market = self.market(order.symbol)
        if order.book_id:
            market.withdraw(order.book_id)
        self._close(order, status, market.client_us)

    def amend(self, account: TradingAccount, order: PlacedOrder, *, lots: int, ticks: int) -> None:
        """Change size and price of an open order, which loses its place in the queue.

        An order that has traded as much as its new size is cancelled, and so is a post-only order that would trade.

        Raises:
            VenueError: The venue refuses the change; the order stays as it is.
        """
        market = self.market(order.symbol)
        if (lots, ticks) == (order.lots, order.ticks):
            raise VenueError(-5027, "No need to modify the order.")
        if order.amendments >= _MAX_AMENDMENTS:
            raise VenueError(-5026, "Exceed maximum modify order limit.")
        rules.check_size(lots)
        mark = self.mark(order.symbol)
        rules.check_price(market.listing, ticks, order.side, mark)
        if not order.reduce_only:
            rules.check_notional(market.listing, lots, ticks)
            more = max(0, (lots - order.filled) * ticks - order.left * order.ticks)
            self._check_margin(account, market.listing, order.side, more, mark)
        else:
            lots = min(lots, order.lots + account.reducible(order.symbol, order.side))
        best = self._opposite(market, order.side)
        crosses = best > 0 and (best <= ticks if order.side == BID else best >= ticks)
        if lots <= order.filled or (order.time_in_force == "GTX" and crosses):
            self.cancel(order)
            return
        self._unrest(market, order)
        order.lots, order.ticks, order.update_us = lots, ticks, market.client_us
        order.amendments += 1
        self._report(order, "AMENDMENT", market.client_us)
        if crosses:
            self._take(market, account, order, ticks)
        self._rest_or_expire(market, order)

    def _settle(self, symbol: str, fill: MakerFill) -> None:
        order = self._resting[symbol, fill.order_id]
        if fill.lots == order.left:
            del self._resting[symbol, fill.order_id]
            order.book_id = 0
        self._fill(order, fill.ticks, fill.lots, fill.trade_id, fill.time_us, maker=True)

    def add_income(self, account: TradingAccount, income: Income) -> None:
        """Change the balance of an account."""
        account.wallet += income.amount
        account.incomes.append(income)

    def income(self, kind: str, symbol: str, amount: Decimal, time_us: int, trade_id: int = 0) -> Income:
        """Return an income with the next transaction id; ``kind`` as in ``Income``."""
        self._transactions += 1
        return Income(
            kind=kind,  # pyright: ignore[reportArgumentType]
            symbol=symbol,
            amount=amount,
            time_us=time_us,
            transaction_id=self._transactions,
            trade_id=trade_id,
        )

    def _check_margin(
        self, account: TradingAccount, listing: ListedContract, side: int, quote: int, mark: Decimal
    ) -> None:
        notional = quote * listing.tick_size * listing.lot_size
        before = symbol_margin(account, listing, mark)
        bids, asks = (notional, Decimal(0)) if side == BID else (Decimal(0), notional)
        after = symbol_margin(account, listing, mark, bids=bids, asks=asks)
        rules.check_margin(listing, before, after, self.margin(account))

    def _check_time_in_force(
        self, market: SymbolMarket, account: TradingAccount, request: NewOrder, lots: int, limit: int, *, crosses: bool
    ) -> None:
        if request.time_in_force == "GTX" and crosses:
            raise VenueError(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be rejected. "
                "The order will not be recorded in the order history",
            )
        if request.time_in_force == "FOK":
            own = sum(
                order.left
                for order in account.orders_of(request.symbol)
                if order.side != request.side
                and (order.ticks <= limit if request.side == BID else order.ticks >= limit)
            )
            if market.available(request.side, lots + own, limit) - own < lots:
                raise VenueError(
                    -5021,
                    "Due to the order could not be filled immediately, the FOK order has been rejected. "
                    "The order will not be recorded in the order history",
                )

    def _accepted(self, account: TradingAccount, request: NewOrder, lots: int, now_us: int) -> PlacedOrder:
        self._issued += 1
        order = PlacedOrder(
            order_id=self._issued,
            client_id=request.client_id or f"sim_{self._issued}",
            account=account.key,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            lots=lots,
            ticks=request.ticks,
            time_in_force=request.time_in_force,
            reduce_only=request.reduce_only,
            good_till_us=request.good_till_us,
            time_us=now_us,
            update_us=now_us,
        )
        account.open_orders[order.order_id] = order
        self._report(order, "NEW", now_us)
        return order

    def _take(self, market: SymbolMarket, account: TradingAccount, order: PlacedOrder, limit: int) -> None:
        trade_id = market.trade_id
        for level in market.take(order.side, order.left, limit, owner=account.key):
            for lots in level.fills:
                trade_id += 1
                self._fill(order, level.ticks, lots, trade_id, market.client_us, maker=False)

    def _rest_or_expire(self, market: SymbolMarket, order: PlacedOrder) -> None:
        if not order.is_open:
            return
        if order.kind != "LIMIT" or order.time_in_force in ("IOC", "FOK"):
            self._close(order, "EXPIRED", market.client_us)
            return
        order.book_id = market.rest(order.side, order.ticks, order.left, owner=order.account)
        self._resting[order.symbol, order.book_id] = order

    def _unrest(self, market: SymbolMarket, order: PlacedOrder) -> None:
        market.withdraw(order.book_id)
        self._resting.pop((order.symbol, order.book_id), None)
        order.book_id = 0

    def _expire_own(self, market: SymbolMarket, book_id: int) -> None:
        """Expire an order that its own account would have traded with."""
        self._close(self._resting[market.symbol, book_id], "EXPIRED_IN_MATCH", market.client_us)

    def _close(self, order: PlacedOrder, status: OrderStatus, now_us: int) -> None:
        self._resting.pop((order.symbol, order.book_id), None)
        order.book_id = 0
        order.status, order.update_us = status, now_us
        self._retire(order)
        self._report(order, "CANCELED" if status == "CANCELED" else "EXPIRED", now_us)

    def _retire(self, order: PlacedOrder) -> None:
        account = self.accounts[order.account]
        del account.open_orders[order.order_id]
        account.done.append(order)

    def _fill(self, order: PlacedOrder, ticks: int, lots: int, trade_id: int, time_us: int, *, maker: bool) -> None:
        account, listing = self.accounts[order.account], self.listing(order.symbol)
        position = account.position(order.symbol)
        unit = listing.tick_size * listing.lot_size
        held, wallet = abs(position.lots), position.isolated_wallet
        realised = position.fill(order.side, lots, ticks) * unit
        notional = lots * ticks * unit
        fee = (notional * (MAKER_RATE if maker else TAKER_RATE)).quantize(AMOUNT_STEP, ROUND_HALF_EVEN)
        if realised:
            self.add_income(account, self.income("REALIZED_PNL", order.symbol, realised, time_us, trade_id))
        self.add_income(account, self.income("COMMISSION", order.symbol, -fee, time_us, trade_id))
        position.realised += realised
        position.update_us = time_us
        if position.isolated:
            # What is set aside grows and shrinks with the position, at the price of the trade.
            grown = max(0, abs(position.lots) - held)
            kept = Decimal(min(held, abs(position.lots))) / held if held else Decimal(0)
            position.isolated_wallet = wallet * kept + Decimal(grown * ticks) * unit / position.leverage
        order.filled += lots
        order.quote += lots * ticks
        order.update_us = time_us
        order.status = "FILLED" if order.filled == order.lots else "PARTIALLY_FILLED"
        if not order.is_open:
            self._retire(order)
        fill = AccountFill(
            trade_id=trade_id,
            order_id=order.order_id,
            symbol=order.symbol,
            side=order.side,
            ticks=ticks,
            lots=lots,
            maker=maker,
            fee=fee,
            realised=realised,
            time_us=time_us,
        )
        account.fills.append(fill)
        self.publish(AccountEvent(account.key, "ORDER", time_us, Decimal(0), (order.symbol,)))
        self._report(order, "TRADE", time_us, fill)
        self._trim_reduce_only(account, order.symbol, time_us)

    def _trim_reduce_only(self, account: TradingAccount, symbol: str, time_us: int) -> None:
        """Take from reduce-only orders what the position no longer covers."""
        market = self.market(symbol)
        for order, lots in account.excess(symbol):
            if not order.book_id:
                continue
            market.withdraw(order.book_id, lots)
            if lots == order.left:
                self._close(order, "EXPIRED", time_us)
            else:
                order.lots -= lots
                order.update_us = time_us
                self._report(order, "AMENDMENT", time_us)

    def _report(self, order: PlacedOrder, execution: Execution, time_us: int, fill: AccountFill | None = None) -> None:
        self.publish(OrderEvent(order, execution, time_us, fill))

    @staticmethod
    def _opposite(market: SymbolMarket, side: int) -> int:
        bid, bid_lots, ask, ask_lots = market.best()
        return (ask if ask_lots else 0) if side == BID else (bid if bid_lots else 0)


def _drop(_event: TradingEvent) -> None:
    """Discard an event: nobody listens."""
