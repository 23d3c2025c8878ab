"""Finds the next large trade, liquidation or gap of a recording, minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal

from orderfox_nb.core.events import WHOLE_MARKET, Event, Liquidation, Trade
from orderfox_nb.recording.entries import records
from orderfox_nb.recording.files import RecordingFiles
from orderfox_nb.recording.minutes import MINUTE_US, MinuteBars

Target = Literal["trade", "liquidation", "gap"]
_MAX_MINUTES: Final = 30
"""Minutes that are read for one search; each is one of which the fold knows that it has what is looked for."""


def find(
    at: Callable[[int], RecordingFiles],
    bars: MinuteBars,
    symbols: Collection[str],
    to: Target,
    now_us: int,
    *,
    back: bool,
) -> int | None:
    """Return when the next or previous one is, None if none is known.

    Args:
        at: Returns the recording of a time.
        bars: Minutes of what is recorded.
        symbols: Symbols whose events count.
        to: What is looked for. A trade is large that is as large as the largest one of nine out of ten minutes.
        now_us: Where the search begins.
        back: Whether to look for the previous one.
    """
    if to == "gap":
        starts = [start * 1000 for symbol in symbols for start, _ in bars.columns(symbol).gaps]
        found = [start for start in starts if (start < now_us if back else start > now_us)]
        return (max(found) if back else min(found)) if found else None
    large = {symbol: bars.large_notional(symbol) for symbol in symbols}

    def wanted(event: Event | None) -> bool:
        if type(event) is Liquidation:
            return to == "liquidation" and event.symbol in large and event.received_us > 0
        if type(event) is Trade:
            return to == "trade" and event.received_us > 0 and event.price * event.size >= large[event.symbol]
        return False

    minutes = {minute for symbol in symbols for minute in bars.minutes_with(symbol, to, large[symbol])}
    ordered = sorted((minute for minute in minutes if _ahead(minute, now_us, back=back)), reverse=back)
    return _first(at, ordered[:_MAX_MINUTES], {*symbols, WHOLE_MARKET}, wanted, now_us, back=back)


def _ahead(minute: int, now_us: int, *, back: bool) -> bool:
    return minute <= now_us // MINUTE_US if back else minute >= now_us // MINUTE_US


def _first(
    at: Callable[[int], RecordingFiles],
    minutes: Iterable[int],
    symbols: Collection[str],
    wanted: Callable[[Event | None], bool],
    now_us: int,
    *,
    back: bool,
) -> int | None:
    for minute in minutes:
        begin_us, end_us = minute * MINUTE_US, (minute + 1) * MINUTE_US
        files = at(begin_us)
        indexes = {index for index, declared in files.declared.items() if declared.row.topic.symbol in symbols}
        found = [
            record.stamp_us
            for record in records(files, files.block_at(begin_us), files.block_at(end_us), indexes=indexes)
            if begin_us <= record.stamp_us < end_us
            and record.kind == "event"
            and (record.stamp_us < now_us if back else record.stamp_us > now_us)
            and wanted(record.event)
        ]
        if found:
            return found[-1] if back else found[0]
    return None
