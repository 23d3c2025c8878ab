"""Orders and fills of accounts: prices in ticks, sizes in lots, times in microseconds, money in quote currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

VenueOrderKind: TypeAlias = Literal["LIMIT", "MARKET", "LIQUIDATION"]
VenueTimeInForce: TypeAlias = Literal["GTC", "IOC", "FOK", "GTX", "GTD"]
OrderStatus: TypeAlias = Literal["NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"]
Execution: TypeAlias = Literal["NEW", "TRADE", "CANCELED", "EXPIRED", "AMENDMENT"]


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A client's order, its form already checked."""

    symbol: str
    side: int
    """``BID`` or ``ASK``."""
    kind: VenueOrderKind
    lots: int
    ticks: int = 0
    """0 for a market order."""
    time_in_force: VenueTimeInForce = "GTC"
    reduce_only: bool = False
    client_id: str = ""
    """Empty: the exchange chooses one."""
    good_till_us: int = 0


class PlacedOrder(msgspec.Struct, kw_only=True):
    """An order that the exchange accepted."""

    order_id: int
    client_id: str
    account: str
    """Key of its account."""
    symbol: str
    side: int
    kind: VenueOrderKind
    lots: int
    ticks: int
    time_in_force: VenueTimeInForce
    reduce_only: bool
    good_till_us: int
    time_us: int
    update_us: int
    status: OrderStatus = "NEW"
    filled: int = 0
    """Lots."""
    quote: int = 0
    """Sum of the fills in ticks times lots."""
    book_id: int = 0
    """Id in the book, 0 if it does not rest."""
    amendments: int = 0

    @property
    def left(self) -> int:
        """Lots that are not filled."""
        return self.lots - self.filled

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


class AccountFill(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of an account."""

    trade_id: int
    """Id of the public trade."""
    order_id: int
    symbol: str
    side: int
    ticks: int
    lots: int
    maker: bool
    fee: Decimal
    realised: Decimal
    time_us: int


class Income(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an account's balance."""

    kind: Literal["REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "INSURANCE_CLEAR"]
    symbol: str
    amount: Decimal
    time_us: int
    transaction_id: int
    trade_id: int = 0


class OrderEvent(msgspec.Struct, frozen=True):
    """A change of an order, as its account's stream shows it."""

    order: PlacedOrder
    """As it is now; it changes later."""
    execution: Execution
    time_us: int
    fill: AccountFill | None = None


class AccountEvent(msgspec.Struct, frozen=True):
    """A change of balance and positions."""

    account: str
    reason: Literal["ORDER", "FUNDING_FEE", "INSURANCE_CLEAR"]
    time_us: int
    change: Decimal
    """Change of the balance without profit and commission."""
    symbols: tuple[str, ...]


class ConfigurationEvent(msgspec.Struct, frozen=True):
    """A change of leverage."""

    account: str
    symbol: str
    leverage: int
    time_us: int


TradingEvent: TypeAlias = OrderEvent | AccountEvent | ConfigurationEvent
