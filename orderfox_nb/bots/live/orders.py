"""Real orders as a session knows them, and what a venue says of orders and trades."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from orderfox_nb.bots.orders import OrderRequest, OrderState

OrderStage: TypeAlias = Literal["waiting", "sent", "known"]
"""``waiting``: not sent yet; ``sent``: whether it reached the venue is unknown; ``known``: the venue has answered."""


class LiveOrder(msgspec.Struct, kw_only=True):
    """A real order that is not done."""

    number: int
    request: OrderRequest
    stage: OrderStage = "waiting"
    venue_id: str = ""
    """The venue's own number; empty until it has answered."""
    state: OrderState = "sent"
    """What was last reported of it."""
    traded: int = 0
    """Lots of the trades that are known."""
    trade_ids: list[str] = []
    claimed: int = 0
    """Lots that the venue says are filled."""
    final: OrderState | None = None
    """A final state that the venue has named: it is reported once all trades are known."""
    reason: str = ""
    time_us: int = 0
    """When the venue last changed it."""
    cancelling: bool = False
    """A cancel was requested."""


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """State of one order, as the venue reports it."""

    client_id: str
    venue_id: str
    state: OrderState
    filled_lots: int
    time_us: int


class VenueTrade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of an order, as a venue reports it."""

    venue_id: str
    """The order's, as its client id is not in every report."""
    client_id: str = ""
    trade_id: str
    ticks: int
    lots: int
    maker: bool
    time_us: int
