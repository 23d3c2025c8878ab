"""Signed requests: the API key, the time window and the signature, checked as the venue does.

Any key of 1 to 64 letters, digits, ``-`` and ``_`` has an account. Its secret is the key followed by ``-secret``: key
``alice`` signs with ``alice-secret``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from orderfox_nb.core.numerals import whole_number
from orderfox_nb.sim.trading.account import TradingAccount
from orderfox_nb.sim.trading.venue import TradingVenue
from orderfox_nb.sim.venue_error import VenueError, missing

KEY_HEADER: Final = "X-MBX-APIKEY"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEFAULT_WINDOW_MS: Final = 5_000
_MAX_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1_000


class ClientRequest(msgspec.Struct, frozen=True):
    """A request of an account."""

    account: TradingAccount
    parameters: dict[str, str]
    """Parameters of query and body."""
    path: str


def secret_of(key: str) -> str:
    """Return the secret of an API key."""
    return f"{key}-secret"


def sign(secret: str, text: str) -> str:
    """Return the signature of a request: HMAC SHA256 over its query followed by its body."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class SignedRequests:
    """Reads the requests of accounts.

    Args:
        trading: The accounts.
        now_ms: The venue's time.
    """

    def __init__(self, trading: TradingVenue, now_ms: Callable[[], int]) -> None:
        self._trading = trading
        self._now_ms = now_ms

    async def read(self, request: web.Request, *, signed: bool = True) -> ClientRequest:
        """Read a request.

        Args:
            request: As received.
            signed: Whether it needs time and signature; those of ``listenKey`` need the API key alone.

        Raises:
            VenueError: No account (-2014, -2015), the wrong time (-1021) or a wrong signature (-1022).
        """
        key = request.headers.get(KEY_HEADER, "")
        if not _KEY.fullmatch(key):
            raise VenueError(-2014, "API-key format invalid.", status=401)
        # The raw text is what was signed; aiohttp's query has been decoded and encoded again.
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode(errors="replace")
        parameters: dict[str, str] = {}
        for name, value in (*parse_qsl(query, keep_blank_values=True), *parse_qsl(body, keep_blank_values=True)):
            if name in parameters:
                raise VenueError(-1101, f"Duplicate values for parameter '{name}' detected.")
            parameters[name] = value
        if signed:
            self._check_time(parameters)
            signature = parameters.get("signature", "")
            if not signature:
                raise missing("signature")
            expected = sign(secret_of(key), _unsigned(query) + _unsigned(body))
            if not hmac.compare_digest(expected.encode(), signature.encode()):
                raise VenueError(-1022, "Signature for this request is not valid.")
        return ClientRequest(self._trading.account(key), parameters, request.path)

    def _check_time(self, parameters: dict[str, str]) -> None:
        timestamp = whole_number(parameters.get("timestamp", ""))
        if timestamp is None:
            raise missing("timestamp")
        text = parameters.get("recvWindow", "")
        window_ms = whole_number(text) if text else _DEFAULT_WINDOW_MS
        if window_ms is None or window_ms <= 0:
            raise VenueError(-1130, "Data sent for parameter 'recvWindow' is not valid.")
        if window_ms > _MAX_WINDOW_MS:
            raise VenueError(-1131, "recvWindow must be less than 60000.")
        now_ms = self._now_ms()
        if timestamp >= now_ms + _AHEAD_MS:
            raise VenueError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - timestamp > window_ms:
            raise VenueError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _unsigned(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))
