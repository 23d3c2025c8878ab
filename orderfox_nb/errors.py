"""Every error that orderfox_nb raises.

OrderFoxError
├── SettingError              a setting that cannot be used: names the variable
├── InputError                what a caller asked for cannot be answered
│   ├── BadValue              a value outside its range (HTTP 400)
│   ├── UnknownSymbol         no such symbol; carries suggestions (HTTP 404)
│   ├── UnknownBot            no such bot (HTTP 404)
│   ├── BodyMismatch          a body that does not fit its schema (HTTP 422)
│   ├── TooManyBots           as many bots as may be stored (HTTP 400)
│   ├── BotIsActive           a change that an active bot does not allow (HTTP 400)
│   ├── OrderRejected         an order that the venue refuses (HTTP 400)
│   ├── LiveTradingRefused    an order or a bot that is not on paper (HTTP 400)
│   ├── BrokerRefused         a venue that does not let a bot trade (HTTP 400)
│   └── ClientLimited         a client that asks for too much of the venue's past; carries the wait (HTTP 429)
├── EventError                an event that its fold cannot take
│   └── OffStep               a price or size that is no multiple of the known tick or lot
├── RecordingError            a recording that cannot be read: names the file
├── DatabaseUnavailable       the database of bots does not answer (HTTP 503)
├── MissingExtra              a library that is not installed: names the extra
├── ForkedProcess             a market that belongs to the process this one was forked from
├── TooManyFrames             a client, or all of them, that reads too many different frames (close code 1013)
├── TooManyPlayheads          a client, or all of them, that has as many pages in the past as it may
├── TooManyKernels            a client whose pages have as many kernels as they may (HTTP 429)
├── SlowReader                a reader of events that did not keep up (close code 4008)
└── FeedError                 a feed that cannot go on
    ├── VenueUnreachable      no connection, or only server errors (HTTP 503)
    ├── VenueRefused          the venue answered with an error of its own
    │   ├── VenueBlocked      HTTP 451 or 403: not served in this country, or to this address
    │   ├── SymbolRefused     the symbol is closed, or not listed at the moment
    │   └── RateLimited       HTTP 429 or 418: carries the seconds to wait
    ├── NoPast                a past that the source does not keep, or does not know
    └── MalformedFrame        a frame that is not of the venue's protocol

Errors carry data and compute their text, so that a handler can choose the
status code and a reader can act on the sentence.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_HERE: Final = str(Path(__file__).parent)


class OrderFoxError(Exception):
    """Root of every error of this package."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows below a cell: the caller's lines and the sentence, no line of this package."""
        lines: list[str] = []
        for frame in traceback.extract_tb(self.__traceback__):
            if frame.filename.startswith(_HERE):
                break
            if "/IPython/" not in frame.filename.replace("\\", "/"):
                lines.append(f"line {frame.lineno}: {frame.line}")
        return [*lines, f"{type(self).__name__}: {self}"]


class SettingError(OrderFoxError):
    """A setting that cannot be used."""

    def __init__(self, variable: str, value: object, expected: str) -> None:
        super().__init__(variable, value, expected)
        self.variable = variable
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        shown = str(self.value)
        if len(shown) > 200:
            shown = shown[:199] + "…"
        return f"{self.variable}={shown}: expected {self.expected}"


class InputError(OrderFoxError):
    """What a caller asked for cannot be answered."""


class BadValue(InputError):
    """A parameter outside its range."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        shown = str(self.value)
        if len(shown) > 40:
            shown = shown[:39] + "…"
        return f"Invalid {self.name} {shown!r}: expected {self.expected}"


class UnknownSymbol(InputError):
    """No such symbol at this venue.

    Args:
        symbol: As it was asked for.
        suggestions: The closest symbols, best first, at most three are shown.
        reason: Why it is not there, where the venue says so: it is being delisted, or halted.
    """

    def __init__(self, symbol: str, suggestions: Sequence[str] = (), *, reason: str = "") -> None:
        super().__init__(symbol, tuple(suggestions))
        self.reason = reason
        self.symbol = symbol
        self.suggestions = tuple(suggestions)[:3]

    def __str__(self) -> str:
        if self.reason:
            return f"{self.reason}."
        shown = self.symbol if len(self.symbol) <= 40 else self.symbol[:39] + "…"
        text = f"Symbol {shown} not found."
        if self.suggestions:
            text += f" Did you mean: {', '.join(self.suggestions)}?"
        return text


class UnknownBot(InputError):
    """No such bot."""

    def __init__(self, bot_id: str) -> None:
        super().__init__(bot_id)
        self.bot_id = bot_id

    def __str__(self) -> str:
        shown = self.bot_id if len(self.bot_id) <= 40 else self.bot_id[:39] + "…"
        return f"Bot {shown} not found: GET /api/v1/bots lists those there are"


class BodyMismatch(InputError):
    """A body that does not fit its schema; the text names the field."""


class TooManyBots(InputError):
    """As many bots as may be stored."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"There are {self.limit} bots, as many as ORDERFOX_MAX_BOTS allows: delete one first"


class BotIsActive(InputError):
    """A change that an active bot does not allow."""

    def __str__(self) -> str:
        return "Stop the bot first: symbol, venue, strategy, params and trading mode of an active bot do not change"


class RunUnavailable(InputError):
    """What a bot did cannot be reported, or not be replayed; the text says why, and what to do."""


