"""Errors of requests that cannot be answered; HTTP answers them with 4xx."""

from __future__ import annotations

from collections.abc import Sequence

from orderfox_nb.errors.root import OrderFoxError


class InputError(OrderFoxError):
    """A request that cannot be answered."""


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
        symbol: As it was requested.
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
    """The limit of stored bots is reached."""

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
    """A run that cannot be reported or replayed; the text says why, and what to do."""


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
    """A client has exceeded one of its limits: that of the venue's past, if no other reason is given.

    Args:
        retry_after_s: Seconds until the request may succeed.
        reason: Which limit, as a sentence without its end.
    """

    def __init__(
        self,
        retry_after_s: float,
        reason: str = "You have asked for more of the venue's past than one client may in a minute",
    ) -> None:
        super().__init__(retry_after_s, reason)
        self.retry_after_s = retry_after_s
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}: try again in {max(1, round(self.retry_after_s))} s"
