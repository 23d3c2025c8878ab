"""Ask one venue what a desk would ask of it: its clock, its symbols, and one order book over its stream."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final, Protocol, runtime_checkable

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import BookSnapshot, Topic
from orderfox_nb.doctor.report import VenueCheck
from orderfox_nb.errors import OrderFoxError, RateLimited, VenueBlocked
from orderfox_nb.feeds.base import Feed

VENUE_S: Final = 20.0
"""How long a venue has for all answers together."""
MAX_OFFSET_MS: Final = 1_000.0
"""Beyond it a signed order may be refused, and ages on the screen are misleading."""
_REQUESTS: Final = 3


@runtime_checkable
class KnowsTime(Protocol):
    """A feed that asks its venue for the time."""

    async def ask_time(self) -> None: ...


async def check_venue(feed: Feed, *, clock: Clock | None = None, timeout_s: float = VENUE_S) -> VenueCheck:
    """Ask a venue; whatever goes wrong is part of the answer.

    Args:
        feed: Feed of the venue; it is entered and left.
        clock: This machine's.
        timeout_s: For all answers together.
    """
    clock = clock or SystemClock()
    origin = feed.origin
    check = VenueCheck(venue=feed.venue, source=origin.source)
    try:
        async with asyncio.timeout(timeout_s), feed:
            await _ask(feed, check, clock)
    except VenueBlocked as error:
        check.state, check.blocked, check.problem = "failed", True, str(error)
        check.advice = "Use another venue or network, or the embedded exchange: --source sim"
    except RateLimited as error:
        check.state, check.problem = "failed", str(error)
        check.advice = "Wait: other programs at this address use the venue's request limit, too"
    except TimeoutError:
        check.state = "failed"
        missing = "its stream sends no order book" if check.symbols else "it does not answer"
        check.problem = check.problem or f"{missing} within {timeout_s:g} s"
        check.advice = "Check that no firewall or proxy stops WebSockets" if check.symbols else _UNREACHABLE
    except (OrderFoxError, OSError) as error:
        check.state, check.problem = "failed", str(error) or type(error).__name__
        check.advice = _UNREACHABLE if not check.reachable else ""
    except Exception as error:  # noqa: BLE001 - the other venues must be described, too
        check.state, check.problem = "failed", f"its answers cannot be read ({type(error).__name__}: {error})"
    if check.reachable:
        check.absent = tuple(name for name in CHANNELS if name in feed.origin.absent)
        check.offers = tuple(name for name in CHANNELS if name not in feed.origin.absent)
        check.unverified = tuple(name for name in check.offers if name in feed.origin.unverified)
    if check.state == "ok" and abs(check.clock_offset_ms or 0.0) > MAX_OFFSET_MS:
        check.state = "warning"
        check.problem = f"the clocks differ by {abs(check.clock_offset_ms or 0.0) / 1000:.1f} s"
        check.advice = "Set this machine's clock by NTP: signed orders are refused, ages are wrong"
    return check


_UNREACHABLE: Final = "Check the network, DNS and proxy of this machine, and the venue's status page"


async def _ask(feed: Feed, check: VenueCheck, clock: Clock) -> None:
    listings = await feed.listings()
    check.reachable, check.symbols = True, len(listings)
    if isinstance(feed, KnowsTime):
        latencies_us: list[int] = []
        for _ in range(_REQUESTS):
            asked_us = clock.now_us()
            await feed.ask_time()
            latencies_us.append(clock.now_us() - asked_us)
        check.latency_ms = round(min(latencies_us) / 1000, 1)
    if not feed.origin.recorded:
        check.clock_offset_ms = round((feed.now_us() - clock.now_us()) / 1000, 1)
    if not listings:
        check.state, check.problem = "failed", "it lists no symbols"
        return
    largest = max(listings, key=lambda row: row.ticker.quote_volume if row.ticker is not None else 0.0)
    asked_us = clock.now_us()
    async with aclosing(feed.stream(Topic(feed.venue, largest.instrument.symbol, "book"))) as events:
        async for event in events:
            if isinstance(event, BookSnapshot):
                check.stream_ms = round((clock.now_us() - asked_us) / 1000, 1)
                return
