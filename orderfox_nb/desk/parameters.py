"""Parameters of streams and routes: one description reads keys, query strings and ``update_params``, and is shown.

A stream's key holds the canonical text of each value, so that equal frames have equal keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.ladder import parse_rounding
from orderfox_nb.core.numerals import MAX_TIME_MS, decimal_number, whole_number
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.core.wire import MAX_VOLUME_DAYS
from orderfox_nb.errors import BadValue


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a stream or a route."""

    name: str
    place: Literal["query", "path"] = "query"
    kind: Literal["integer", "number", "string", "boolean"] = "string"
    description: str = ""
    default: Any = None
    required: bool = False
    """Whether a query without it is refused, for the description."""
    low: int | None = None
    above: int | None = None
    """Exclusive bound of a number, for the description: its ``check`` applies it exactly."""
    high: int | None = None
    """Above it an integer is refused, or lowered to it where ``lowers`` is set."""
    lowers: bool = False
    choices: Sequence[str] = ()
    example: Any = None
    word: str = ""
    """A text in keys for a value that the stream chooses."""
    label: str = ""
    """Name of the parameter in errors, if users know it by another name."""
    check: Callable[[str, str], Any] | None = None
    """Reads name and text where kind and bounds do not say all; raises ``BadValue``."""

    def read(self, text: str | None) -> Any:
        """Check the text of a parameter and return its value, the default if there is none.

        Raises:
            BadValue: A value that the parameter does not accept.
        """
        if text is None:
            return self.default
        name = self.label or self.name
        if self.check is not None:
            return self.check(name, text)
        if self.kind == "integer":
            return self._integer(name, text)
        if self.kind == "boolean":
            if text.lower() not in ("true", "false", "1", "0"):
                raise BadValue(name, text, "true or false")
            return text.lower() in ("true", "1")
        if self.kind == "number":
            text = _plain(text)
        if self.choices and text not in self.choices:
            raise BadValue(name, text, f"one of {', '.join(self.choices)}")
        return text

    def read_json(self, value: object) -> Any:
        """Check the value of a parameter in a JSON message, as the same text in a query would be.

        Raises:
            BadValue: A value that the parameter does not accept.
        """
        numbers = self.kind in ("integer", "number")
        expected = (int, float, Decimal, str) if numbers else (str,)
        if isinstance(value, bool) or not isinstance(value, expected):
            raise BadValue(self.label or self.name, value, "a number" if numbers else "text")
        return self.read(str(value))

    def key_text(self, value: object) -> str:
        """Return the one text by which a key holds a value, given as text or as ``read`` returns it.

        Raises:
            BadValue: A value that the parameter does not accept.
        """
        text = str(value)
        if self.word and text == self.word:
            return text
        read = self.read(text)
        return decimal_text(read) if isinstance(read, Decimal) else str(read)

    def _integer(self, name: str, text: str) -> int:
        high = "" if self.high is None or self.lowers else f" to {self.high}"
        expected = f"a whole number from {self.low}{high}"
        value = whole_number(text)
        if value is None:
            raise BadValue(name, text, expected)
        if self.low is not None and value < self.low:
            raise BadValue(name, text, expected)
        if self.high is not None and value > self.high:
            if not self.lowers:
                raise BadValue(name, text, expected)
            return self.high
        return value


def read_given(rules: Iterable[Parameter], given: Callable[[str], str | None]) -> dict[str, Any]:
    """Return the value of each parameter that is given; those that are not keep their default.

    Raises:
        BadValue: One of them is outside what it may be.
    """
    return {rule.name: rule.read(text) for rule in rules if (text := given(rule.name)) is not None}


def key_parameters(rules: Sequence[Parameter], given: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a key, in alphabetical order and with the defaults of those that are left out.

    Raises:
        BadValue: One that the stream does not have, or outside what it may be.
    """
    names = sorted(rule.name for rule in rules)
    if unknown := sorted(given.keys() - set(names)):
        raise BadValue("parameter", unknown[0], "one of " + ", ".join(names) if names else "none for this stream")
    return tuple(
        sorted((rule.name, rule.key_text(given.get(rule.name, rule.default))) for rule in rules),
    )


def _plain(text: str) -> str:
    value = decimal_number(text) if len(text) <= 10 else None
    return text if value is None else decimal_text(value)


def _zone(name: str, text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise BadValue(name, text, "an IANA time zone such as Europe/Berlin") from None
    return text


SYMBOL: Final = Parameter(
    name="symbol",
    place="path",
    description="The venue's id in any case, BTC/USDT or the base asset alone",
    example="BTCUSDT",
)
VENUE: Final = Parameter(
    name="venue", description="One of the server's venues as /health lists them, the first where it is not given"
)
TIMEFRAME: Final = Parameter(name="timeframe", default="1m", choices=tuple(TIMEFRAME_US), description="Length of a bar")
VOLUME_TIMEFRAME: Final = Parameter(name="timeframe", default="1m", choices=tuple(MAX_VOLUME_DAYS), example="5m")
ROUNDING: Final = Parameter(
    name="rounding",
    kind="number",
    default="auto",
    word="auto",
    above=0,
    description="Height of a row, raised to the tick size",
    check=lambda _, text: parse_rounding(text),
)
ZONE: Final = Parameter(
    name="tz", default="UTC", check=_zone, description="IANA zone of formatted times", example="Europe/Berlin"
)


def renamed(rule: Parameter, name: str) -> Parameter:
    """Return a parameter under another name, by which errors do not call it."""
    return msgspec.structs.replace(rule, name=name, label=rule.label or rule.name)


def rows(default: int, *choices: int) -> Parameter:
    """Describe how many rows a frame has: few numbers, so that many readers share one."""
    return one_of("rows", default, *choices)


def one_of(name: str, default: object, *choices: object) -> Parameter:
    """Describe a parameter that is one of a few."""
    return Parameter(name=name, default=default, choices=tuple(map(str, choices)))


def limit(default: int, high: int, description: str, *, name: str = "limit") -> Parameter:
    """Describe how many are wanted: above the highest it is lowered to it."""
    return Parameter(name=name, kind="integer", default=default, low=1, high=high, lowers=True, description=description)


def time_ms(name: str, description: str) -> Parameter:
    """Describe a time in milliseconds since the epoch."""
    return Parameter(name=name, kind="integer", low=0, high=MAX_TIME_MS, description=description)
