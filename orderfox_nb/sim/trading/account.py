"""One account: its balance, positions, orders and what happened to them."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import msgspec

from orderfox_nb.sim.listings import ListedContract
from orderfox_nb.sim.matching import ASK, BID
from orderfox_nb.sim.trading.brackets import DEFAULT_LEVERAGE
from orderfox_nb.sim.trading.orders import AccountFill, Income, PlacedOrder

STARTING_BALANCE: Final = Decimal(10_000)
"""USDT of a new account."""
MAKER_RATE: Final = Decimal("0.0002")
TAKER_RATE: Final = Decimal("0.0005")
AMOUNT_STEP: Final = Decimal("0.00000001")
"""Fees and funding are rounded to it."""
_KEPT: Final = 2_000
"""Orders that are done, fills and incomes that an account remembers."""
_ZERO: Final = Decimal(0)


class HeldPosition(msgspec.Struct):
    """The position of one symbol in one-way mode, with its settings; its cost is exact."""

    lots: int = 0
    """Negative where it is short."""
    cost: int = 0
    """What was paid for it in ticks times lots, negative where it is short."""
    leverage: int = DEFAULT_LEVERAGE
    isolated: bool = False
    isolated_wallet: Decimal = _ZERO
    realised: Decimal = _ZERO
    """Profit since the account was opened, without fees."""
    update_us: int = 0

    def fill(self, side: int, lots: int, ticks: int) -> int:
        """Apply a trade and return the realised profit in ticks times lots."""
        sign = 1 if side == BID else -1
        closing = min(lots, abs(self.lots)) if self.lots * sign < 0 else 0
        realised = 0
        if closing:
            released = self.cost * closing // abs(self.lots)
            realised = -sign * closing * ticks - released
            self.cost -= released
            self.lots += sign * closing
        self.cost += sign * (lots - closing) * ticks
        self.lots += sign * (lots - closing)
        return realised

    def entry(self, listing: ListedContract) -> Decimal:
        """Return the average price that was paid, 0 without a position."""
        return self.cost * listing.tick_size / self.lots if self.lots else _ZERO

    def notional(self, listing: ListedContract, mark: Decimal) -> Decimal:
        """Return the signed value at the mark price."""
        return self.lots * listing.lot_size * mark

    def unrealised(self, listing: ListedContract, mark: Decimal) -> Decimal:
        """Return the profit that closing it at the mark price would realise."""
        return self.notional(listing, mark) - self.cost * listing.tick_size * listing.lot_size


class TradingAccount:
    """The state of one account.

    Args:
        key: API key.
        opened_us: When it was opened.
    """

    def __init__(self, key: str, *, opened_us: int) -> None:
        self.key = key
        self.opened_us = opened_us
        self.wallet = STARTING_BALANCE
        """Balance without unrealised profit."""
        self.positions: dict[str, HeldPosition] = {}
        self.open_orders: dict[int, PlacedOrder] = {}
        """By order id, oldest first."""
        self.done: deque[PlacedOrder] = deque(maxlen=_KEPT)
        self.fills: deque[AccountFill] = deque(maxlen=_KEPT)
        self.incomes: deque[Income] = deque(maxlen=_KEPT)
        self.order_times_us: deque[int] = deque()
        """Times of the orders of the last minute."""

    @property
    def cross_wallet(self) -> Decimal:
        """Balance that is not set aside for isolated positions."""
        return self.wallet - sum((position.isolated_wallet for position in self.positions.values()), _ZERO)

    def position(self, symbol: str) -> HeldPosition:
        """Return a symbol's position; it is made if there is none yet."""
        return self.positions.setdefault(symbol, HeldPosition())

    def orders_of(self, symbol: str) -> list[PlacedOrder]:
        """Return the open orders of a symbol, oldest first."""
        return [order for order in self.open_orders.values() if order.symbol == symbol]

    def order(self, symbol: str, *, order_id: int = 0, client_id: str = "") -> PlacedOrder | None:
        """Return an order by one of its ids, an open one before those that are done; None if there is none."""
        for order in (*self.open_orders.values(), *reversed(self.done)):
            if order.symbol == symbol and (order.order_id == order_id if order_id else order.client_id == client_id):
                return order
        return None

    def reducible(self, symbol: str, side: int) -> int:
        """Return the lots that a further reduce-only order of a side may have."""
        lots = self.position(symbol).lots
        held = max(0, -lots if side == BID else lots)
        return held - sum(order.left for order in self.orders_of(symbol) if order.reduce_only and order.side == side)

    def open_lots(self, symbol: str, side: int) -> list[PlacedOrder]:
        """Return the open orders of a side that can increase a position."""
        return [order for order in self.orders_of(symbol) if order.side == side and not order.reduce_only]

    def excess(self, symbol: str) -> list[tuple[PlacedOrder, int]]:
        """Return reduce-only orders with the lots that the position no longer covers, youngest first."""
        found: list[tuple[PlacedOrder, int]] = []
        for side in (BID, ASK):
            over = -self.reducible(symbol, side)
            for order in reversed(self.orders_of(symbol)):
                if over <= 0:
                    break
                if order.reduce_only and order.side == side:
                    found.append((order, min(over, order.left)))
                    over -= order.left
        return found
