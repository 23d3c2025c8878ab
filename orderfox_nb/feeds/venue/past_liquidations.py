"""Past liquidations of a history API: the prelude of a stream, and pages of orders and sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from orderfox_nb.core.events import Event, Topic
from orderfox_nb.core.timeframes import MINUTE_US, bar_open_us
from orderfox_nb.errors import NoPast
from orderfox_nb.feeds.charges import charge
from orderfox_nb.feeds.liquidation_history import LiquidationHistory
from orderfox_nb.feeds.past import PastPage, Span, buckets_of, page_of, sums_of
from orderfox_nb.feeds.venue.liquidations import CLOCK_TOLERANCE_US, PRELUDE_MINUTES, PRELUDE_ORDERS

MAX_ORDERS: Final = 1_000
"""Largest number of orders in one answer."""
RESOLUTION_US: Final = 1_000
"""The API's times are milliseconds."""
_ORDERS_WEIGHT: Final = 10
"""Charged to a client for a request of older orders: as much as for older bars, although no venue is asked."""


async def past_liquidations(history: LiquidationHistory, symbol: str, now_us: Callable[[], int]) -> Sequence[Event]:
    """Return the sums by minute up to now and the newest orders, which are in the sums as well.

    No sums if the history does not reach the requested time: missing sums are not zero.
    """
    until_us = now_us()
    start_us = bar_open_us(until_us, "1m") - PRELUDE_MINUTES * MINUTE_US
    rows = await history.volume(symbol, "1m", start_us=start_us, end_us=until_us)
    orders = await history.orders(symbol, limit=PRELUDE_ORDERS)
    if rows is None:
        return orders
    volume = sums_of(Topic("", symbol, "liquidations", "1m"), until_us, rows)
    return (volume, *orders)


async def liquidations_since(
    history: LiquidationHistory, symbol: str, now_us: Callable[[], int], start_us: int
) -> Sequence[Event]:
    """Return the orders from a time up to now, whatever the venue's clock may have done meanwhile."""
    return (await history.orders_between(symbol, start_us, now_us() + CLOCK_TOLERANCE_US))[0]


async def history_page(history: LiquidationHistory, topic: Topic, span: Span, now_us: int) -> PastPage:
    """Return a page of orders, or of sums for a topic with an interval; see ``Past.page``."""
    if topic.interval:
        part, following = buckets_of(span, topic.interval, now_us=now_us, most=span.limit or PRELUDE_MINUTES)
        start_us, end_us = part.start_us or 0, part.end_us or 0
        rows = await history.volume(topic.symbol, topic.interval, start_us=start_us, end_us=end_us)
        if rows is None:
            raise NoPast(topic.venue, f"the history has no liquidations of {topic.symbol} for that time")
        return PastPage((sums_of(topic, end_us, rows),), following)
    if span.forward:
        return await _orders_from(history, topic.symbol, span, now_us)
    return await _orders_before(history, topic.symbol, span)


async def _orders_from(history: LiquidationHistory, symbol: str, span: Span, now_us: int) -> PastPage:
    """Return the oldest orders of a span.

    The API answers newest first, so the end is moved back until the range fits one answer: first by an estimate from
    the density of the newest orders, then by halving. Empty halves are skipped. Each step takes one request.
    """
    start_us, end_us = span.start_us or 0, now_us if span.end_us is None else span.end_us
    until_us = limit_us = end_us
    guessed = False
    while True:
        charge(_ORDERS_WEIGHT)
        orders, whole = await history.newest_between(symbol, start_us, until_us)
        if whole and (orders or until_us >= end_us):
            break
        if whole:
            start_us = until_us
            if start_us >= limit_us:
                # The API has shown orders there before, and does not any more.
                break
        else:
            limit_us = until_us
            if limit_us - start_us < 2 * RESOLUTION_US:
                orders, _ = await history.orders_between(symbol, start_us, until_us)
                break
        until_us = start_us + (limit_us - start_us) // 2
        if not whole and not guessed and orders:
            guessed = True
            until_us = min(until_us, start_us + max(RESOLUTION_US, limit_us - orders[0].time_us))
        until_us -= until_us % RESOLUTION_US
        if until_us <= start_us:
            until_us = limit_us
    page = page_of(orders, msgspec.structs.replace(span, end_us=until_us))
    if page.next is None:
        return PastPage(page.events, msgspec.structs.replace(span, start_us=until_us) if until_us < end_us else None)
    return PastPage(page.events, msgspec.structs.replace(page.next, end_us=span.end_us))


async def _orders_before(history: LiquidationHistory, symbol: str, span: Span) -> PastPage:
    # One more than a page, which shows whether the oldest moment of the page is all there.
    count = min((span.limit or MAX_ORDERS) + 1, MAX_ORDERS)
    if span.end_us is None:
        orders = await history.orders(symbol, limit=count)
    else:
        charge(_ORDERS_WEIGHT)
        orders = await history.orders_before(symbol, span.end_us, limit=count)
    if len(orders) < count:
        return PastPage([order for order in orders if span.holds(order)])
    oldest_us = orders[0].time_us
    if orders[-1].time_us > oldest_us:
        newer = [order for order in orders if order.time_us > oldest_us]
        end_us = newer[0].time_us
    else:
        newer, end_us = (await history.orders_between(symbol, oldest_us, oldest_us + RESOLUTION_US))[0], oldest_us
        newer = [order for order in newer if order.time_us == oldest_us]
    return PastPage([order for order in newer if span.holds(order)], msgspec.structs.replace(span, end_us=end_us))
