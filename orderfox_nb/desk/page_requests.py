"""One-time requests of a page; a command of the page is one row here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec

from orderfox_nb.core.wire import MAX_BARS, CandlesRequest, StripRequest, SymbolsRequest
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import UnknownSymbol
from orderfox_nb.views.stamp import encode


class RequestKind(NamedTuple):
    """A request that a page may make.

    Args:
        parameters: Struct of what stands in the message beside ``id`` and ``what``.
        answer: Returns the answer as JSON, for a desk and those parameters.
    """

    parameters: type[msgspec.Struct]
    answer: Callable[[Desk, Any], Awaitable[bytes]]


async def older_candles(desk: Desk, asked: CandlesRequest) -> bytes:
    """Answer a page that scrolls back: the columns of a candle frame for bars that open at or before ``end``."""
    limit = min(asked.limit, MAX_BARS)
    return await desk.answers.candle_columns(asked.symbol, asked.interval, limit=limit, end_ms=asked.end)


async def named_symbols(desk: Desk, asked: SymbolsRequest) -> bytes:
    """Answer a page that was opened by a link: which symbols its texts mean."""
    return await desk.answers.symbols(asked.symbols)


async def recorded_minutes(desk: Desk, asked: StripRequest) -> bytes:
    """Answer a page that draws what can be rewound: one-minute bars of what is recorded."""
    symbol = asked.symbol
    with suppress(UnknownSymbol):  # it was listed when it was recorded, or nothing of it is recorded
        symbol = (await desk.catalogue.resolve(symbol)).instrument.symbol
    start_us, end_us = (None if ms is None else ms * 1000 for ms in (asked.start, asked.end))
    if desk.remote is not None:
        return encode(await desk.remote.strip.columns(symbol, start_us, end_us))
    return encode(desk.strip.columns(symbol, start_us, end_us))


REQUESTS: Final[dict[str, RequestKind]] = {
    "candles": RequestKind(CandlesRequest, older_candles),
    "strip": RequestKind(StripRequest, recorded_minutes),
    "symbols": RequestKind(SymbolsRequest, named_symbols),
}
"""By the ``what`` of a request."""
