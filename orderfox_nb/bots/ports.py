"""Protocols of the venue and the account of a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from orderfox_nb.bots.account.account import LiquidationPlan
from orderfox_nb.bots.orders import Fill, OrderReport, OrderRequest, Rejection
from orderfox_nb.core.book import BookSide
from orderfox_nb.core.events import Event, MarkPrice, Side

Reducible: TypeAlias = Callable[[Side], int]
"""Lots by which an order of a side can reduce the position."""
Affordable: TypeAlias = Callable[[int, OrderRequest], Rejection | None]
"""From an order and its number to why the account cannot carry it, None if it can."""
PlainState: TypeAlias = Mapping[str, Any]
"""State as builtins that msgpack encodes: what a snapshot consists of."""


class VenuePort(Protocol):
    """The venue of a session's orders: a matching engine over the market data of one symbol.

    It gets every event of the book, and trades and mark prices while they are complete. A ``Gap`` says that data are
    incomplete: no order is filled or activated until a ``Status`` of ``live``. A trade older than an order's arrival
    does not touch that order.
    """

    @property
    def reducible(self) -> Reducible:
        """Set by the session: how many lots a reduce-only order of a side may close, by the fills that were drained."""
        ...

    @reducible.setter
    def reducible(self, reducible: Reducible) -> None: ...

    @property
    def affordable(self) -> Affordable | None:
        """Set by the session: why the account cannot carry an order, None if it can."""
        ...

    @affordable.setter
    def affordable(self, affordable: Affordable | None) -> None: ...

    @property
    def answers(self) -> Sequence[OrderReport | Fill]:
        """What ``drain`` would return."""
        ...

    def submit(self, number: int, request: OrderRequest, now_us: int) -> None:
        """Accept or reject an order that arrives at ``now_us``."""
        ...

    def cancel(self, number: int, now_us: int) -> object: ...

    def cancel_all(self, now_us: int) -> None: ...

    def apply(self, event: Event) -> None: ...

    def drain(self) -> list[OrderReport | Fill]:
        """Return what happened to orders since the last call, in order."""
        ...

    @property
    def live(self) -> bool:
        """Whether orders are matched: there is a book, and nothing is missing."""
        ...

    @property
    def best_bid(self) -> int | None:
        """Ticks."""
        ...

    @property
    def best_ask(self) -> int | None: ...

    def levels(self, side: BookSide, limit: int) -> tuple[list[int], list[int]]:
        """Return the best levels of a side as ticks and lots, best first."""
        ...

    def prelude(self) -> Sequence[Event]:
        """Return the events that rebuild the book, to be applied after ``restore``."""
        ...

    def snapshot(self) -> PlainState:
        """Return everything but the book."""
        ...

    def restore(self, state: Any) -> None: ...


class AccountPort(Protocol):
    """Cash and position of one symbol."""

    @property
    def position_lots(self) -> int: ...

    @property
    def entry(self) -> Decimal | None: ...

    def equity(self) -> Decimal:
        """Return cash and unrealised profit at the last mark, quote currency."""
        ...

    def apply_fill(self, fill: Fill) -> object: ...

    def apply_mark(self, event: MarkPrice) -> object: ...

    def apply_last(self, ticks: int) -> None:
        """Take a traded price as the mark, where no mark prices come."""
        ...

    def reducible(self, side: Side) -> int: ...

    def affordable(
        self, request: OrderRequest, reference_ticks: int, *, open_buys: int, open_sells: int
    ) -> Rejection | None: ...

    def must_liquidate(self) -> LiquidationPlan | None: ...

    def snapshot(self) -> PlainState: ...

    def restore(self, plain: PlainState) -> None: ...
