"""The newest trades of a symbol, each once and in the venue's order."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Trade, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError

_place = attrgetter("sequence")


class TapeState:
    """Fold of trades: each once, so that REST history and the live stream merge in any order.

    A venue's order decides. Where it gives none, ids identify equal trades, and what is shown is numbered by
    the order of arrival: every trade of a view has a ``sequence``.

    Args:
        instrument: Instrument of the trades.
        keep: How many of the newest are kept.
    """

    def __init__(self, instrument: Instrument, *, keep: int = 1000) -> None:
        self.instrument = instrument
        self.keep = keep
        self.version = 0
        # Ascending by place. Trimmed only at twice the length, so that a trade costs one append.
        self._trades: list[Trade] = []
        self._last = -1
        self._ids: dict[str, int] | None = None
        """Places by id, where the venue gives none."""

    @property
    def last(self) -> Trade | None:
        """The newest trade."""
        return self._trades[-1] if self._trades else None

    def apply(self, event: Event) -> None:
        """Take a trade; one that is known already, or older than all that are kept, changes nothing.

        After the venue restarted its ids may be any.

        Raises:
            EventError: A trade of another symbol.
        """
        if type(event) is not Trade:
            if is_restart(event):
                self._trades.clear()
                self._last, self._ids = -1, None
                self.version += 1
            return
        if event.symbol != self.instrument.symbol:
            raise EventError(f"trade of {event.symbol} in the tape of {self.instrument.symbol}")
        trades = self._trades
        place = event.sequence
        if place is None:
            ids = self._ids = self._ids or {}
            if event.id in ids:
                return
            place = ids[event.id] = self._last + 1
            event = msgspec.structs.replace(event, sequence=place)
        if place > self._last:
            trades.append(event)
            self._last = place
            if len(trades) >= 2 * self.keep:
                if self._ids:
                    for old in trades[: -self.keep]:
                        self._ids.pop(old.id, None)
                del trades[: -self.keep]
        else:
            at = bisect_left(trades, place, key=_place)
            known = at < len(trades) and trades[at].sequence == place
            if known or (at <= len(trades) - self.keep):
                return
            trades.insert(at, event)
        self.version += 1

    def view(self) -> tuple[Trade, ...]:
        """Return the kept trades, oldest first."""
        return tuple(self._trades[-self.keep :])

    def newest(self, count: int) -> list[Trade]:
        """Return at most that many of the newest trades, oldest first."""
        count = min(count, self.keep)
        return self._trades[-count:] if count > 0 else []

    def since(self, place: int) -> list[Trade]:
        """Return the kept trades after a place in their sequence, oldest first."""
        at = bisect_left(self._trades, place + 1, key=_place)
        return self._trades[max(at, len(self._trades) - self.keep) :]

    def rate(self, now_us: int, window_s: float = 10.0) -> float:
        """Return trades per second over the last seconds, over the kept trades where those reach less far."""
        start_us = now_us - round(window_s * 1e6)
        oldest_first = self._trades[-self.keep :]
        recent = 0
        for trade in reversed(oldest_first):
            if trade.time_us <= start_us:
                break
            recent += trade.time_us <= now_us
        if recent == len(oldest_first) >= self.keep:
            window_s = max((now_us - oldest_first[0].time_us) / 1e6, 1e-3)
        return recent / window_s

    def prelude(self) -> Sequence[Event]:
        if self._ids is None:
            return self.view()
        return [msgspec.structs.replace(trade, sequence=None) for trade in self.view()]

    def digest(self) -> str:
        kept = self.view()
        instrument = self.instrument
        return digest_of(
            (zlib.crc32(trade.id.encode()) for trade in kept),
            (trade.time_us for trade in kept),
            (instrument.ticks(trade.price) for trade in kept),
            (instrument.lots(trade.size) * (1 if trade.aggressor == "buy" else -1) for trade in kept),
        )
