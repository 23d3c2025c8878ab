"""On whose behalf a question is asked: what it costs the venue's budget is charged to whoever asks it.

A server says so around an answer, however many calls lie between it and the request. What the process needs for itself,
such as the streams of all readers, is asked on nobody's behalf.
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
def asking_for(charge: Charge | None) -> Generator[None]:
    """Charge what is asked while this is open; nobody pays with ``None``."""
    token = _charge.set(charge)
    try:
        yield
    finally:
        _charge.reset(token)


def charge(weight: int) -> None:
    """Take the weight of a question from whoever asks it.

    Raises:
        ClientLimited: They have asked for too much lately.
    """
    if (charged := _charge.get()) is not None:
        charged(weight)
