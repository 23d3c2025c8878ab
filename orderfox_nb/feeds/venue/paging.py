"""Pages of the past from the rows that a venue has answered, oldest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from orderfox_nb.core.events import Candle, Event, MarkPrice
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.feeds.past import PastPage, Span, buckets_of, past_us


def start_ms(span: Span) -> int | None:
    """Return the first millisecond of a span."""
    return None if span.start_us is None else -(-span.start_us // 1_000)


def end_ms(span: Span) -> int | None:
    """Return the last millisecond before the end, as the ends of venues are inside."""
    return None if span.end_us is None else (span.end_us - 1) // 1_000


def bounds_ms(span: Span, first: str, last: str) -> dict[str, str]:
    """Return the bounds of a span as parameters of these names, only those that it has; both are inside."""
    bounds = {first: start_ms(span), last: end_ms(span)}
    return {name: str(value) for name, value in bounds.items() if value is not None}


def bar_page(bars: Sequence[Event], span: Span, following: Span | None, *, now_us: int) -> PastPage:
    """Return a page of bars, with what is closed marked as such.

    A bar is closed where a later one follows. The last one of an answer is taken for closed only where more may
    follow it: what time it is at the venue may be known wrong for a while, and a bar that is taken for closed too
    early is never looked at again.

    Args:
        bars: Oldest first, none of them marked as closed.
        span: What was requested.
        following: The span behind this page.
        now_us: The venue's time.
    """
    followed = span.end_us is not None or (span.forward and following is not None)
    marked: list[Candle] = []
    for number, bar in enumerate(bars, start=1):
        assert isinstance(bar, Candle)
        close_us = next_bar_us(bar.open_us, bar.interval)
        closed = number < len(bars) or (followed and close_us <= now_us)
        time_us = min(close_us, max(now_us, bar.open_us))
        marked.append(msgspec.structs.replace(bar, closed=closed, time_us=time_us))
    return PastPage(marked, None if following is None or following.empty else following)


def value_page(values: Sequence[Event], span: Span, *, full: bool) -> PastPage:
    """Return a page of values whose times are all different; ``full`` where the venue may have more."""
    if not values or not full:
        return PastPage(values)
    if span.forward:
        following = msgspec.structs.replace(span, start_us=values[-1].time_us + 1)
    else:
        following = msgspec.structs.replace(span, end_us=values[0].time_us)
    return PastPage(values, None if following.empty else following)


def window_of(span: Span, interval: str, *, now_us: int, most: int) -> tuple[Span, Span | None]:
    """Return the bounds of one request for values by period, and behind them what is left of a span read forwards.

    For venues that answer the newest values of a range, whatever its start. An end that was not asked for is not sent:
    what time it is at the venue may be known wrong.
    """
    if not span.forward and span.end_us is None:
        return span, None
    part, following = buckets_of(span, interval, now_us=now_us, most=most)
    if not span.forward:
        return part, None
    if following is None and span.end_us is None:
        part = msgspec.structs.replace(part, end_us=None)
    return part, following


def window_page(values: Sequence[Event], span: Span, part: Span, following: Span | None) -> PastPage:
    """Return a page of what was answered within the bounds of ``window_of``; backwards an empty one is the last."""
    kept = [value for value in values if part.holds(value)]
    if not span.forward:
        following = msgspec.structs.replace(span, end_us=past_us(kept[0])) if kept else None
    return PastPage(kept, following)


def mark_prices(symbol: str, marks: Mapping[int, float], indexes: Mapping[int, float]) -> list[MarkPrice]:
    """Join mark and index prices at the start of each interval, in the order of the mark prices.

    Args:
        marks: By time, milliseconds.
        indexes: The same; what is in one of them only is left out.
    """
    return [
        MarkPrice(
            symbol=symbol,
            time_us=start * 1_000,
            mark_price=price,
            index_price=indexes[start],
            funding_rate=None,
            next_funding_us=0,
        )
        for start, price in marks.items()
        if start in indexes
    ]


def paid_rate(symbol: str, due_ms: int, rate: float, *, mark_price: float = 0.0) -> MarkPrice:
    """Return a funding rate that was paid, at the time of its payment; prices that are unknown are 0."""
    return MarkPrice(
        symbol=symbol,
        time_us=due_ms * 1_000,
        mark_price=mark_price,
        index_price=0.0,
        funding_rate=rate,
        next_funding_us=due_ms * 1_000,
    )
