"""Finds whether a symbol is traded, by a symbol list that has the state of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from orderfox_nb.feeds.venue.items import MarketChange

MAX_LISTED: Final = 20_000
"""Symbols that are remembered to have been listed."""


class ListedMarkets:
    """Remembers the last list and which symbols were ever in one.

    Args:
        read: Reads the list and hands it to ``learn``.
    """

    def __init__(self, read: Callable[[], Awaitable[object]]) -> None:
        self._read = read
        self._states: Mapping[str, MarketChange] = {}
        self._listed: set[str] = set()
        self.changed: Callable[[], None] = lambda: None
        """Called when a new list was read."""

    def learn(self, states: Mapping[str, MarketChange]) -> None:
        """Take a list; an empty one is a broken answer, since a venue never delists all symbols at once."""
        if not states:
            return
        self._states = states
        if len(self._listed) < MAX_LISTED:
            self._listed |= states.keys()
        self.changed()

    def was_listed(self, symbol: str) -> bool:
        """Return whether a symbol was in any list."""
        return symbol in self._listed

    def state(self, symbol: str) -> MarketChange:
        """Return whether a symbol is traded, as far as it is known."""
        state = self._states.get(symbol)
        if state is None and symbol in self._listed:
            return MarketChange("halted", f"{symbol} is delisted (no longer in the venue's list)")
        return state or MarketChange()

    def lacks(self, symbols: Collection[str]) -> bool:  # noqa: ARG002 - the list has it all
        """Return whether the state of one of these symbols needs more data than was read so far."""
        return False

    async def load(self, symbols: Collection[str]) -> None:  # noqa: ARG002 - the list has them all
        """Read the list.

        Raises:
            FeedError: The venue cannot be asked.
        """
        await self._read()
