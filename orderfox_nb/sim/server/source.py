"""What a server serves: the embedded exchange or a tape, in the same integers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

from orderfox_nb.sim.facts import (
    FundingRow,
    KlineRow,
    LiquidationFact,
    MarkFact,
    PriceKind,
    PriceRow,
    RatioKind,
    TickerRow,
    TradeFact,
)
from orderfox_nb.sim.listings import Listing
from orderfox_nb.sim.server.names import StreamName

Levels: TypeAlias = list[tuple[int, int]]
Publish: TypeAlias = Callable[[StreamName, bytes], None]
"""Sends one payload to whoever subscribed to the stream."""


class ServedMarket(Protocol):
    """What REST tells of one symbol, None where it is not known; units as in ``sim.facts``."""

    listing: Listing

    def depth(self, limit: int) -> tuple[int, Levels, Levels]: ...

    def best(self) -> tuple[int, int, int, int]: ...

    def aggregate_trades(
        self,
        limit: int = 500,
        *,
        from_id: int | None = None,
        start_us: int | None = None,
        end_us: int | None = None,
    ) -> list[TradeFact]: ...

    def klines(
        self, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[KlineRow]: ...

    def single_trades(self, limit: int, *, from_id: int) -> list[TradeFact]: ...

    def price_klines(
        self, kind: PriceKind, interval: str, start_us: int | None = None, end_us: int | None = None, limit: int = 500
    ) -> list[PriceRow]: ...

    def long_share(self, kind: RatioKind, at_us: int) -> float | None: ...

    def ticker(self) -> TickerRow: ...

    def mark(self) -> MarkFact | None: ...

    def funding(self, start_us: int | None = None, end_us: int | None = None, limit: int = 100) -> list[FundingRow]: ...

    def open_interest(self, at_us: int | None = None) -> int | None: ...

    def liquidation_orders(self, start_us: int, end_us: int, limit: int | None = None) -> list[LiquidationFact]: ...

    def liquidation_volume(self, bucket_us: int, start_us: int, end_us: int) -> list[tuple[int, str, float]]: ...


class Source(Protocol):
    """A venue without its sockets."""

    paced_by_readers: bool
    """Waits for its readers after every portion, so that they lose nothing."""

    @property
    def listings(self) -> Sequence[Listing]: ...

    def now_us(self) -> int:
        """Return the venue's time."""
        ...

    def market(self, symbol: str) -> ServedMarket:
        """Return a symbol's market, brought up to now.

        Raises:
            KeyError: Not listed.
        """
        ...

    def depth(self, symbol: str, limit: int) -> tuple[int, Levels, Levels]:
        """Return a snapshot that a client can join with any diff stream: its id lies within the next diff's."""
        ...

    def liquidations_from_us(self, symbol: str) -> int:
        """Return when the liquidation history begins."""
        ...

    def open_stream(self, name: StreamName) -> None:
        """Take note that somebody subscribed to a stream; only such streams are encoded."""
        ...

    def close_stream(self, name: StreamName) -> None:
        """Take note that nobody listens to a stream any longer."""
        ...

    def play(self, elapsed_us: int, publish: Publish) -> Iterator[None]:
        """Let time pass and publish what happens, pausing after every portion."""
        ...

    def refine(self, symbol: str, factor: int) -> None:
        """Send a symbol's prices on a tick that is so many times as fine as the listing's from now on.

        Raises:
            ValueError: Not a venue whose contracts change.
        """
        ...

    def halt(self, symbol: str, *, halted: bool, closed: bool) -> None:
        """Let a symbol stand still, with silent streams or with its session closed, or go on.

        Raises:
            ValueError: Not a venue whose contracts change.
        """
        ...

    def shift_events(self, offset_us: int) -> None:
        """Shift the event times of every frame from now on (a venue's clock that jumps)."""
        ...
