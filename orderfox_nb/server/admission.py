# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Which requests reach a route at all: those of a client that sends no flood.

A request that a route refuses costs as much as a small answer. So a client that goes on regardless, or sends hundreds
of requests at once without waiting for answers, is refused before any route is looked up, and its connection ends.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from tornado import httputil
from tornado.http1connection import HTTP1Connection

from orderfox_nb.server.connections import OccasionalLog

if TYPE_CHECKING:
    from orderfox_nb.server.limits import ClientRate

_AUTHORIZATION: Final = re.compile(r"(?:token|bearer)\s+(\S+)", re.IGNORECASE)


def holds_token(headers: httputil.HTTPHeaders, token: str) -> bool:
    """Return whether a request carries the server's token."""
    match = _AUTHORIZATION.fullmatch(headers.get("Authorization", "").strip())
    return match is not None and hmac.compare_digest(match[1].encode(), token.encode())


class Admission:
    """Decides about requests by their head.

    Args:
        rate: Requests of a client, of any kind.
        token: Who holds it has no limit.
    """

    def __init__(self, rate: ClientRate, token: str) -> None:
        self._rate = rate
        self._token = token
        self._log = OccasionalLog()

    def wait_s(self, client: str, headers: httputil.HTTPHeaders) -> float:
        """Count a request; returns 0, or in how many seconds it may be sent."""
        wait_s = self._rate.wait_s(client)
        if wait_s and holds_token(headers, self._token):
            return 0.0
        if wait_s:
            self._log.warn("client=%s sends more requests than one may (ORDERFOX_MAX_CLIENT_REQUESTS)", client)
        return wait_s


class AdmittedRequest(httputil.HTTPMessageDelegate):
    """Answers a request of a flood with 429; any other one goes on.

    Args:
        delegate: Reads the request on.
        connection: Where the answer goes; it ends afterwards, with what else waits on it.
        context: Of the connection: it names the client.
        admission: Decides.
    """

    def __init__(
        self, delegate: httputil.HTTPMessageDelegate, connection: HTTP1Connection, context: Any, admission: Admission
    ) -> None:
        self._delegate = delegate
        self._connection = connection
        self._context = context
        self._admission = admission
        self._refused = False

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        if wait_s := self._admission.wait_s(str(self._context.remote_ip), headers):
            self._refused = True
            self._refuse(wait_s)
            return None
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return None if self._refused else self._delegate.data_received(chunk)

    def finish(self) -> None:
        if not self._refused:
            self._delegate.finish()

    def on_connection_close(self) -> None:
        if not self._refused:
            self._delegate.on_connection_close()

    def _refuse(self, wait_s: float) -> None:
        body = msgspec.json.encode({"detail": "Too many requests: wait a little", "status_code": 429})
        headers = httputil.HTTPHeaders(
            {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "Cache-Control": "no-store",
                "Connection": "close",
                "Retry-After": str(max(1, math.ceil(wait_s))),
            }
        )
        self._connection.write_headers(httputil.ResponseStartLine("HTTP/1.1", 429, "Too Many Requests"), headers, body)
        # Before its body was read: tornado closes the connection.
        self._connection.finish()
