"""Delays of orders on their way to the venue, and of answers on their way back.

Each draw depends on the seed, the order's number and the kind of message only: one more order does not move the delays
of the others, so runs with different parameters can be compared.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise
from math import exp
from statistics import NormalDist
from typing import Final, Self

import msgspec

from orderfox_nb.errors import BadValue

_STEPS: Final = 200
_RANGE: Final = 1 << 64
MAX_LATENCY_US: Final = 60_000_000


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Delays in microseconds by quantile: evenly spaced quantiles, ascending; a constant has one.

    Raises:
        BadValue: No delays, a negative one, one above a minute, or delays that are not ascending.
    """

    entry_us: tuple[int, ...] = (10_000,)
    """From the strategy to the venue."""
    response_us: tuple[int, ...] = (5_000,)
    """From the venue to the strategy."""

    def __post_init__(self) -> None:
        for name, table in (("entry_us", self.entry_us), ("response_us", self.response_us)):
            ascending = all(before <= after for before, after in pairwise(table))
            if not table or not ascending or not 0 <= table[0] <= table[-1] <= MAX_LATENCY_US:
                raise BadValue(name, table, f"ascending delays from 0 to {MAX_LATENCY_US} us")

    @classmethod
    def constant(cls, entry_us: int, response_us: int) -> Self:
        """Return delays that are always the same."""
        return cls(entry_us=(entry_us,), response_us=(response_us,))

    @classmethod
    def lognormal(cls, entry_us: int, response_us: int, spread: float = 0.3) -> Self:
        """Return delays around two medians with a tail to the right.

        Args:
            entry_us: Median on the way to the venue.
            response_us: Median on the way back.
            spread: Standard deviation of the delay's logarithm, 0 to 2.

        Raises:
            BadValue: A spread or a median out of range.
        """
        if not 0 <= spread <= 2:
            raise BadValue("spread", spread, "a number from 0 to 2")
        normal = NormalDist()
        factors = [exp(spread * normal.inv_cdf((step + 0.5) / _STEPS)) for step in range(_STEPS)]
        return cls(
            entry_us=tuple(round(entry_us * factor) for factor in factors),
            response_us=tuple(round(response_us * factor) for factor in factors),
        )

    def entry(self, seed: int, number: int, kind: str) -> int:
        """Return the delay of an order's message to the venue, microseconds."""
        return _draw(self.entry_us, seed, number, kind)

    def response(self, seed: int, number: int, count: int) -> int:
        """Return the delay of the venue's answer number ``count`` to an order, from 0; microseconds."""
        table = self.response_us
        return table[0] if len(table) == 1 else _draw(table, seed, number, f"answer {count}")


NO_LATENCY: Final = Latency.constant(0, 0)


def _draw(table: tuple[int, ...], seed: int, number: int, kind: str) -> int:
    if len(table) == 1:
        return table[0]
    key = blake2b(f"{seed} {number} {kind}".encode(), digest_size=8).digest()
    # Whole numbers throughout: the same delay on every machine.
    place, rest = divmod(int.from_bytes(key, "little") * (len(table) - 1), _RANGE)
    return table[place] + ((table[place + 1] - table[place]) * rest // _RANGE)
