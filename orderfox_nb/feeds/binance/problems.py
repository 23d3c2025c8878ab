"""Why there is no data, as one sentence for a person who can do something about it."""

from __future__ import annotations

from orderfox_nb.errors import UnknownSymbol, VenueBlocked, VenueRefused
from orderfox_nb.feeds.transport import http_status


class Problems:
    """Keeps the present trouble of each way to a venue; the embedded exchange is offered, never taken.

    Args:
        venue: Its name.
        ours: It is a process of ours, which is started again: there is nothing for anybody to do.
    """

    def __init__(self, venue: str, *, ours: bool = False) -> None:
        self._venue = venue
        self._ours = ours
        self._errors: dict[str, BaseException] = {}

    @property
    def text(self) -> str:
        """What to tell, empty when all is well."""
        if not self._errors:
            return ""
        error = next((error for error in self._errors.values() if _blocked(error)), None)
        if error is not None:
            return (
                f"{self._venue} does not serve this location (HTTP 451). "
                "Use another venue, or the embedded exchange: --source sim"
            )
        reason = str(next(iter(self._errors.values()))).removeprefix(f"{self._venue}: ")
        if self._ours:
            return (
                f"The exchange of this server does not answer ({reason}). If it has ended, it is being started again."
            )
        return (
            f"{self._venue} cannot be reached ({reason}); still trying. Check the network and the BINANCE_*_BASE_URL "
            "settings, or use the embedded exchange: --source sim"
        )

    def report(self, way: str, error: BaseException | None) -> None:
        """Take the outcome of an attempt: its error, or ``None`` where it went well."""
        if (
            error is None
            or isinstance(error, UnknownSymbol)
            or (isinstance(error, VenueRefused) and not isinstance(error, VenueBlocked) and error.status in (400, 404))
        ):
            self._errors.pop(way, None)
        else:
            self._errors[way] = error


def _blocked(error: BaseException) -> bool:
    return isinstance(error, VenueBlocked) or http_status(error) == 451
