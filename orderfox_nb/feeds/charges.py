"""Charges the weight of a request to the client on whose behalf it is made.

The server sets the client around each answer, however many calls lie between the answer and the request. Requests that
the process makes for itself, such as those for streams shared by all readers, are charged to no client.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Charge: TypeAlias = Callable[[int], None]
"""Takes request weight from a client; raises ``ClientLimited`` where it has none left."""

_charge: ContextVar[Charge | None] = ContextVar("charge", default=None)


@contextmanager
def charging(charge: Charge | None) -> Generator[None]:
    """Charge requests made within this context; with ``None`` no client is charged."""
    token = _charge.set(charge)
    try:
        yield
    finally:
        _charge.reset(token)


def charge(weight: int) -> None:
    """Charge the weight of a request to the current client.

    Raises:
        ClientLimited: The client has used up its recent allowance.
    """
    if (charged := _charge.get()) is not None:
        charged(weight)
