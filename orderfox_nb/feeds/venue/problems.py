"""Explains why there is no data, in one sentence for a person who can act on it."""

from __future__ import annotations

from typing import Final

from orderfox_nb.errors import MalformedFrame, UnknownSymbol, VenueBlocked, VenueRefused, blocked_text
from orderfox_nb.feeds.transport import http_status

BLOCKED: Final = (403, 451)
"""HTTP statuses that mean that this location is not served, regardless of the request."""


class Problems:
    """Tracks the current problem of each route to a venue; suggests the embedded exchange but never switches to it.

    Args:
        venue: Its name.
        settings: Names of the settings with its addresses.
        ours: The venue is a process that OrderFox starts and restarts: users need not do anything.
    """

    def __init__(self, venue: str, *, settings: str = "", ours: bool = False) -> None:
        self._venue = venue
        self._check = f"the {settings} settings" if settings else "its address"
        self._ours = ours
        self._errors: dict[str, BaseException] = {}

    @property
    def text(self) -> str:
        """The problem to report, empty if there is none."""
        if not self._errors:
            return ""
        blocked = next((status for error in self._errors.values() if (status := _blocked(error))), 0)
        if blocked:
            return blocked_text(self._venue, blocked)
        reason = str(next(iter(self._errors.values()))).removeprefix(f"{self._venue}: ")
        if reason.startswith(f"{self._venue} "):
            # A sentence of its own, about this venue.
            return reason
        if isinstance(next(iter(self._errors.values())), MalformedFrame):
            return (
                f"{self._venue} sends data that cannot be used ({reason}); still trying. Check {self._check}, "
                "or use the embedded exchange: --source sim"
            )
        if self._ours:
            return (
                f"The exchange of this server does not answer ({reason}). If it has ended, it is being started again."
            )
        return (
            f"{self._venue} cannot be reached ({reason}); still trying. Check the network and {self._check}, "
            "or use the embedded exchange: --source sim"
        )

    def report(self, way: str, error: BaseException | None) -> None:
        """Record the outcome of an attempt: its error, or ``None`` if it succeeded."""
        if (
            error is None
            or isinstance(error, UnknownSymbol)
            or (isinstance(error, VenueRefused) and not isinstance(error, VenueBlocked) and error.status in (400, 404))
        ):
            self._errors.pop(way, None)
        else:
            self._errors[way] = error


def _blocked(error: BaseException) -> int:
    """Return the HTTP status with which a venue has blocked this place, 0 if it has not."""
    status = error.status if isinstance(error, VenueBlocked) else http_status(error)
    return status if status in BLOCKED else 0
