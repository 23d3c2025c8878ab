"""Join a venue's depth diffs to its snapshot, and notice the first that is missing. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from orderfox_nb.core.events import BookDelta, BookSnapshot, Gap
from orderfox_nb.core.restart import LATE_IN_A_ROW, proves_restart

BUFFERED_DELTAS: Final = 1_000
"""How many deltas wait for a snapshot; the oldest go first, a later snapshot makes up for them."""
BUFFERED_BYTES: Final = 4_000_000
"""And how much text of levels they have."""


class BookSync:
    """The sequence rules of one symbol's local book.

    The owner of the socket hands over each delta and asks for a snapshot over REST whenever the sync needs one::

        sync = BookSync()
        answer = sync.delta(delta)      # None: buffered, or already known; nothing to emit
                                        # BookDelta: emit it
                                        # Gap: emit it, then fetch a snapshot
        events = sync.snapshot(body)    # None: of no use, fetch again
                                        # list: emit all of them, the book is whole

    After a Gap it is not ``synced`` and buffers again, the delta that showed the gap being the first. ``reset()`` after
    a lost connection does the same without any delta. Ids that go back (``core/restart.py``) give a Gap with
    ``restart``, also where it is not synced: otherwise the book would stop changing, or wait for a snapshot that never
    comes.

    A delta holds what happened after its previous id and up to its last.
    """

    def __init__(self) -> None:
        self._buffer: deque[BookDelta] = deque(maxlen=BUFFERED_DELTAS)
        self._buffered_bytes = 0
        self._synced = False
        self._joined = False
        self._last_id = -1
        self._snapshot_us = 0
        self._late = 0
        # Of all deltas, also before a reset: what a venue that restarted is known by. Snapshots do not count: one may
        # be ahead of the stream, and from after a jump of the clock that the stream has yet to come to.
        self._highest_id = -1
        self._newest_us = 0
        self._abandoned_id = -1
        """The highest id of the venue that was before: a snapshot from beyond may still be that one's."""

    @property
    def synced(self) -> bool:
        """Whether a snapshot was taken and nothing has been missing since."""
        return self._synced

    @property
    def buffered(self) -> int:
        """How many deltas wait for a snapshot."""
        return len(self._buffer)

    @property
    def last_id(self) -> int:
        """Update id of what was emitted last, -1 before the first snapshot."""
        return self._last_id

    def reset(self) -> None:
        """Begin again, as after a lost connection: the next deltas are buffered until a snapshot comes."""
        self._clear()
        self._synced = self._joined = False
        self._last_id = -1
        self._late = 0

    def restart(self) -> None:
        """Begin with the ids of another venue; a snapshot of the one before is refused until they have come so far."""
        self._abandoned_id = max(self._abandoned_id, self._highest_id)
        self._highest_id, self._newest_us = -1, 0
        self.reset()

    def follows(self, delta: BookDelta) -> bool:
        """Take a delta that follows the last one, to be emitted; False if only ``delta`` can say, nothing taken."""
        last_id = delta.last_id
        if not self._joined or delta.previous_id != self._last_id or last_id <= self._highest_id:
            return False
        self._last_id = self._highest_id = last_id
        self._newest_us = max(self._newest_us, delta.time_us)
        self._late = 0
        return True

    def delta(self, delta: BookDelta) -> BookDelta | Gap | None:
        """Handle the next delta of the stream: what to emit, None for nothing, a Gap where a snapshot is needed."""
        if delta.last_id > self._highest_id:
            self._highest_id = delta.last_id
            self._newest_us = max(self._newest_us, delta.time_us)
        elif proves_restart(delta.time_us, self._newest_us):
            return self._restart(delta)
        if not self._synced:
            return self._keep(delta)
        if delta.last_id <= self._last_id:
            return self._pass_over(delta)
        self._late = 0
        previous_id = delta.previous_id
        if previous_id == self._last_id or (previous_id < self._last_id and not self._joined):
            self._joined = True
            self._last_id = delta.last_id
            if delta.last_id < self._highest_id:
                # It restarted while disconnected, and its clock was set back: this chain is the valid one.
                self._highest_id, self._newest_us = delta.last_id, delta.time_us
            return delta
        return self._gap(delta, f"expected the update after {self._last_id}, got the one after {previous_id}")

    def snapshot(self, snapshot: BookSnapshot) -> list[BookSnapshot | BookDelta] | None:
        """Handle a snapshot: the events to emit, or None if it is of no use and another must be fetched."""
        if snapshot.update_id >= self._abandoned_id > self._highest_id:
            return None
        if self._synced:
            if snapshot.update_id < self._last_id:
                return None
        elif self._buffer and snapshot.update_id < self._buffer[0].previous_id:
            return None
        later = [delta for delta in self._buffer if delta.last_id > snapshot.update_id]
        self._clear()
        self._synced = True
        self._joined = bool(later)
        self._last_id = later[-1].last_id if later else snapshot.update_id
        self._snapshot_us = snapshot.time_us
        self._late = 0
        return [snapshot, *later]

    def _pass_over(self, delta: BookDelta) -> Gap | None:
        self._late += 1
        if self._joined:
            return self._restart(delta) if self._late >= LATE_IN_A_ROW else None
        # A stream that lags behind its snapshot may have many to say that are in it, but none that is younger.
        if proves_restart(delta.time_us, self._snapshot_us):
            return self._gap(delta, f"the snapshot at {self._last_id} is older than the update {delta.last_id}")
        return None

    def _keep(self, delta: BookDelta) -> Gap | None:
        # The buffer is one unbroken chain: what comes late into it is in any snapshot that can join it,
        # and what lies before a hole can only be replaced by a snapshot from after the hole.
        if self._buffer:
            newest_id = self._buffer[-1].last_id
            if delta.last_id <= newest_id:
                self._late += 1
                return self._restart(delta) if self._late >= LATE_IN_A_ROW else None
            if delta.previous_id != newest_id:
                self._clear()
        self._late = 0
        self._append(delta)
        return None

    def _append(self, delta: BookDelta) -> None:
        if len(self._buffer) == self._buffer.maxlen:
            self._drop_oldest()
        self._buffer.append(delta.detached())
        self._buffered_bytes += delta.level_bytes
        while self._buffered_bytes > BUFFERED_BYTES and len(self._buffer) > 1:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._buffered_bytes -= self._buffer.popleft().level_bytes

    def _clear(self) -> None:
        self._buffer.clear()
        self._buffered_bytes = 0

    def _restart(self, delta: BookDelta) -> Gap:
        reason = f"update ids went back from {self._highest_id} to {delta.last_id}: the venue restarted"
        self.restart()
        self._highest_id, self._newest_us = delta.last_id, delta.time_us
        return msgspec.structs.replace(self._gap(delta, reason), restart=True)

    def _gap(self, delta: BookDelta, reason: str) -> Gap:
        self.reset()
        self._append(delta)
        return Gap(symbol=delta.symbol, time_us=delta.time_us, received_us=delta.received_us, reason=reason)
