"""The venue's limits, each of which a test may shorten."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the venue, by its documentation of 2026; times are of the real clock."""

    weight_per_minute: int = 2_400
    ban_after_refusals: int = 20
    """Requests made in spite of 429 within a minute before the address is banned (418)."""
    ban_s: float = 120.0
    funding_rate_calls: int = 500
    """``fundingRate`` has a budget of its own: calls in five minutes."""
    streams_per_connection: int = 1_024
    messages_per_second: int = 10
    """Incoming ones; one more drops the connection."""
    requests_per_window: int = 600
    """REST requests of an address in ``window_s``, where a protocol counts requests and not weights (all but Binance).

    OKX counts each path alone, with a limit of its own, which this one can only lower.
    """
    window_s: float = 5.0
    connection_s: float = 86_400.0
    ping_s: float = 180.0
    pong_s: float = 600.0
    idle_s: float = float("inf")
    """How long a connection may be silent in both directions before it is closed."""
    argument_bytes: int = 0
    """Length of the arguments with which streams are subscribed to on a connection, 0 without a limit."""
    queued_frames: int = 20_000
    """Frames that wait for a socket that does not read, before it is dropped."""
    queued_bytes: int = 32_000_000
    stalled_s: float = 30.0
    """How long a socket that reads nothing may hold up a tape that is paced by its readers."""
