"""Identifies clients: an address, an IPv6 network, or an address forwarded by a trusted proxy."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import Any, Final

from tornado import httputil

from orderfox_nb.config import Network
from orderfox_nb.core.numerals import whole_number

_log = logging.getLogger(__name__)

_SITE_BITS: Final = 64
"""One site of IPv6 has a network of this length at least, and picks its addresses in it freely."""
_ADDRESSES: Final = 1024
"""They are asked about for each frame that is sent."""


@lru_cache(maxsize=_ADDRESSES)
def client_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    ip = _parsed(address)
    if ip is None or isinstance(ip, ipaddress.IPv4Address):
        return address if ip is None else str(ip)
    return str(ip) if ip.is_loopback else str(ipaddress.ip_network((int(ip), _SITE_BITS), strict=False))


@lru_cache(maxsize=_ADDRESSES)
def is_loopback(address: str) -> bool:
    """Return whether an address is of this machine itself; a Unix socket has none and is."""
    ip = _parsed(address)
    return ip is None or ip.is_loopback


UNREADABLE: Final = "0.0.0.0"  # noqa: S104  (never listened on: it is a key, not an address)
"""Stands for clients whose proxy forwards no readable address: all of them are one client."""


class TrustedProxies:
    """Reads the client's address from the headers of listed proxies.

    Args:
        networks: Addresses of the proxies.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._noted = False

    def trusts(self, address: str) -> bool:
        """Return whether an address is one of the proxies'."""
        ip = _parsed(address)
        return ip is not None and any(ip in network for network in self._networks)

    def client(self, peer: str, forwarded: str) -> str:
        """Return the address that a request came from.

        Each proxy appends its peer, and a client may forge the entries before: so this is the last address that is not
        a trusted proxy.

        Args:
            peer: The other end of the connection.
            forwarded: The header ``X-Forwarded-For``, empty if there is none.
        """
        address = peer
        for text in reversed(forwarded.split(",")):
            if not self.trusts(address):
                break
            ip = _parsed(_without_port(text.strip()))
            if ip is None:
                return UNREADABLE if forwarded.strip() else address
            address = str(ip)
        return address

    def note_unused(self, peer: str) -> None:
        """Log once that a proxy which is not listed forwards addresses: its users count as one client."""
        if not self._noted and is_loopback(peer):
            self._noted = True
            _log.warning(
                "proxy=%s X-Forwarded-For is not used, so that all of its users count as one client: "
                "ORDERFOX_TRUSTED_PROXIES must list the proxy",
                peer,
            )


class ForwardedRequest(httputil.HTTPMessageDelegate):
    """Gives a request the address, the scheme and the host that a trusted proxy forwards.

    Args:
        delegate: Reads the request on.
        context: Context of the connection: tornado makes the request's address and scheme from it.
        proxies: The trusted ones.
    """

    def __init__(self, delegate: httputil.HTTPMessageDelegate, context: Any, proxies: TrustedProxies) -> None:
        self._delegate = delegate
        self._context = context
        self._proxies = proxies
        self._own = context.remote_ip, context.protocol

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        peer, forwarded = self._own[0], headers.get("X-Forwarded-For", "")
        if self._proxies.trusts(peer):
            self._context.remote_ip = self._proxies.client(peer, forwarded)
            if (scheme := _last(headers.get("X-Forwarded-Proto", ""))) in ("http", "https"):
                self._context.protocol = scheme
            if host := _last(headers.get("X-Forwarded-Host", "")):
                headers["Host"] = host
        elif forwarded:
            self._proxies.note_unused(peer)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()
        self._reset()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
        self._reset()

    def _reset(self) -> None:
        # The next request of the connection may come from another client.
        self._context.remote_ip, self._context.protocol = self._own


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, _, port = text.rpartition(":")
    return host if whole_number(port) is not None and ":" not in host and host else text


def _last(text: str) -> str:
    return text.rpartition(",")[2].strip()
