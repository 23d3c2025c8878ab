"""The stream of one symbol's bars: past ones from REST, then the venue's klines, holes filled from REST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from orderfox_nb.core.events import Candle, Event
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.feeds.binance.fetches import Fetches
from orderfox_nb.feeds.binance.follower import Teller
from orderfox_nb.feeds.binance.items import Failed, Fetched, Item, Live, Lost, Malformed, Overflowed

_PAST: Final = "past bars"


class CandlesFollower:
    """Yields bars so that each is whole in the end, whatever was missed in between.

    Args:
        since: Asks for bars that open at or after a time; for the newest 1,500 with ``None``.
    """

    def __init__(
        self, teller: Teller, fetches: Fetches, since: Callable[[int | None], Awaitable[Sequence[Event]]]
    ) -> None:
        self._teller = teller
        self._fetches = fetches
        self._since = since
        self._newest: Candle | None = None
        self._opened = False
        self._waiting: dict[int, Candle] = {}

    @property
    def holding(self) -> bool:
        return False

    def start(self) -> None:
        """Wait for the subscription, so that nothing lies between the past and the live bars."""

    def take(self, item: Item) -> Iterator[Event]:
        match item:
            case Candle():
                yield from self._live(item)
            case Live():
                self._ask()
            case Overflowed(lost):
                if self._opened:
                    yield self._teller.status("gap", "the reader did not keep up", lost=lost)
                self._ask()
            case Lost(reason):
                yield self._teller.status("down", reason)
            case Malformed(reason):
                yield self._teller.status("gap" if self._opened else "connecting", reason)
                if self._opened:
                    self._ask()
            case Fetched(events=events):
                yield from self._join(events)
            case Failed(error=error, final=final):
                if final:
                    raise error
                yield self._teller.status("connecting", str(error))
            case _:
                return

    def _live(self, candle: Candle) -> Iterator[Event]:
        newest = self._newest
        if not self._opened or self._fetches.asking(_PAST):
            self._waiting[candle.open_us] = candle
            return
        if newest is not None and candle.open_us > newest.open_us:
            if not newest.closed or candle.open_us > next_bar_us(newest.open_us, candle.interval):
                self._waiting[candle.open_us] = candle
                yield self._teller.status("gap", "the end of a bar was missed, asked for")
                self._ask()
                return
        elif newest is not None and candle.open_us == newest.open_us and candle.trades < newest.trades:
            return
        yield from self._emit(candle)

    def _join(self, events: Sequence[Event]) -> Iterator[Event]:
        bars = [event for event in events if isinstance(event, Candle)]
        newest = self._newest
        if newest is not None and bars and bars[0].open_us > next_bar_us(newest.open_us, newest.interval):
            yield self._teller.gap("more bars were missed than the venue sends at once")
        self._opened = True
        yield self._teller.status("live")
        for bar in bars:
            yield from self._emit(bar)
        waiting, self._waiting = self._waiting, {}
        for open_us in sorted(waiting):
            candle, newest = waiting[open_us], self._newest
            if newest is None or (candle.open_us, candle.trades) >= (newest.open_us, newest.trades):
                yield from self._emit(candle)

    def _emit(self, candle: Candle) -> Iterator[Event]:
        if self._newest is None or candle.open_us >= self._newest.open_us:
            self._newest = candle
        yield candle

    def _ask(self) -> None:
        newest = self._newest
        self._fetches.ask(_PAST, lambda: self._since(None if newest is None else newest.open_us))
