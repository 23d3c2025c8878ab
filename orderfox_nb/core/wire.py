"""Messages of the live session, between a page and the sender of its frames: the server's socket or a kernel's comm.

docs/live.md explains them. These structs are their schema: a session decodes a page's messages with them, and
encodes its answers. The columns of a ``frame`` follow its head and depend on its stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from orderfox_nb.core.events import Event
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.quality import QualityView

WIRE: Final = 2
"""Version of the messages; a page of another version asks to be reloaded."""
MAX_KEYS: Final = 64
"""Keys of a page."""
MAX_KEY_LENGTH: Final = 300
MAX_REQUESTS: Final = 4
"""Requests of a page that are answered at the same time; a further one waits."""
MAX_BARS: Final = 1500
MAX_VOLUME_DAYS: Final[Mapping[str, int]] = {"1m": 1, "5m": 3, "15m": 7, "30m": 14, "1h": 30, "4h": 90, "1d": 365}
"""Timeframes of the public liquidation volume, and the longest range of a request."""
MAX_NAMES: Final = 20
"""Symbols that a page may ask about at once."""

MAX_SPEED: Final = 300.0
"""Largest speed of a playhead, times real time."""
MAX_STEP: Final = 1000
"""Events that a playhead steps at once."""

_Id: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
_TimeMs: TypeAlias = Annotated[int, Meta(ge=0, le=253_402_300_799_000)]
Speed: TypeAlias = Annotated[float, Meta(gt=0, le=MAX_SPEED)] | Literal["max"]
"""Speed of a playhead, times real time; ``max`` plays as fast as the recording is read."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message of either side, identified by ``type``."""


# From the page.


class HelloRequest(_Message, frozen=True, tag="hello"):
    """Begin again: every subscription ends, and a ``hello`` answers. A socket sends that unasked when it opens."""


class Ping(_Message, frozen=True, tag="ping"):
    """Answered by ``pong``."""


class Subscribe(_Message, frozen=True, tag="subscribe"):
    """Send the frames of a key, a full one first."""

    key: str


class Unsubscribe(_Message, frozen=True, tag="unsubscribe"):
    """Send no more of a key."""

    key: str


class Resume(_Message, frozen=True, tag="resume"):
    """Send a full frame of a key again: the page could not apply a delta."""

    key: str


class Request(_Message, frozen=True, tag="request"):
    """Ask once; the parameters of ``what`` stand beside these fields."""

    id: _Id
    what: str = ""
    venue: str | UnsetType = UNSET
    """The first one where it is not given."""


class CandlesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the request ``candles``: bars that open at or before ``end``."""

    symbol: str
    interval: str
    limit: Annotated[int, Meta(ge=1)] = 500
    """Above ``MAX_BARS`` it is lowered to it."""
    end: _TimeMs | None = None
    """Milliseconds; now where it is not given."""


class StripRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the request ``strip``: the recorded minutes of a symbol that begin in a range."""

    symbol: str
    start: _TimeMs | None = None
    """Milliseconds; everything where it is not given."""
    end: _TimeMs | None = None


class SymbolsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Parameters of the request ``symbols``: which symbols texts mean."""

    symbols: Annotated[list[str], Meta(max_length=MAX_NAMES)]


class NamedSymbol(msgspec.Struct, frozen=True, kw_only=True):
    """The symbol of a text, in the answer to the request ``symbols``."""

    asked: str
    symbol: str | None
    """None if the text matches no symbol; ``message`` says why."""
    name: str | UnsetType = UNSET
    tick_size: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    suggestions: Sequence[str] | UnsetType = UNSET
    largest: str | UnsetType = UNSET
    """The venue's largest symbol."""


class RewindRequest(_Message, frozen=True, tag="rewind"):
    """Show the page a recorded time of a venue, or change the playhead that it has; fields not given stay."""

    time: _TimeMs | UnsetType = UNSET
    """Milliseconds of the venue's clock; ten minutes ago where a page that is live gives none."""
    speed: Speed | UnsetType = UNSET
    playing: bool | UnsetType = UNSET
    venue: str | UnsetType = UNSET
    """The first one where it is not given."""


class StepRequest(_Message, frozen=True, tag="step"):
    """Pause the playhead and move it by events of the topics that the page reads."""

    by: Annotated[int, Meta(ge=-MAX_STEP, le=MAX_STEP)]


class SkipRequest(_Message, frozen=True, tag="skip"):
    """Move the playhead to the next large trade, liquidation or gap of the symbols that the page reads."""

    to: Literal["trade", "liquidation", "gap"]
    back: bool = False
    """Whether to move to the previous one."""


class LiveRequest(_Message, frozen=True, tag="live"):
    """Show the page the live market again."""


PlayheadRequest: TypeAlias = RewindRequest | StepRequest | SkipRequest | LiveRequest
PageMessage: TypeAlias = HelloRequest | Ping | Subscribe | Unsubscribe | Resume | Request | PlayheadRequest


# To the page.


class HelloMessage(_Message, frozen=True, tag="hello"):
    """Identifies the sender; the first message."""

    wire: int
    version: str
    venue: str
    """The default of requests that name no venue."""
    origin: Origin
    """Origin of that venue."""
    origins: dict[str, Origin]
    """Origins of every venue by its name in keys."""
    time: int
    """That venue's time in milliseconds."""
    times: dict[str, int]
    """The time of every venue."""
    live_trading: bool = False
    """Whether bots of this server may send real orders."""


class FrameMessage(_Message, frozen=True, tag="frame"):
    """The head of a frame; the columns of its stream stand beside it."""

    key: str
    sequence: int
    base: int | None
    """The sequence that a delta applies to; None for a full frame."""
    time: int
    quality: QualityView


class EventMessage(_Message, frozen=True, tag="event"):
    """One event of an ``events`` key."""

    key: str
    sequence: int
    event: Event


class ResponseMessage(_Message, frozen=True, tag="response"):
    """The answer to a request."""

    id: int
    data: msgspec.Raw


class ErrorMessage(_Message, frozen=True, tag="error"):
    """Why a message of the page was refused; the session continues."""

    message: str
    key: str | UnsetType = UNSET
    id: int | UnsetType = UNSET


class GoneMessage(_Message, frozen=True, tag="gone"):
    """A key that sends no more."""

    key: str
    message: str


class StatusMessage(_Message, frozen=True, tag="status"):
    """A venue's source changed its state or its run."""

    state: str
    message: str
    venue: str
    origin: Origin


class PlayheadMessage(_Message, frozen=True, tag="playhead"):
    """Time of the page: after each message about its playhead, and once a second while it has one.

    Times are milliseconds of the venue's clock.
    """

    time: int | None
    """None: the page is live."""
    start: int
    """From when on it can be played."""
    end: int
    """Up to when."""
    speed: float | Literal["max"]
    playing: bool
    live: int
    """The live time."""
    moved: bool = False
    """Whether somebody else has moved it since the last of these messages: what the page holds is of another time."""
    shared: bool = False
    """Whether it is that of a market that a notebook has rewound: all its venues are in the past, and stay there."""
    answered: int = 0
    """How many messages of the page about its playhead were handled since the ``hello``, refused ones included."""


class Heartbeat(_Message, frozen=True, tag="heartbeat"):
    """Sent after a while without messages."""


class Pong(_Message, frozen=True, tag="pong"):
    """The answer to a ping."""


ServerMessage: TypeAlias = (
    HelloMessage
    | FrameMessage
    | EventMessage
    | ResponseMessage
    | ErrorMessage
    | GoneMessage
    | StatusMessage
    | PlayheadMessage
    | Heartbeat
    | Pong
)