class OrderRejected(InputError):
    """An order that the venue refuses, with its code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"The order was rejected: {self.reason} ({self.code})"


class LiveTradingRefused(InputError):
    """An order or a bot that is not on paper; its argument is why orders may not be real here."""

    def __str__(self) -> str:
        return f"This server trades on paper only: {self.args[0]}. Leave isPaperTrading true"


class BrokerRefused(InputError):
    """A venue that does not let a bot trade: its keys are wrong, or its account is not as the bot left it."""

    def __init__(self, venue: str, reason: str) -> None:
        super().__init__(venue, reason)
        self.venue = venue
        self.reason = reason

    def __str__(self) -> str:
        return f"No live trading at {self.venue}: {self.reason}"


class ClientLimited(InputError):
    """A client that has asked for more of the venue's past than one of them may.

    Args:
        retry_after_s: When there is room for the question.
    """

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return (
            "You have asked for more of the venue's past than one client may in a minute: "
            f"try again in {max(1, round(self.retry_after_s))} s"
        )


class EventError(OrderFoxError):
    """An event that its fold cannot take, such as one of another symbol."""


class OffStep(EventError):
    """A price or size that is no multiple of the step of its instrument: the venue has changed that one.

    Args:
        symbol: Whose.
        name: ``price`` or ``size``.
        value: As it came.
        step: The tick or lot size that is known.
    """

    def __init__(self, symbol: str, name: str, value: float, step: object) -> None:
        super().__init__(symbol, name, value, step)
        self.symbol = symbol
        self.name = name
        self.value = value
        self.step = step

    def __str__(self) -> str:
        kind = "tick" if self.name == "price" else "lot"
        return f"a {self.name} of {self.value:.12g} is no multiple of the {kind} size {self.step} of {self.symbol}"


class RecordingError(OrderFoxError):
    """A recording that cannot be read."""

    def __init__(self, path: Path, expected: str) -> None:
        super().__init__(path, expected)
        self.path = path
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}"


class DatabaseUnavailable(OrderFoxError):
    """The database of bots does not answer; market data does not need it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"The database of bots is not available: {self.reason}"


class MissingExtra(OrderFoxError):
    """A library that this needs and that is not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(library, extra)
        self.library = library
        self.extra = extra

    def __str__(self) -> str:
        return f'this needs {self.library}: install it with  pip install "orderfox_nb[{self.extra}]"'


class ForkedProcess(OrderFoxError):
    """A market that belongs to the process this one was forked from: its thread and its sockets are not here."""

    def __str__(self) -> str:
        return (
            "This process was forked from the one that reads the market, so nothing here would ever change: "
            "call connect() in this process"
        )


class TooManyFrames(OrderFoxError):
    """More different frames than one client, or all of them together, may have computed."""


class TooManyPlayheads(OrderFoxError):
    """More pages in the past than one client, or all of them together, may have."""


class TooManyKernels(OrderFoxError):
    """A client whose pages have as many kernels as they may."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"The pages of your address have all {self.limit} kernels that one address may have: "
            "close one of them and load this page again"
        )


class SlowReader(OrderFoxError):
    """A reader whose inbox overflowed and that asked to be closed rather than to get a gap.

    Args:
        topic: What it read.
        lost: How many events were waiting for it.
    """

    def __init__(self, topic: object, lost: int) -> None:
        super().__init__(topic, lost)
        self.topic = topic
        self.lost = lost

    def __str__(self) -> str:
        return f"the reader of {self.topic} did not keep up: {self.lost} events were waiting"


class FeedError(OrderFoxError):
    """A feed that cannot go on."""

    def __init__(self, venue: str, reason: str) -> None:
        super().__init__(venue, reason)
        self.venue = venue
        self.reason = reason

    def __str__(self) -> str:
        # A reason may be another error's text, which names the venue already.
        named = self.reason.startswith((f"{self.venue}:", f"{self.venue} "))
        return self.reason if named else f"{self.venue}: {self.reason}"


class VenueUnreachable(FeedError):
    """The venue cannot be reached, or answers with server errors only."""


class VenueRefused(FeedError):
    """The venue answered with an error of its own.

    Args:
        status: HTTP status, 0 where the error came over a socket.
        code: The venue's own code (Binance: -1121 and the like), 0 if none.
    """

    def __init__(self, venue: str, reason: str, *, status: int = 0, code: int = 0) -> None:
        super().__init__(venue, reason)
        self.status = status
        self.code = code


class VenueBlocked(VenueRefused):
    """HTTP 451 (the venue does not serve this country) or 403 (its firewall or content network blocks this address)."""

    def __str__(self) -> str:
        return blocked_text(self.venue, self.status)


class SymbolRefused(VenueRefused):
    """The symbol is closed, or not listed at the moment: it may be traded again."""


def blocked_text(venue: str, status: int) -> str:
    """Explain that a venue does not serve this location, and what to do."""
    if status == 403:
        return (
            f"{venue} blocks this address or region (HTTP 403, by its firewall or content network). "
            "Use another network or venue, or the embedded exchange: --source sim"
        )
    return (
        f"{venue} does not serve this location (HTTP {status or 451}). "
        "Use another venue, or the embedded exchange: --source sim"
    )


class RateLimited(VenueRefused):
    """HTTP 429 (slow down) or 418 (banned for a while)."""

    def __init__(self, venue: str, reason: str, *, status: int, retry_after_s: float) -> None:
        super().__init__(venue, reason, status=status)
        self.retry_after_s = retry_after_s


class NoPast(FeedError):
    """A past that the source does not keep, or does not know.

    Args:
        venue: Name of the venue.
        reason: What is not kept.
        since_us: From when on it is kept, 0 where that is not known.
    """

    def __init__(self, venue: str, reason: str, *, since_us: int = 0) -> None:
        super().__init__(venue, reason)
        self.since_us = since_us


class MalformedFrame(FeedError):
    """A frame that is not of the venue's protocol."""
