"""The parts of a recording in which nothing of a topic is missing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from orderfox_nb.core.channels import channel_spec
from orderfox_nb.core.events import Candle, Event, Gap, Status, Topic, Trade, is_restart
from orderfox_nb.core.liquidations import each_once
from orderfox_nb.core.timeframes import HOUR_US, SECOND_US, TIMEFRAME_US, bar_open_us, next_bar_us
from orderfox_nb.recording.recording import Recording

WINDOW_US: Final = HOUR_US
"""Range that is read at once."""
LATE_US: Final = 5 * SECOND_US
"""Events may be recorded this much after their time."""


class CompletePart(NamedTuple):
    """Every event of a topic from a time up to before another one."""

    start_us: int
    end_us: int
    events: Sequence[Event]
    """Oldest first; of candles the closed bars."""


def complete_part(recording: Recording, topic: Topic, start_us: int, end_us: int) -> CompletePart | None:
    """Return the first complete part of a topic in the hour from a time on, None if there is none.

    Args:
        recording: What was recorded.
        topic: A topic of a channel whose past is its events.
        start_us: The part begins then or later.
        end_us: It ends then or earlier.
    """
    start_us = max(start_us, recording.start_us)
    end_us = min(end_us, start_us + WINDOW_US, recording.files.end_us - LATE_US)
    if end_us <= start_us or not channel_spec(topic.channel).is_past or topic not in recording.topics:
        return None
    window = Recording(
        recording.files,
        start_us=start_us,
        end_us=end_us + LATE_US,
        symbols=[topic.symbol],
        channels=[topic.channel],
    )
    found: list[Event] = []
    parts: list[tuple[int, int]] = []
    since_us: int | None = None
    newest_us = start_us
    for _, stamp_us, which, event in window.events():
        if which != topic:
            continue
        if type(event) is Status or type(event) is Gap:
            if since_us is not None and not (type(event) is Status and event.state == "live"):
                parts.append((since_us, newest_us))
                since_us = None
            if (type(event) is Status and event.state == "live") or (type(event) is Gap and not is_restart(event)):
                # Events after a gap are complete again; events after a restart only once its prelude is over.
                since_us = stamp_us if since_us is None else since_us
                newest_us = max(newest_us, stamp_us)
        else:
            newest_us = max(newest_us, event.time_us)
        found.append(event)
    if since_us is not None:
        parts.append((since_us, end_us))
    for first_us, last_us in parts:
        part = _part(topic, found, max(first_us, start_us), min(last_us, end_us), recording.origin.unbroken_trades)
        if part is not None:
            return part
    return None


def _part(topic: Topic, found: Sequence[Event], start_us: int, end_us: int, unbroken: bool) -> CompletePart | None:
    if topic.channel == "candles":
        return _bars(topic.interval, found, start_us, end_us)
    if end_us <= start_us:
        return None
    if topic.channel == "liquidations":
        # After a reconnect, the venue's past repeats orders.
        orders = [order for order in each_once(found) if start_us <= order.time_us < end_us]
        return CompletePart(start_us, end_us, orders)
    trades = {event.id: event for event in found if isinstance(event, Trade) and start_us <= event.time_us < end_us}
    ordered = sorted(trades.values(), key=lambda trade: (trade.time_us, trade.sequence or 0))
    places = [trade.sequence for trade in ordered]
    if unbroken and any(a is None or b is None or b != a + 1 for a, b in pairwise(places)):
        return None
    return CompletePart(start_us, end_us, ordered)


def _bars(interval: str, found: Sequence[Event], start_us: int, end_us: int) -> CompletePart | None:
    closed = {event.open_us: event for event in found if isinstance(event, Candle) and event.closed}
    open_us = bar_open_us(start_us + TIMEFRAME_US[interval] - 1, interval)
    if open_us < start_us:
        open_us = next_bar_us(open_us, interval)
    first_us, bars = open_us, list[Event]()
    while open_us in closed and next_bar_us(open_us, interval) <= end_us:
        bars.append(closed[open_us])
        open_us = next_bar_us(open_us, interval)
    return CompletePart(first_us, open_us, bars) if bars else None
