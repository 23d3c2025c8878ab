"""Keys of frames: ``<venue>/<symbol>/<stream>?<parameters>``, one distinct frame for one canonical key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import parse_qsl, quote
from zoneinfo import ZoneInfo

import msgspec

from orderfox_nb.core.ladder import parse_rounding
from orderfox_nb.core.symbols import canonical
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.errors import BadValue

Check = Callable[[str, str], str]
MAX_KEY_LENGTH: Final = 300
VOLUME_TIMEFRAMES: Final = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
"""Timeframes of the public liquidation volume."""
DEPTH_RANGES: Final = ("0.1", "0.25", "0.5", "1", "2", "5", "10")
"""How far a depth frame reaches from the middle, in percent."""


class FrameKey(msgspec.Struct, frozen=True):
    """What a frame shows. Equal keys share one computation, one encoding and one sequence."""

    venue: str
    symbol: str
    stream: str
    parameters: tuple[tuple[str, str], ...] = ()
    """Names and values in alphabetical order, every one that the stream has."""

    def __getitem__(self, name: str) -> str:
        return dict(self.parameters)[name]

    def integer(self, name: str) -> int:
        """Return a parameter that is a whole number."""
        return int(self[name])

    @property
    def text(self) -> str:
        """The canonical text of the key."""
        query = "&".join(f"{name}={quote(value, safe=':/+')}" for name, value in self.parameters)
        return f"{self.venue}/{self.symbol}/{self.stream}" + (f"?{query}" if query else "")


def frame_key(venue: str, symbol: str, stream: str, parameters: Mapping[str, object] | None = None) -> FrameKey:
    """Make the canonical key of a stream; parameters that are left out get their default.

    Raises:
        BadValue: No such stream, or a parameter that it does not have or that is outside its range.
    """
    if stream not in _STREAMS:
        raise BadValue("stream", stream, "one of " + ", ".join(_STREAMS))
    rules = _STREAMS[stream]
    given = dict(parameters or {})
    if unknown := sorted(given.keys() - rules.keys()):
        raise BadValue("parameter", unknown[0], "one of " + ", ".join(rules) if rules else "none for this stream")
    checked: list[tuple[str, str]] = []
    for name in sorted(rules):
        default, check = rules[name]
        checked.append((name, check(name, str(given.get(name, default)))))
    return FrameKey(venue, symbol if symbol == "*" else canonical(symbol), stream, tuple(checked))


def parse_key(text: str) -> FrameKey:
    """Read a key.

    Raises:
        BadValue: Not a key.
    """
    if len(text) > MAX_KEY_LENGTH:
        raise BadValue("key", text, f"at most {MAX_KEY_LENGTH} characters")
    path, _, query = text.partition("?")
    venue, slash, rest = path.partition("/")
    symbol, second, stream = rest.rpartition("/")
    if not (slash and second and venue and symbol):
        raise BadValue("key", text, "<venue>/<symbol>/<stream>?<parameters>")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise BadValue("key", text, "parameters as name=value&name=value") from None
    return frame_key(venue, symbol, stream, dict(pairs))


def whole_number(name: str, text: str, *, low: int, high: int) -> int:
    """Read a whole number; one above ``high`` is lowered to it.

    Raises:
        BadValue: Not a number, or below ``low``.
    """
    if not re.fullmatch(r"\+?\d{1,18}", text) or int(text) < low:
        raise BadValue(name, text, f"a whole number from {low} to {high}")
    return min(int(text), high)


def timeframe(_name: str, text: str) -> str:
    """Check a timeframe of candles; the error calls it so under whatever name it came.

    Raises:
        BadValue: Not one of them.
    """
    if text not in TIMEFRAME_US:
        raise BadValue("timeframe", text, "one of " + " ".join(TIMEFRAME_US))
    return text


def volume_timeframe(_name: str, text: str) -> str:
    """Check a timeframe of the public liquidation volume.

    Raises:
        BadValue: Not one of them.
    """
    if text not in VOLUME_TIMEFRAMES:
        raise BadValue("timeframe", text, "one of " + " ".join(VOLUME_TIMEFRAMES))
    return text


def zone(name: str, text: str) -> str:
    """Check the name of a time zone.

    Raises:
        BadValue: Not an IANA zone.
    """
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        raise BadValue(name, text, "an IANA time zone such as Europe/Berlin") from None
    return text


def bar_count(container_width: float) -> int:
    """Return how many candles fill a container of so many pixels."""
    return int(min(max(container_width / 6 * 3, 200), 1000))


def _one_of(*allowed: str) -> Check:
    def check(name: str, text: str) -> str:
        if text not in allowed:
            raise BadValue(name, text, "one of " + ", ".join(allowed))
        return text

    return check


def _whole(low: int, high: int) -> Check:
    return lambda name, text: str(whole_number(name, text, low=low, high=high))


def _rounding(_: str, text: str) -> str:
    return "auto" if text == "auto" else decimal_text(parse_rounding(text))


def _percent(name: str, text: str) -> str:
    # Few ranges, so that many readers share one frame.
    try:
        plain = decimal_text(Decimal(text)) if len(text) <= 10 else text
    except InvalidOperation:
        plain = text
    return _one_of(*DEPTH_RANGES)(name, plain)


def decimal_text(value: Decimal) -> str:
    """Return a decimal as plain digits, one text for equal numbers."""
    return f"{value.normalize():f}"


_STREAMS: Final[dict[str, dict[str, tuple[str, Check]]]] = {
    "book": {"rounding": ("auto", _rounding), "rows": ("20", _one_of("10", "20", "50", "100"))},
    "depth": {"range": ("1", _percent)},
    "trades": {"rows": ("100", _one_of("50", "100", "200"))},
    "candles": {"bars": ("400", _one_of("200", "400", "1000")), "interval": ("1m", timeframe)},
    "liquidations": {"rows": ("50", _one_of("20", "50", "100"))},
    "ticker": {},
    "symbols": {},
    "v1.orderbook": {"limit": ("20", _whole(1, 1000)), "rounding": ("auto", _rounding), "tz": ("UTC", zone)},
    "v1.trades": {},
    "v1.candles": {"count": ("400", _whole(1, 1000)), "interval": ("1m", timeframe)},
    "v1.liquidation_volume": {"count": ("400", _whole(1, 1000)), "interval": ("1m", volume_timeframe)},
}
"""Parameters of each stream with their default and check."""
