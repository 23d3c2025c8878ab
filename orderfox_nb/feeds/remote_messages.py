"""The messages of a server's live session that another OrderFox process reads; docs/live.md has all of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from orderfox_nb.core.events import Event
from orderfox_nb.core.numerals import TimeMs


class RemoteHello(Struct, frozen=True, tag_field="type", tag="hello"):
    """The venues of the server; the first message."""

    wire: int
    venue: str
    time: TimeMs
    origin: dict[str, Any] = {}
    origins: dict[str, dict[str, Any]] = {}
    times: dict[str, TimeMs] = {}


class RemoteEvent(Struct, frozen=True, tag_field="type", tag="event"):
    """An event of a subscribed topic."""

    key: str
    event: Event


class RemoteGone(Struct, frozen=True, tag_field="type", tag="gone"):
    """No more comes of a key."""

    key: str
    message: str = ""


class RemoteError(Struct, frozen=True, tag_field="type", tag="error"):
    """A message that was refused, of a key or of none."""

    message: str = ""
    key: str = ""


class RemoteStatus(Struct, frozen=True, tag_field="type", tag="status"):
    """Something has changed at the source of a venue."""

    venue: str = ""
    origin: dict[str, Any] = {}


class PlayheadReport(Struct, frozen=True, tag_field="type", tag="playhead"):
    """Position of this socket's playhead, in milliseconds."""

    time: TimeMs | None
    start: TimeMs
    end: TimeMs
    speed: float | str
    playing: bool


class RemotePong(Struct, frozen=True, tag_field="type", tag="pong"):
    """Everything sent before the ping was handled."""


RemoteMessage: TypeAlias = (
    RemoteHello | RemoteEvent | RemoteGone | RemoteError | RemoteStatus | PlayheadReport | RemotePong
)
message_decoder = msgspec.json.Decoder(RemoteMessage)


class RemoteKind(Struct, frozen=True):
    """The part of a message that identifies its type."""

    type: str


kind_decoder = msgspec.json.Decoder(RemoteKind)
