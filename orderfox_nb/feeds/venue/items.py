"""Items in the inbox of a topic's stream other than events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias, TypeGuard, get_args

from msgspec import Struct

from orderfox_nb.core.events import Event, MarketState
from orderfox_nb.errors import OrderFoxError


class Live(Struct, frozen=True):
    """The venue has acknowledged the subscription: from here on no event is missed."""

    fresh: bool = True
    """Whether that was just now: what a stream opens with is still to come."""


class Lost(Struct, frozen=True):
    """The socket is gone, and another one is being tried; or the venue has refused the subscription."""

    reason: str
    refused: bool = False
    silent_us: int = 0
    """How long nothing had come on the socket before."""


class Renewed(Struct, frozen=True):
    """A stream that others read too was subscribed to once more for one of them: what it sent meanwhile is lost."""

    reason: str


class Malformed(Struct, frozen=True):
    """A frame that could not be read, of this stream or of an unidentifiable one."""

    reason: str


class Overflowed(Struct, frozen=True):
    """The reader did not keep up and items were dropped."""

    lost: int


class Inconsistent(Struct, frozen=True):
    """The delivered state contradicts the venue or itself: rebuild it."""

    reason: str


class Frozen(Struct, frozen=True):
    """The stream is silent while its neighbours show that it should not be."""

    reason: str


class Silent(Struct, frozen=True):
    """The whole socket is silent, although it has a stream that sends each second."""

    reason: str
    silent_us: int = 0
    """Since how long."""


class Resumed(Struct, frozen=True):
    """The socket is no longer silent."""


class Restarted(Struct, frozen=True):
    """The venue restarted, as reported by another stream of the symbol or by the process that runs the venue."""

    reason: str


class Jumped(Struct, frozen=True):
    """The venue's clock has jumped."""

    reason: str


class MarketChange(Struct, frozen=True):
    """Whether the symbol is traded, with the reason if it is not."""

    state: MarketState = ""
    reason: str = ""


class Fetched(Struct, frozen=True):
    """The answer to a request."""

    request: str
    events: Sequence[Event]


class Failed(Struct, frozen=True):
    """A request that failed; it is retried unless the failure is final."""

    request: str
    error: OrderFoxError
    final: bool


Notice: TypeAlias = (
    Live
    | Lost
    | Renewed
    | Malformed
    | Overflowed
    | Inconsistent
    | Frozen
    | Silent
    | Resumed
    | Restarted
    | Jumped
    | MarketChange
    | Fetched
    | Failed
)
Item: TypeAlias = Event | Notice

_NOTICES: Final = frozenset(get_args(Notice))


def is_event(item: Item) -> TypeGuard[Event]:
    """Return whether an item is an event that a socket brought, and no notice."""
    return type(item) not in _NOTICES
