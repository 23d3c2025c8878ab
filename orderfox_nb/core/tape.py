"""The newest trades of a symbol, each once and in the venue's order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter

from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Trade, is_restart
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import EventError

_trade_id = attrgetter("id")


class Tape:
    """Fold of trades: deduplicated by id, so that REST history and the live stream merge in any order.

    Args:
        instrument: Whose trades.
        keep: How many of the newest are kept.
    """

    def __init__(self, instrument: Instrument, *, keep: int = 1000) -> None:
        self.instrument = instrument
        self.keep = keep
        self.version = 0
        # Ascending by id. Trimmed only at twice the length, so that a trade costs one append.
        self._trades: list[Trade] = []
        self._last_id = -1

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
                self._last_id = -1
                self.version += 1
            return
        if event.symbol != self.instrument.symbol:
            raise EventError(f"trade of {event.symbol} in the tape of {self.instrument.symbol}")
        trades = self._trades
        if event.id > self._last_id:
            trades.append(event)
            self._last_id = event.id
            if len(trades) >= 2 * self.keep:
                del trades[: -self.keep]
        else:
            at = bisect_left(trades, event.id, key=_trade_id)
            known = at < len(trades) and trades[at].id == event.id
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

    def since(self, trade_id: int) -> list[Trade]:
        """Return the kept trades after an id, oldest first."""
        at = bisect_left(self._trades, trade_id + 1, key=_trade_id)
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
        return self.view()

    def digest(self) -> str:
        kept = self.view()
        instrument = self.instrument
        return digest_of(
            (trade.id for trade in kept),
            (trade.time_us for trade in kept),
            (instrument.ticks(trade.price) for trade in kept),
            (instrument.lots(trade.size) * (1 if trade.aggressor == "buy" else -1) for trade in kept),
        )
