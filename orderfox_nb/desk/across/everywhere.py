"""The same market at every venue of a process that lists it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from orderfox_nb.core.across.members import same_elsewhere
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.symbols import canonical, is_unified
from orderfox_nb.desk.across.markets import MAX_MARKETS
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import FeedError, UnknownSymbol

LISTED_S: Final = 8.0
"""How long to wait for a venue's symbol list; without it the venue is shown as down, and is tried again."""


class FoundMarket(NamedTuple):
    """A market of a view over venues."""

    venue: str
    symbol: str
    """The venue's own, or a name if its list is not available."""
    instrument: Instrument | None
    """None if its list is not available."""


async def same_markets(desks: Sequence[Desk], desk: Desk, symbol: str) -> list[FoundMarket]:
    """Return a market and the same one at the other venues, at most ``MAX_MARKETS``.

    A venue whose symbol list is not available is included under the unified name, one that does not list the market
    is left out.

    Args:
        desks: Desks of all venues.
        desk: Desk of the market's venue.
        symbol: There, in any form.

    Raises:
        UnknownSymbol: Its venue does not list it.
    """
    instrument = await listed_now(desk, symbol, LISTED_S)
    own = _found(desk, usual_name(symbol), instrument)
    name = own.symbol if instrument is None else instrument.unified
    found = await asyncio.gather(*(_same_at(one, name) for one in desks if one is not desk))
    return [own, *(market for market in found if market is not None)][:MAX_MARKETS]


async def listed_now(desk: Desk, symbol: str, timeout_s: float | None = None) -> Instrument | None:
    """Return a market of a venue, None if the venue's symbol list is not available in time.

    Raises:
        UnknownSymbol: It is not listed.
    """
    try:
        async with asyncio.timeout(timeout_s):
            instrument = (await desk.catalogue.resolve(symbol)).instrument
    except (FeedError, TimeoutError):
        return None
    # The built-in list is that of another venue.
    return None if desk.catalogue.demo else instrument


def usual_name(symbol: str) -> str:
    """Return how a symbol stands in a key before its venue has listed it: a name that says how it is settled stays."""
    return symbol if ":" in symbol else canonical(symbol)


async def _same_at(desk: Desk, name: str) -> FoundMarket | None:
    """Return the market of another venue, None if there is none."""
    if not is_unified(name):
        try:
            return _found(desk, name, await listed_now(desk, name, LISTED_S))
        except UnknownSymbol:
            return None
    try:
        async with asyncio.timeout(LISTED_S):
            rows = await desk.catalogue.rows()
    except TimeoutError:
        rows = ()
    if not rows or desk.catalogue.demo:
        return _found(desk, name, None)
    same = same_elsewhere(name, (row.instrument for row in rows))
    return None if same is None else _found(desk, name, same)


def _found(desk: Desk, name: str, instrument: Instrument | None) -> FoundMarket:
    return FoundMarket(desk.venue, name if instrument is None else instrument.symbol, instrument)
