"""The form of every state over events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from orderfox_nb.core.events import Event

ViewT_co = TypeVar("ViewT_co", covariant=True)


class Fold(Protocol[ViewT_co]):
    """Synchronous state over the events of one topic: no I/O, no clock, no logging.

    ``prelude()`` returns the events that rebuild the state: a new fold of the same parameters that applies them is
    equal within the kept window. It is what a late reader, a reconnect and a recording start from.
    """

    def apply(self, event: Event) -> None:
        """Apply the next event of the topic.

        Raises:
            EventError: An event of another symbol, or one that cannot follow the last.
        """
        ...

    def view(self) -> ViewT_co:
        """Return the state as readers want it; what is returned never changes afterwards."""
        ...

    def prelude(self) -> Sequence[Event]:
        """Return the events that rebuild this state."""
        ...

    def digest(self) -> str:
        """Return a hash over the integers of the state (ticks, lots, ids, times)."""
        ...
