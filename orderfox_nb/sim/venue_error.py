"""The error by which the venue refuses a request."""

from __future__ import annotations


class VenueError(Exception):
    """An error with the venue's own code and text."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


def missing(name: str) -> VenueError:
    """Return the error for a parameter that is not given."""
    return VenueError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
