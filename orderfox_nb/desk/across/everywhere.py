"""The same market at every venue of a process that lists it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from orderfox_nb.core.across.members import same_elsewhere
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.symbols import canonical
from orderfox_nb.desk.across.markets import MAX_MARKETS
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import FeedError, UnknownSymbol

LISTED_S: Final = 8.0
"""How long the list of one of all venues is waited for: without it the venue is shown as down, and is tried again."""


async def same_markets(desks: Sequence[Desk], desk: Desk, symbol: str) -> list[tuple[str, str]]:
    """Return venue and symbol of a market and of the same one at the other venues, at most ``MAX_MARKETS``.

    A venue whose list is not at hand is among them under the unified name; one that does not list the market is not.

    Args:
        desks: Of all venues.
        desk: Of the market's venue.
        symbol: There, in any form.

    Raises:
        UnknownSymbol: Its venue does not list it.
    """
    instrument = await listed_now(desk, symbol, LISTED_S)
    name = canonical(symbol) if instrument is None else instrument.unified
    others = [one for one in desks if one is not desk]
    found = await asyncio.gather(*(_same_at(one, instrument, name) for one in others))
    own = desk.venue, name if instrument is None else instrument.symbol
    return [own, *(market for market in found if market is not None)][:MAX_MARKETS]


async def listed_now(desk: Desk, symbol: str, timeout_s: float | None = None) -> Instrument | None:
    """Return a market of a venue, None where its list is not at hand, or not within a time.

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


async def _same_at(desk: Desk, instrument: Instrument | None, name: str) -> tuple[str, str] | None:
    """Return the market of another venue, None where there is none."""
    if instrument is None:
        try:
            listed = await listed_now(desk, name, LISTED_S)
        except UnknownSymbol:
            return None
        return desk.venue, name if listed is None else listed.symbol
    try:
        async with asyncio.timeout(LISTED_S):
            rows = await desk.catalogue.rows()
    except TimeoutError:
        rows = ()
    if not rows or desk.catalogue.demo:
        return desk.venue, name
    same = same_elsewhere(instrument, (row.instrument for row in rows))
    return None if same is None else (desk.venue, same.symbol)
