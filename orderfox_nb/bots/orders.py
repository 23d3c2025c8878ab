"""Orders, answers and fills as integers: prices in ticks, sizes in lots."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from orderfox_nb.core.events import Side

OrderKind: TypeAlias = Literal[
    "limit", "market", "stop", "stop_market", "take_profit", "take_profit_market", "trailing_stop_market"
]
TimeInForce: TypeAlias = Literal["GTC", "IOC", "FOK", "GTX"]
"""GTX is post-only: the order is rejected if it would cross."""
TriggerPrice: TypeAlias = Literal["mark", "last"]
OrderState: TypeAlias = Literal["sent", "waiting", "open", "filled", "cancelled", "rejected", "expired"]
"""``sent``: on its way; ``waiting``: a trigger that is not reached; ``open``: it rests, also partly filled."""

DONE: frozenset[str] = frozenset({"filled", "cancelled", "rejected", "expired"})
"""States that an order does not leave."""


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a strategy; prices in ticks, sizes in lots, times in microseconds of the venue's clock."""

    symbol: str
    side: Side
    lots: int
    kind: OrderKind = "limit"
    ticks: int | None = None
    """Limit price; None for the kinds that walk the book."""
    time_in_force: TimeInForce = "GTC"
    reduce_only: bool = False
    trigger_ticks: int | None = None
    """Price that makes a stop or take-profit order active, or a trailing one begin to follow."""
    trigger: TriggerPrice = "last"
    callback_permille: int = 0
    """Distance of a trailing stop from the best price since its start, in tenths of a percent."""
    expire_us: int | None = None
    """When the session cancels the rest of the order; None: never."""


class Rejection(msgspec.Struct, frozen=True):
    """Why a venue refuses an order, with the venue's own code."""

    code: int
    message: str


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """State of one order at one time, as the venue reports it."""

    number: int
    time_us: int
    state: OrderState
    filled_lots: int = 0
    """Sum of its fills so far."""
    rejection: Rejection | None = None
    reason: str = ""
    """Why it was cancelled or expired, if the bot did not request it."""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an order that was traded."""

    number: int
    """Number of the order."""
    time_us: int
    side: Side
    ticks: int
    lots: int
    maker: bool
    liquidation: bool = False
    """Whether the venue closed the position for lack of margin."""
