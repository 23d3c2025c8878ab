"""How far the data of a topic can be trusted, and when it could not."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final, Literal, TypeAlias

import msgspec

from orderfox_nb.core.events import (
    BookSnapshot,
    Channel,
    Event,
    Gap,
    Liquidation,
    LiquidationVolume,
    OpenInterest,
    Status,
)
from orderfox_nb.core.timeframes import SECOND_US

Coverage: TypeAlias = Literal["complete", "sampled"]
History: TypeAlias = Literal["none", "complete", "missing"]

STALE_AFTER_S: Final[dict[Channel, float | None]] = {
    "book": 10,  # a diff each 100 ms while anything changes
    "trades": 120,  # a small symbol trades less than once a minute at night
    "candles": 120,  # klines are sent when there are trades
    "liquidations": None,  # silence is the normal state
    "mark": 10,  # each second
    "ticker": 60,
    "open_interest": 180,  # asked for, not pushed
}
"""How long a channel may be silent before its data is called stale, in seconds; None: for ever."""

_SKEW_US: Final = 2 * SECOND_US
_LAPSES: Final = 100


class QualityState(Enum):
    """State of a topic; the value is the name on the wire."""

    SYNCING = "syncing"
    LIVE = "live"
    STALE = "stale"
    GAP = "gap"
    SKEWED = "skewed"
    DOWN = "down"


class Lapse(msgspec.Struct, frozen=True):
    """A time in which the topic was not live."""

    state: str
    start_us: int
    end_us: int
    reason: str


class QualityView(msgspec.Struct, frozen=True):
    """The quality object of every message."""

    state: str
    coverage: Coverage
    since: int
    """When the state began, milliseconds."""


class Quality:
    """State machine of one topic, by what its stream says and by its silence.

    ``SKEWED`` is a jump of the venue's clock against the one in force: an event from the future, or one well before
    its predecessor. A constant offset is none.

    Args:
        channel: Decides how long silence is normal.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel: Channel = channel
        self.state = QualityState.SYNCING
        self.coverage: Coverage = "sampled" if channel == "liquidations" else "complete"
        self.history: History = "none"
        self.since_us = 0
        self.reason = ""
        self.lapses: deque[Lapse] = deque(maxlen=_LAPSES)
        self._silent_us = STALE_AFTER_S[channel]
        self._heard = False
        self._heard_us = 0
        self._newest_us = 0

    def apply(self, event: Event) -> None:
        """Take an event of the topic."""
        if type(event) is Status:
            self._status(event)
        elif type(event) is Gap:
            self._enter(QualityState.GAP, event.time_us, event.reason)
        else:
            self._data(event)

    def _status(self, status: Status) -> None:
        self.coverage = status.coverage
        self.history = status.history
        if status.state == "down":
            self._enter(QualityState.DOWN, status.time_us, status.reason)
        elif status.state == "stale":
            self._enter(QualityState.STALE, status.time_us, status.reason)
        elif status.state == "connecting":
            # A connection that is being mended is still down for whoever looks at it.
            if self.state is not QualityState.DOWN:
                self._enter(QualityState.SYNCING, status.time_us, status.reason)
        elif self.channel == "book" and self.state is not QualityState.LIVE:
            # A book is live again only with a new snapshot, which may have come before this status.
            if self.state in {QualityState.STALE, QualityState.SKEWED}:
                self._enter(QualityState.LIVE, status.time_us, "")
            else:
                self._enter(QualityState.SYNCING, status.time_us, status.reason)
        else:
            self._enter(QualityState.LIVE, status.time_us, "")
        self._heard = True

    def _data(self, event: Event) -> None:
        # What a venue is asked for carries no receipt: a past trade says nothing of the stream, these two do.
        live = event.received_us > 0 or type(event) is BookSnapshot or type(event) is OpenInterest
        if not live and self.state is not QualityState.SYNCING:
            return
        if type(event) is Liquidation or type(event) is LiquidationVolume:
            # Sent about a second late, and in no strict order: no measure of the clock.
            pass
        elif event.received_us and event.time_us < self._newest_us - _SKEW_US:
            self._newest_us = event.time_us
            self._enter(QualityState.SKEWED, event.time_us, "the venue's clock jumped back")
            return
        else:
            self._newest_us = max(self._newest_us, event.time_us)
        self._heard = True
        if self.state is QualityState.LIVE or self.state is QualityState.SKEWED:
            return
        if self.channel == "book" and self.state is not QualityState.STALE and type(event) is not BookSnapshot:
            return
        self._enter(QualityState.LIVE, event.time_us, "")

    def advance(self, now_us: int) -> None:
        """Let time pass up to now, by the venue's clock."""
        if self._heard or not self._heard_us or now_us < self._heard_us:
            self._heard = False
            self._heard_us = now_us
        if self._newest_us > now_us + _SKEW_US:
            self._newest_us = 0
            self._enter(QualityState.SKEWED, now_us, "the venue's clock jumped ahead")
        elif self.state is QualityState.SKEWED and self._newest_us and now_us - self.since_us > _SKEW_US:
            self._enter(QualityState.LIVE, now_us, "")
        limit_s = self._silent_us
        if self.state is QualityState.LIVE and limit_s is not None:
            silent_s = (now_us - self._heard_us) / SECOND_US
            if silent_s > limit_s:
                self._enter(QualityState.STALE, now_us, f"no message for {silent_s:.0f} s")

    def _enter(self, state: QualityState, time_us: int, reason: str) -> None:
        if state is self.state:
            if reason:
                self.reason = reason
            return
        if self.state is not QualityState.LIVE and self.since_us:
            self.lapses.append(Lapse(self.state.value, self.since_us, max(time_us, self.since_us), self.reason))
        self.state = state
        self.since_us = time_us
        self.reason = reason

    def wire(self) -> QualityView:
        """Return the quality as messages carry it."""
        return QualityView(self.state.value, self.coverage, self.since_us // 1000)
