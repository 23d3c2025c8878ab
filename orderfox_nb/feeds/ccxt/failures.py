"""Converts ccxt's errors to ``FeedError``."""

from __future__ import annotations

import re
from typing import Any, Final

from orderfox_nb.errors import (
    MalformedFrame,
    OrderFoxError,
    RateLimited,
    SymbolRefused,
    VenueBlocked,
    VenueRefused,
    VenueUnreachable,
)
from orderfox_nb.feeds.ccxt.loading import ccxt_errors
from orderfox_nb.feeds.transport import network_reason
from orderfox_nb.feeds.venue.problems import BLOCKED

_STATUS: Final = re.compile(r"https?://\S+ ([1-5][0-9]{2}) |^([1-5][0-9]{2}), message=")
"""The HTTP status in the text of a failed request, or of a socket that was not opened."""
_ADDRESS: Final = re.compile(r"\b(GET|POST) https?://\S+ ?")
_TEXT_LIMIT: Final = 200
PAUSE_S: Final = 10.0
"""After a rate limit that names no time."""


def our_error(  # noqa: PLR0911 - one an error
    error: BaseException, venue: str, *, retry_after_s: float = PAUSE_S
) -> OrderFoxError:
    """Return the error of this package that says what one of ccxt does.

    Args:
        error: What ccxt has raised.
        venue: Name of the venue.
        retry_after_s: How long to wait after a rate limit.
    """
    if isinstance(error, OrderFoxError):
        return error
    known = ccxt_errors()
    text = readable(error, venue)
    found = _STATUS.search(str(error))
    status = int(found.group(1) or found.group(2)) if found else 0
    if status in BLOCKED or isinstance(error, known.RestrictedLocation):
        return VenueBlocked(venue, text, status=status or 451)
    if status in (418, 429) or isinstance(error, known.DDoSProtection | known.RateLimitExceeded):
        return RateLimited(venue, text, status=status or 429, retry_after_s=retry_after_s)
    if isinstance(error, known.BadSymbol | known.MarketClosed | known.ContractUnavailable):
        return SymbolRefused(venue, text, status=status or 400)
    if 400 <= status < 500 and status != 408:
        return VenueRefused(venue, text, status=status)
    if isinstance(error, known.OperationFailed | TimeoutError | OSError) or status >= 500:
        return VenueUnreachable(venue, text)
    if isinstance(error, known.BaseError):
        return VenueRefused(venue, text, status=status or 400)
    # ccxt reads answers with few checks: a wrong one ends in any error of Python.
    return MalformedFrame(venue, text)


def readable(error: BaseException, venue: str) -> str:
    """Return an error of ccxt in one line, without addresses."""
    name = venue.removeprefix("ccxt-").partition("-")[0]
    text = " ".join(_ADDRESS.sub("", str(error)).split()).removeprefix(name).lstrip()
    if not text:
        # It names the address only; why that does not answer is in what it was raised from.
        text = network_reason(error.__cause__) if error.__cause__ is not None else type(error).__name__
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 1] + "…"


def is_broken_book(error: BaseException) -> bool:
    """Return whether an error says that a book missed an update, so that ccxt has discarded it."""
    known: Any = ccxt_errors()
    return isinstance(error, known.ChecksumError | known.InvalidNonce)
