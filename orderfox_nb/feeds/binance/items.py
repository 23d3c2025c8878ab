"""What waits in the inbox of a topic's stream beside the events themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from orderfox_nb.core.events import Event, MarketState
from orderfox_nb.errors import OrderFoxError


class Live(Struct, frozen=True):
    """The venue has acknowledged the subscription: from here on nothing is missed."""


class Lost(Struct, frozen=True):
    """The socket is gone; another one is being tried."""

    reason: str


class Malformed(Struct, frozen=True):
    """A frame that could not be read, of this stream or of one that cannot be told."""

    reason: str


class Overflowed(Struct, frozen=True):
    """The reader did not keep up and items were dropped."""

    lost: int


class Doubted(Struct, frozen=True):
    """What was delivered does not agree with the venue, or not with itself: rebuild it."""

    reason: str


class Frozen(Struct, frozen=True):
    """The stream is silent while its neighbours show that it should not be."""

    reason: str


class Silent(Struct, frozen=True):
    """Nothing comes on the whole socket, on which something comes each second."""

    reason: str


class Speaking(Struct, frozen=True):
    """The socket is no longer silent."""


class Restarted(Struct, frozen=True):
    """The venue restarted, as another stream of the symbol has shown, or whoever runs it."""

    reason: str


class Jumped(Struct, frozen=True):
    """The venue's clock has jumped."""

    reason: str


class Market(Struct, frozen=True):
    """Whether the symbol is traded, and why it is not."""

    state: MarketState = ""
    reason: str = ""


class Fetched(Struct, frozen=True):
    """The answer to a request."""

    request: str
    events: Sequence[Event]


class Failed(Struct, frozen=True):
    """A request that was not answered; it is tried again unless it is final."""

    request: str
    error: OrderFoxError
    final: bool


Notice: TypeAlias = (
    Live
    | Lost
    | Malformed
    | Overflowed
    | Doubted
    | Frozen
    | Silent
    | Speaking
    | Restarted
    | Jumped
    | Market
    | Fetched
    | Failed
)
Item: TypeAlias = Event | Notice
