"""The open streams of one symbol, whatever the protocol."""

from __future__ import annotations

from orderfox_nb.sim.served_market import ServedMarket
from orderfox_nb.sim.server.names import ServedStream
from orderfox_nb.sim.server.source import Publish


class SymbolStreams:
    """Publishes what happens in one market, and only for streams that are open.

    Args:
        market: Where the facts come from.
        whole: The open streams over all symbols, by kind; shared between markets.
    """

    def __init__(self, market: ServedMarket, whole: dict[str, list[ServedStream]]) -> None:
        self.market = market
        self.symbol = market.listing.symbol
        self._whole = whole
        self._names: dict[str, dict[str, ServedStream]] = {}
        self.halted = False
        """Nothing is traded, and nothing sent."""
        self.closed = False
        """Nothing is traded."""

    @property
    def watched(self) -> bool:
        """Whether a stream of this symbol is open, or orders of clients wait in its book."""
        return bool(self._names) or self.market.has_orders

    def add(self, name: ServedStream) -> None:
        """Open a stream; the facts up to now must have been published."""
        self._names.setdefault(name.kind, {})[name.text] = name

    def remove(self, name: ServedStream) -> None:
        """Close a stream."""
        names = self._names.get(name.kind, {})
        names.pop(name.text, None)
        if not names:
            self._names.pop(name.kind, None)

    def first_frame(self, name: ServedStream, event_ms: int) -> bytes:
        """Return what a new subscriber of an open stream is sent before anything else, empty if nothing is."""
        del name, event_ms
        return b""

    def step(self, now_us: int, publish: Publish, offset_us: int) -> None:
        """Publish the facts up to a time on the source's grid, and what is due then."""
        raise NotImplementedError

    def refine(self, factor: int, now_us: int, publish: Publish, offset_us: int) -> None:
        """Write prices on a finer tick from now on, by a factor on the tick of the listing."""
        raise NotImplementedError

    def restart(self, *, renumber: bool) -> None:
        """Let the ids of the book start over, with a snapshot or within the chain of its frames.

        Raises:
            ValueError: The protocol has no frame for it.
        """
        raise ValueError(f"the ids of {self.symbol} start over only {'on OKX' if renumber else 'on Bybit and OKX'}")
