# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""Refuses floods of requests before a route is looked up.

Refusing a request in its route costs as much as a small answer. A client that ignores refusals, or pipelines hundreds
of requests, is therefore answered here with 429, and its connection is closed.
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
    """Decides by its headers whether a request may reach a route.

    Args:
        rate: Limits the requests of a client, of any kind.
        token: A request that carries it is not limited.
    """

    def __init__(self, rate: ClientRate, token: str) -> None:
        self._rate = rate
        self._token = token
        self._log = OccasionalLog()

    def wait_s(self, client: str, headers: httputil.HTTPHeaders) -> float:
        """Count a request; returns 0, or the seconds until the client may send one."""
        wait_s = self._rate.wait_s(client)
        if wait_s and holds_token(headers, self._token):
            return 0.0
        if wait_s:
            self._log.warn("client=%s sends more requests than one may (ORDERFOX_MAX_CLIENT_REQUESTS)", client)
        return wait_s


class AdmittedRequest(httputil.HTTPMessageDelegate):
    """Answers a refused request with 429, and passes on every other one.

    Args:
        delegate: Handles an admitted request.
        connection: Carries the 429, and is closed after it.
        context: Context of the connection; it has the client's address.
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
        # The request's body has not been read, so tornado closes the connection.
        self._connection.finish()
