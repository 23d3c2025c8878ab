"""The names by which a server may be addressed.

A page of another site can give its own name this machine's address (DNS rebinding). To the browser that page and this
server are then one origin, and only the ``Host`` header still shows which name was used.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher

from orderfox_nb.server.handlers.base import MarketHandler, RequestRefused

if TYPE_CHECKING:
    from orderfox_nb.config import Settings

_log = logging.getLogger(__name__)

_MAX_NOTED: Final = 100


class ServedHosts:
    """The names of a server: whatever is an address or ``localhost``, and those that are listed.

    Args:
        names: Listed ones; ``*`` for any.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {name.lower().rstrip(".") for name in names}
        self._noted: set[str] = set()

    def serves(self, host: str) -> bool:
        """Return whether a ``Host`` header, with or without a port, names this server."""
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".") if _is_host(host) else ""
        if not name:
            return False
        if "*" in self._names or name in self._names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            # No name leads here: the browser was given the address itself.
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def note(self, host: str) -> None:
        """Log, once a name, that it is refused."""
        if host not in self._noted and len(self._noted) < _MAX_NOTED:
            self._noted.add(host)
            _log.warning("host=%.200s refused: ORDERFOX_HOSTS must list it if this server is meant", host)


class OtherHost(Matcher):
    """Matches requests that name another server."""

    def __init__(self, hosts: ServedHosts) -> None:
        self._hosts = hosts

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        if self._hosts.serves(request.host):
            return None
        self._hosts.note(request.host)
        return {}


class Misdirected(MarketHandler):
    """Refuses a request that names another server."""

    route = "other host"

    async def prepare(self) -> None:  # type: ignore[override]
        raise RequestRefused(
            421, f"This server does not accept the host {self.request.host[:100]}: ORDERFOX_HOSTS must list it"
        )


def served_names(settings: Settings, bound: str) -> set[str]:
    """Return the names that a server is known to have.

    Args:
        settings: With the listed ones, and the origins whose pages may use it.
        bound: What it listens on.
    """
    machine = socket.gethostname()
    origins = {urlsplit(origin).hostname or origin for origin in settings.origins}
    return {bound, machine, f"{machine}.local", *origins, *settings.host_names} - {""}


def _is_host(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").netloc == host and urlsplit(f"//{host}").username is None
    except ValueError:
        return False
