"""Orders, fills and timers as a strategy sees them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from orderfox_nb.bots.orders import DONE, Fill, OrderReport, OrderRequest, OrderState, Rejection
from orderfox_nb.core.events import Side
from orderfox_nb.core.instrument import Instrument


class OrderHandle:
    """One order of a strategy. Its state changes only when the venue's answers arrive, never by a command."""

    __slots__ = ("_cancel", "_instrument", "filled_lots", "number", "reason", "rejection", "request", "state")

    def __init__(
        self, number: int, request: OrderRequest, instrument: Instrument, cancel: Callable[[OrderHandle], None]
    ) -> None:
        self.number = number
        """Counted from 1 in its session."""
        self.request = request
        self.state: OrderState = "sent"
        self.filled_lots = 0
        self.rejection: Rejection | None = None
        self.reason = ""
        """Why it was cancelled or expired, if the bot did not request it."""
        self._instrument = instrument
        self._cancel = cancel

    @property
    def side(self) -> Side:
        return self.request.side

    @property
    def price(self) -> float | None:
        """Limit price; None for orders that walk the book."""
        return None if self.request.ticks is None else self._instrument.price(self.request.ticks)

    @property
    def size(self) -> float:
        """Base quantity of the order."""
        return self._instrument.size(self.request.lots)

    @property
    def filled(self) -> float:
        """Base quantity that was traded."""
        return self._instrument.size(self.filled_lots)

    @property
    def remaining(self) -> float:
        return self._instrument.size(self.request.lots - self.filled_lots)

    @property
    def done(self) -> bool:
        """Whether its state is final."""
        return self.state in DONE

    def cancel(self) -> None:
        """Ask the venue to cancel it; a fill may come first."""
        self._cancel(self)

    def apply(self, report: OrderReport) -> None:
        """Apply the venue's answer."""
        self.state = report.state
        self.filled_lots = max(self.filled_lots, report.filled_lots)
        self.rejection = report.rejection or self.rejection
        self.reason = report.reason or self.reason

    def __repr__(self) -> str:
        at = "market" if self.price is None else f"{self.price:g}"
        return f"<order {self.number}: {self.side} {self.size:g} at {at}, {self.state}, {self.filled:g} filled>"


class FillReport(msgspec.Struct, frozen=True, kw_only=True):
    """A fill as its strategy receives it."""

    order: OrderHandle | None
    """None for the venue's own order that closes a position for lack of margin."""
    time_us: int
    """When the venue traded it."""
    side: Side
    price: float
    size: float
    """Base quantity."""
    ticks: int
    lots: int
    maker: bool
    liquidation: bool


class Timer(msgspec.Struct, kw_only=True):
    """Is due at whole multiples of its period by the event clock."""

    name: str
    period_us: int
    due_us: int


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A time without complete data, in which a bot did nothing and nothing was filled."""

    start_us: int
    end_us: int
    """0 while it lasts."""
    reason: str


class SentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it left the strategy."""

    number: int
    time_us: int
    """By the event clock."""
    arrival_us: int
    """When it reaches the venue, by the venue's clock; 0 if a risk limit refused it."""
    request: OrderRequest


class SessionOutput(msgspec.Struct, frozen=True):
    """Output of a session since the last drain."""

    orders: list[SentOrder]
    reports: list[OrderReport]
    fills: list[Fill]
    lines: list[tuple[int, str]]
    """Log lines with their time."""
