"""The parameters of routes, read and documented from one description."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from orderfox_nb.errors import BadValue

MAX_TIME_MS: Final = 253_402_300_799_000
"""The last moment of the year 9999."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a route."""

    name: str
    place: Literal["query", "path"] = "query"
    kind: Literal["integer", "number", "string", "boolean"] = "string"
    description: str = ""
    default: Any = None
    low: int | None = None
    above: int | None = None
    """Exclusive bound of a number, for the description: its reader checks it exactly."""
    high: int | None = None
    """Above it an integer is refused, or lowered to it where ``lowers`` is set."""
    lowers: bool = False
    choices: Sequence[str] = ()
    example: Any = None

    def read(self, text: str | None) -> Any:
        """Check the text of a parameter and return its value, the default where there is none.

        Raises:
            BadValue: Outside what the parameter may be.
        """
        if text is None:
            return self.default
        if self.kind == "integer":
            return self._integer(text)
        if self.kind == "boolean":
            if text.lower() not in ("true", "false", "1", "0"):
                raise BadValue(self.name, text, "true or false")
            return text.lower() in ("true", "1")
        if self.choices and text not in self.choices:
            raise BadValue(self.name, text, f"one of {', '.join(self.choices)}")
        return text

    def _integer(self, text: str) -> int:
        high = "" if self.high is None or self.lowers else f" to {self.high}"
        expected = f"a whole number from {self.low}{high}"
        if not re.fullmatch(r"-?[0-9]{1,30}", text):
            raise BadValue(self.name, text, expected)
        value = int(text)
        if self.low is not None and value < self.low:
            raise BadValue(self.name, text, expected)
        if self.high is not None and value > self.high:
            if not self.lowers:
                raise BadValue(self.name, text, expected)
            return self.high
        return value


SYMBOL: Final = Parameter(
    name="symbol",
    place="path",
    description="The venue's id in any case, BTC/USDT or the base asset alone",
    example="BTCUSDT",
)


def limit(default: int, high: int, description: str) -> Parameter:
    """Describe how many are wanted: above the highest it is lowered to it."""
    return Parameter(
        name="limit", kind="integer", default=default, low=1, high=high, lowers=True, description=description
    )


def time_ms(name: str, description: str) -> Parameter:
    """Describe a time in milliseconds since the epoch."""
    return Parameter(name=name, kind="integer", low=0, high=MAX_TIME_MS, description=description)
