"""Quality of a topic's data: its state now, and the intervals in which it could not be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import (
    Channel,
    Coverage,
    Event,
    Gap,
    MarketState,
    Status,
)
from orderfox_nb.core.lapses import Lapse, LapseLog
from orderfox_nb.core.lateness import Lateness
from orderfox_nb.core.timeframes import SECOND_US

History: TypeAlias = Literal["none", "complete", "missing"]

_SKEW_US: Final = 2 * SECOND_US


class QualityState(Enum):
    """State of a topic; the value is the name on the wire."""

    SYNCING = "syncing"
    LIVE = "live"
    STALE = "stale"
    GAP = "gap"
    SKEWED = "skewed"
    DOWN = "down"


StateName: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"enum": [state.value for state in QualityState]})]
"""The value of a ``QualityState``."""


class QualityView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Quality of the data of a message."""

    state: StateName
    coverage: Coverage
    since: int
    """When the state began, milliseconds."""
    session: Literal["", "closed"] = ""
    """``closed``: the session of its market is closed, so no events are expected; otherwise left out."""
    status: str = ""
    """Why a symbol is not traded, as a sentence: halted or delisted; otherwise left out."""


class QualityTracker:
    """State machine of one topic, driven by its events and by its silence.

    ``SKEWED`` is a jump of the venue's clock against the one in force: an event from the future, or one well before
    its predecessor. A constant offset is not a jump.

    A topic whose events arrive late is ``STALE`` too: later, by the venue's clock, than the earliest of them did. A
    constant delay cannot be distinguished from a constant offset of two clocks, and does not count.

    Only a ``Status`` of ``live``, which comes after the prelude, makes a topic live for the first time, and again after
    its connection was lost or its venue restarted: until then data is part of a prelude that may not be whole.

    Args:
        channel: Its row says how long silence is normal.
        lapses: Log of lapses; that of an earlier time of the same topic is continued.
        recorded: Ignore silence: a recording has pauses, and may lack channels.
        opened_us: When the topic was opened: since when it is syncing for the first time.
    """

    def __init__(
        self, channel: Channel, *, lapses: LapseLog | None = None, recorded: bool = False, opened_us: int = 0
    ) -> None:
        self.channel: Channel = channel
        self._spec = spec = channel_spec(channel)
        self._opened_us = opened_us
        self.state = QualityState.SYNCING
        self.coverage: Coverage = spec.coverage
        self.history: History = "none"
        self.since_us = 0
        self.reason = ""
        self.market: MarketState = ""
        self.lost = -1
        """Events missed in the present state, -1 where it cannot be known."""
        self.lapses = LapseLog() if lapses is None else lapses
        """Lapses that have ended; ``intervals`` has the present one as well."""
        self._recorded = recorded
        self._silent_s = None if recorded else spec.silence_s
        self._connected = False
        """Whether the last status of the connection was ``live``, so that a prelude is over."""
        self._has_snapshot = False
        """Where the channel has snapshots: whether one came since the last loss."""
        self._heard = False
        self._heard_us = 0
        self._heard_local_us = 0
        self._skewed_local_us = 0
        self._newest_us = 0
        self._lead_us: int | None = None
        self._lateness = None if recorded or spec.sparse or spec.polled else Lateness()
        self._late = False
        """Whether it is stale because its events arrive late: more of them do not change that."""

    @property
    def silence_s(self) -> float | None:
        """How long its silence is normal at its venue; None: forever."""
        return self._silent_s

    def apply(self, event: Event) -> None:
        """Apply an event of the topic."""
        if type(event) is Status:
            self._status(event)
        elif type(event) is Gap:
            self._gap(event)
        else:
            self._data(event)

    def apply_all(self, events: Sequence[Event], times_us: NDArray[np.int64]) -> None:
        """Apply data events, none of them a ``Status`` or ``Gap``, as ``apply`` does one after the other.

        Args:
            events: In order.
            times_us: Time of each event, by the exchange.
        """
        if len(events) > 2 and self.state is QualityState.LIVE and self._lateness is None:
            newest_us = np.maximum(np.maximum.accumulate(times_us), self._newest_us)
            newest = events[int(times_us.argmax())]
            # If no time jumps back, only the newest one has an effect.
            if newest.received_us and bool((times_us >= newest_us - _SKEW_US).all()):
                events = [newest]
        for event in events:
            self._data(event)

    def intervals(self) -> list[Lapse]:
        """Return every lapse that is kept, oldest first; the one that lasts has an end of 0."""
        lapses = list(self.lapses)
        if self._lapsed():
            lapses.append(Lapse(self.state.value, self.since_us, 0, self.reason, self.lost))
        return lapses

    def _status(self, status: Status) -> None:
        self.coverage = status.coverage
        self.history = status.history
        self.market = status.market
        if status.silence_s is not None and not self._recorded:
            self._silent_s = status.silence_s
        if status.state in {"live", "down", "connecting"}:
            self._connected = status.state == "live"
        match status.state:
            case "down":
                self._has_snapshot = False
                self._enter(QualityState.DOWN, status.time_us, status.reason)
            case "stale":
                self._enter(QualityState.STALE, status.time_us, status.reason, since_us=self._good_us(status.time_us))
            case "gap":
                self._record_gap(status.time_us, status.reason, status.lost)
            case "skewed":
                # Times on both sides of a jump cannot be compared.
                self._newest_us, self._lead_us = 0, None
                self._enter(QualityState.SKEWED, status.time_us, status.reason)
            case "connecting":
                # A connection that is reconnecting is still down for its readers.
                if self.state not in {QualityState.DOWN, QualityState.GAP}:
                    self._enter(QualityState.SYNCING, status.time_us, status.reason)
                elif status.reason:
                    self.reason = status.reason
            case _:
                if self._spec.snapshot is None or self._has_snapshot:
                    self._enter(QualityState.LIVE, status.time_us, "")
        self._heard = True

    def _gap(self, gap: Gap) -> None:
        self._has_snapshot = False
        if gap.restart:
            # A new prelude follows, and its times cannot be compared with those before.
            self._connected = False
            if self._lateness is not None:
                self._lateness.clear()
            self._newest_us, self._lead_us = 0, None
        if not self._spec.sparse or gap.restart:
            self._record_gap(gap.time_us, gap.reason, gap.lost)
            return
        # Rare events: the next one may be hours away, and the stream works again.
        start_us = gap.time_us
        for lapse in reversed(list(self.lapses)):
            if lapse.end_us >= start_us - SECOND_US:
                start_us = lapse.start_us
            break
        self.lapses.add(Lapse(QualityState.GAP.value, start_us, gap.time_us, gap.reason, gap.lost))

    def _record_gap(self, time_us: int, reason: str, lost: int) -> None:
        if self.state is QualityState.GAP:
            lost = self.lost + lost if self.lost >= 0 and lost >= 0 else max(self.lost, lost)
            self.reason = reason
        else:
            self._enter(QualityState.GAP, time_us, reason, since_us=self._good_us(time_us))
        self.lost = lost

    def _good_us(self, time_us: int) -> int:
        """Return the time of the last good data before a time: everything after it is missing or old."""
        return min(time_us, max(self._newest_us, self.since_us)) if self._newest_us else time_us

    def _data(self, event: Event) -> None:
        # Requested data has no receipt time: a past trade says nothing about the stream, but these two do.
        is_snapshot = type(event) is self._spec.snapshot
        live = event.received_us > 0 or is_snapshot or self._spec.polled
        if self.market == "halted" or (not live and self.state is not QualityState.SYNCING):
            return
        if self._spec.sparse:
            pass
        elif self.state is QualityState.SKEWED:
            # Both times are in progress for a while.
            self._newest_us = event.time_us
        elif self._connected and event.received_us and event.time_us < self._newest_us - _SKEW_US:
            self._newest_us, self._lead_us = event.time_us, None
            self._enter(QualityState.SKEWED, event.time_us, "the venue's clock jumped back")
            return
        elif event.time_us > self._newest_us:
            self._newest_us = event.time_us
        self._heard = True
        if is_snapshot:
            self._has_snapshot = True
        if self._lateness is not None and event.received_us:
            self._lateness.apply(event.time_us)
        # Not as a set of states, whose hashes are computed in Python: this is called with every event.
        if not self._connected or self._late or self.state is QualityState.LIVE or self.state is QualityState.SKEWED:
            return
        if self._spec.snapshot is None or self._has_snapshot:
            self._enter(QualityState.LIVE, event.time_us, "")

    def advance(self, now_us: int, local_us: int | None = None) -> None:
        """Advance to a time.

        Silence counts only if it is long on both clocks: a jump of the venue's clock, a fast replay and a paused replay
        are not silence.

        Args:
            now_us: Current time of the venue's clock.
            local_us: Current time of our clock, which stops while this process is suspended; ``now_us`` if omitted.
        """
        local_us = now_us if local_us is None else local_us
        if self._heard or not self._heard_us or now_us < self._heard_us:
            self._heard = False
            self._heard_us = now_us
            self._heard_local_us = local_us
        if self._clock_jumped(now_us):
            self._enter(QualityState.SKEWED, now_us, "the venue's clock jumped ahead")
        elif self.state is QualityState.SKEWED:
            # By our own clock, since the venue's is in doubt.
            self._skewed_local_us = self._skewed_local_us or local_us
            if local_us - self._skewed_local_us > _SKEW_US:
                self._enter(QualityState.LIVE if self._connected else QualityState.SYNCING, now_us, "")
        if self.state is QualityState.LIVE and self._silent_s is not None and not self.market:
            silent_us = min(now_us - self._heard_us, local_us - self._heard_local_us)
            if silent_us > self._silent_s * SECOND_US:
                reason = f"no message for {silent_us / SECOND_US:.3g} s"
                self._enter(QualityState.STALE, now_us, reason, since_us=now_us - silent_us)
        if self._lateness is not None and not self.market:
            self._check_late(self._lateness, now_us, local_us)
        self.lapses.prune(now_us)

    def _check_late(self, lateness: Lateness, now_us: int, local_us: int) -> None:
        if self.state is QualityState.SKEWED:
            lateness.clear()
            return
        newest_us = lateness.newest_us
        late_us = lateness.check(now_us, local_us)
        if late_us is None:
            return
        if late_us and (self._late or self.state is QualityState.LIVE):
            reason = f"events arrive {late_us / SECOND_US:.1f} s late"
            self._enter(QualityState.STALE, now_us, reason, since_us=newest_us)
            self._late = True
        elif self._late and not late_us:
            self._enter(QualityState.LIVE, now_us, "")

    def _clock_jumped(self, now_us: int) -> bool:
        """Return whether the newest event is further ahead of now than usual: a constant lead does not count."""
        if not self._newest_us:
            return False
        lead_us = self._newest_us - now_us
        usual_us = self._lead_us
        self._lead_us = lead_us if usual_us is None else max(usual_us, lead_us)
        return usual_us is not None and lead_us > max(usual_us, 0) + _SKEW_US

    def _lapsed(self) -> bool:
        # The time before the first data is not a lapse unless something went wrong.
        return (
            self.since_us > 0
            and self.state is not QualityState.LIVE
            and (self.state is not QualityState.SYNCING or bool(self.reason))
        )

    def _enter(self, state: QualityState, time_us: int, reason: str, *, since_us: int | None = None) -> None:
        if state is self.state:
            if reason:
                self.reason = reason
                self.since_us = self.since_us or time_us
            return
        if self._lapsed():
            end_us = max(time_us, self.since_us)
            self.lapses.add(Lapse(self.state.value, self.since_us, end_us, self.reason, self.lost))
        self.state = state
        self._late = False
        self._skewed_local_us = 0
        self.since_us = time_us if since_us is None else since_us
        self.reason = reason
        self.lost = -1

    def wire(self) -> QualityView:
        """Return the quality in the form of messages."""
        return QualityView(
            self.state.value,
            self.coverage,
            (self.since_us or self._opened_us) // 1000,
            session="closed" if self.market == "closed" else "",
            status=self.reason if self.market == "halted" else "",
        )
