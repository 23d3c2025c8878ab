"""Rows of the store as plain structs: times in microseconds, prices and sizes as exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from orderfox_nb.bots.orders import OrderKind, OrderState, TimeInForce
from orderfox_nb.core.events import Side


class BotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as it was last saved."""

    number: int
    """Key of its rows; grows with each bot."""
    id: str
    name: str
    venue: str
    symbol: str
    is_active: bool
    is_paper_trading: bool
    description: str | None
    strategy: str | None
    """Name of an installed strategy; None for a bot that only watches its symbol."""
    params: dict[str, Any]
    note: str
    """Why it was stopped, where nobody asked for that."""
    created_us: int
    updated_us: int


class SymbolCount(msgspec.Struct, frozen=True, kw_only=True):
    """Number of bots of a symbol."""

    symbol: str
    total: int
    active: int


class OrderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a bot, with its latest state."""

    number: int
    """Counts the orders of a bot from 1."""
    time_us: int
    """When the strategy sent it."""
    updated_us: int
    side: Side
    kind: OrderKind
    price: Decimal | None
    """None for the kinds that walk the book."""
    trigger_price: Decimal | None
    size: Decimal
    filled: Decimal
    time_in_force: TimeInForce
    reduce_only: bool
    state: OrderState
    code: int | None = None
    """The venue's, where it rejected the order."""
    reason: str = ""
    """Why it was rejected, cancelled or expired."""


class FillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an order that was traded."""

    number: int
    """Counts the fills of a bot from 1."""
    order: int
    time_us: int
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    """Paid in the quote currency; negative for a rebate."""
    maker: bool
    liquidation: bool = False


class EquityRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Equity of a bot's account at a moment."""

    time_us: int
    equity: Decimal
    cash: Decimal
    position: Decimal
    """Base quantity, negative when short."""
    low: Decimal | None = None
    """Lowest and highest equity of the queue models; None if one was run only."""
    high: Decimal | None = None


class SessionRows(msgspec.Struct, frozen=True, kw_only=True):
    """Output of a session since its last save; it is stored whole or not at all.

    Saving the same rows twice changes nothing, so a save whose answer was lost can be repeated.
    """

    orders: Sequence[OrderRecord] = ()
    """New orders, and those whose state changed."""
    fills: Sequence[FillRecord] = ()
    equity: Sequence[EquityRecord] = ()
    snapshot: bytes | None = None
    """State of the session after these rows."""
