"""Find the symbol of a depth body that names none: the one whose update ids it straddles."""

from __future__ import annotations

from array import array
from collections import defaultdict
from statistics import median
from typing import Final, NamedTuple

import msgspec
import numpy as np

from orderfox_nb.core.events import BookDelta, BookSnapshot, Level

_SAMPLE: Final = 2_000
"""Prices of a symbol that are compared where ids alone do not decide."""
_NEAR: Final = 0.2

_decode = msgspec.json.Decoder(list[Level], strict=False).decode


class _Unnamed(NamedTuple):
    update_id: int
    price: float
    """Its best bid, 0 if it has none."""


class Bodies:
    """Gathers the update ids of a first reading; ``owners`` then says whose each body is."""

    def __init__(self) -> None:
        self._previous: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._last: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))
        self._prices: defaultdict[str, list[float]] = defaultdict(list)
        self._unnamed: list[_Unnamed] = []

    def add(self, event: BookDelta | BookSnapshot) -> None:
        """Note an update, or a body without a symbol."""
        if isinstance(event, BookDelta):
            self._previous[event.symbol].append(event.previous_id)
            self._last[event.symbol].append(event.last_id)
            prices = self._prices[event.symbol]
            if len(prices) < _SAMPLE:
                prices += [price for price, _ in event.bids[:20] + event.asks[:20]]
        elif not event.symbol:
            bids = _decode(event.raw_bids)
            self._unnamed.append(_Unnamed(event.update_id, bids[0][0] if bids else 0.0))

    def owners(self) -> list[str]:
        """Return the symbol of each unnamed body in the order of the file, empty if nothing proves one."""
        chains = {
            symbol: (np.frombuffer(self._previous[symbol], np.int64), np.frombuffer(last, np.int64))
            for symbol, last in self._last.items()
        }
        return [self._owner(body, chains) for body in self._unnamed]

    def _owner(self, body: _Unnamed, chains: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
        found = [
            symbol
            for symbol, (previous, last) in chains.items()
            if bool(((previous <= body.update_id) & (body.update_id <= last)).any())
        ]
        if len(found) > 1:
            found = [symbol for symbol in found if self._is_near(symbol, body.price)]
        if not found and len(chains) == 1:
            # Of the only book there is; whether it joins is checked like any other.
            found = list(chains)
        return found[0] if len(found) == 1 else ""

    def _is_near(self, symbol: str, price: float) -> bool:
        prices = self._prices[symbol]
        return bool(prices) and abs(median(prices) - price) <= _NEAR * price
