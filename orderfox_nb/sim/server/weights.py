"""The venue's budget of request weight: counted by minute and by address."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Final

import msgspec

from orderfox_nb.sim.server.limits import Limits

_MINUTE_US: Final = 60_000_000
_FUNDING_WINDOW_US: Final = 300_000_000
DEPTH_WEIGHT: Final = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
"""The only limits that ``depth`` accepts, with their weights."""


def klines_weight(limit: int) -> int:
    """Return the weight of a ``klines`` call."""
    if limit < 100:
        return 1
    if limit < 500:
        return 2
    return 5 if limit <= 1_000 else 10


class OverBudget(msgspec.Struct, frozen=True):
    """A request over the budget."""

    status: int
    """429 slow down, 418 banned."""
    retry_after_s: int
    banned_until_us: int = 0


class _Address:
    def __init__(self) -> None:
        self.minute = -1
        self.used = 0
        self.refusals = 0
        self.banned_until_us = 0
        self.funding: deque[int] = deque()


class WeightMeter:
    """Counts what each address has used of its minute."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._addresses: dict[str, _Address] = {}

    def charge(self, address: str, weight: int, now_us: int) -> OverBudget | None:
        """Charge a request; ``None`` when it is within the budget."""
        entry = self._entry(address, now_us)
        if now_us < entry.banned_until_us:
            return _banned(entry, now_us)
        if entry.used + weight <= self._limits.weight_per_minute:
            entry.used += weight
            return None
        return self._refuse(entry, now_us)

    def charge_funding(self, address: str, now_us: int) -> OverBudget | None:
        """Charge a ``fundingRate`` call, which has a budget of its own."""
        entry = self._entry(address, now_us)
        calls = entry.funding
        while calls and calls[0] <= now_us - _FUNDING_WINDOW_US:
            calls.popleft()
        if len(calls) >= self._limits.funding_rate_calls:
            return self._refuse(entry, now_us)
        calls.append(now_us)
        return None

    def used(self, address: str, now_us: int) -> int:
        """Return the weight used in the running minute."""
        return self._entry(address, now_us).used

    def _entry(self, address: str, now_us: int) -> _Address:
        entry = self._addresses.setdefault(address, _Address())
        if entry.minute != now_us // _MINUTE_US:
            entry.minute = now_us // _MINUTE_US
            entry.used = 0
            entry.refusals = 0
        return entry

    def _refuse(self, entry: _Address, now_us: int) -> OverBudget:
        entry.refusals += 1
        if entry.refusals > self._limits.ban_after_refusals:
            entry.banned_until_us = now_us + round(self._limits.ban_s * 1e6)
            return _banned(entry, now_us)
        return OverBudget(429, ceil((_MINUTE_US - now_us % _MINUTE_US) / 1e6))


def _banned(entry: _Address, now_us: int) -> OverBudget:
    return OverBudget(418, ceil((entry.banned_until_us - now_us) / 1e6), entry.banned_until_us)
