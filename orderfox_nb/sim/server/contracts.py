"""Contracts beside their prices: status, kind, and the trading sessions of the underlying."""

from __future__ import annotations

from typing import Any, Final

import msgspec

UNLISTED: Final = "UNLISTED"
"""A symbol that is no longer in any list; not a status of the venue."""
_DAY_MS: Final = 86_400_000
_MARKETS: Final = ("EQUITY", "COMMODITY")


class Contract(msgspec.Struct, kw_only=True):
    """One contract as ``exchangeInfo`` lists it."""

    status: str = "TRADING"
    contract_type: str = "PERPETUAL"
    underlying_type: str = "COIN"
    step_size: str = ""
    """Another step size than the listing's, empty for that one."""


class Contracts:
    """The contracts that differ from the default, and which of the two traditional markets are closed."""

    def __init__(self) -> None:
        self._contracts: dict[str, Contract] = {}
        self._closed: set[str] = set()

    def of(self, symbol: str) -> Contract:
        """Return a contract."""
        return self._contracts.get(symbol) or Contract()

    def change(self, symbol: str, **fields: str) -> Contract:
        """Set what is given and not empty."""
        given = {name: value for name, value in fields.items() if value}
        changed = self._contracts[symbol] = msgspec.structs.replace(self.of(symbol), **given)
        return changed

    def close(self, market: str, *, closed: bool) -> None:
        """Close a traditional market, ``EQUITY`` or ``COMMODITY``, or open it again."""
        if closed:
            self._closed.add(market)
        else:
            self._closed.discard(market)

    def schedule(self, now_ms: int) -> dict[str, Any]:
        """Return ``tradingSchedule``: what is in force today continues for a day."""
        start_ms = now_ms - now_ms % _DAY_MS
        return {
            "updateTime": now_ms,
            "marketSchedules": {
                market: {
                    "sessions": [
                        {
                            "startTime": start_ms,
                            "endTime": start_ms + 2 * _DAY_MS,
                            "type": "NO_TRADING" if market in self._closed else "REGULAR",
                        }
                    ]
                }
                for market in _MARKETS
            },
        }
