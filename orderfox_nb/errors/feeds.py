"""A feed cannot continue: its venue is not there, refuses, or sends what is not of its protocol."""

from __future__ import annotations

from orderfox_nb.errors.root import OrderFoxError


class FeedError(OrderFoxError):
    """A feed that cannot continue."""

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
        status: HTTP status, 0 if the error came over a socket.
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
        since_us: From when on it is kept, 0 if that is unknown.
    """

    def __init__(self, venue: str, reason: str, *, since_us: int = 0) -> None:
        super().__init__(venue, reason)
        self.since_us = since_us


class MalformedFrame(FeedError):
    """A frame that is not of the venue's protocol."""
