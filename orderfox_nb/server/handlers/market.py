"""The REST routes of market data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec

from orderfox_nb.desk.answers import Answer
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import (
    ROUNDING,
    SYMBOL,
    TIMEFRAME,
    VENUE,
    VOLUME_TIMEFRAME,
    ZONE,
    Parameter,
    limit,
    read_given,
    time_ms,
)
from orderfox_nb.desk.range_answers import RangeAsked, RangeRows
from orderfox_nb.desk.streams import v1_orderbook
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import VenueUnreachable
from orderfox_nb.feeds.charges import charge
from orderfox_nb.server.handlers.base import ReadHandler, RestHandler
from orderfox_nb.server.service import DeskService
from orderfox_nb.views.contract import (
    CacheStats,
    CandleRow,
    LiquidationRow,
    LiquidationVolumeAnswer,
    OrderBookAnswer,
    QualityAnswer,
    Refreshed,
    SymbolRow,
    TradeRow,
)
from orderfox_nb.views.public_symbols import symbols

FIRST_FRAME_S: Final = 10.0
BOOK_WEIGHT: Final = 20
_PAST_TRADES: Final = limit(100, 10_000, "How many trades of a range")
RANGE: Final = (
    time_ms("start_time", "Start of the range, milliseconds"),
    time_ms("end_time", "End of the range, milliseconds; now by default, and without a meaning without a start"),
)


class MarketRoute(ReadHandler):
    """A route with checked parameters, about one of the venues."""

    shared = (VENUE,)

    def values(self) -> dict[str, Any]:
        """Check the query.

        Raises:
            BadValue: One of its values cannot be used.
        """
        return {rule.name: rule.read(self.get_query_argument(rule.name, None)) for rule in self.query}


class ListRoute(MarketRoute):
    """A route that answers with a plain list: what concerns all of it goes into headers."""

    headers: ClassVar[Mapping[str, str]] = {"X-Quality": "State and coverage of the data, and since when, as JSON"}

    def encoded(self, answer: Answer) -> bytes:
        """Set the headers of a list and return its text."""
        self.set_header("X-Quality", msgspec.json.encode(answer.quality).decode())
        return answer.text


class LimitedRoute(ListRoute):
    """A list of a requested number of rows, up to a limit."""

    headers: ClassVar[Mapping[str, str]] = {"X-Limit": "The limit in force", **ListRoute.headers}

    def limited_answer(self, answer: Answer, *, limit: int) -> bytes:
        """Set the headers of a limited list and return its text."""
        self.set_header("X-Limit", str(limit))
        return self.encoded(answer)


class RangeRoute(LimitedRoute):
    """A list of a range, with the address of its next page."""

    headers: ClassVar[Mapping[str, str]] = {
        "Link": 'The next page of a range that has more, as <path>; rel="next"',
        **LimitedRoute.headers,
    }

    @staticmethod
    def asked(given: Mapping[str, Any]) -> RangeAsked:
        """Return the range of a checked query."""
        return RangeAsked(given["start_time"], given["end_time"], given["limit"])

    def range_answer(self, rows: RangeRows, *, limit: int) -> bytes:
        """Set the headers of a page and return its text."""
        if rows.next_ms is not None:
            query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
            path = f"{self.request.path}?{urlencode({**query, 'start_time': str(rows.next_ms)})}"
            self.set_header("Link", f'<{path}>; rel="next"')
        return self.limited_answer(Answer(rows.text, rows.quality), limit=limit)


class SymbolsRoute(ListRoute):
    """Every symbol, by 24 h volume."""

    route = "symbols"
    model = list[SymbolRow]
    headers: ClassVar[Mapping[str, str]] = {
        "X-Origin": "Where the data comes from, and whether it is simulated or recorded, as JSON",
        **ListRoute.headers,
    }

    async def answer(self, *_args: str) -> bytes:
        desk = await self.desk()
        catalogue = desk.catalogue
        rows = await catalogue.rows()
        # A header is ASCII, and a source may be a file of any name.
        self.set_header("X-Origin", json.dumps(msgspec.to_builtins(desk.origin)))
        return self.encoded(Answer(symbols(rows), catalogue.quality))


class SymbolCacheRoute(MarketRoute):
    """Counts and ages of the symbol list."""

    route = "symbol-cache-stats"
    model = CacheStats

    async def answer(self, *_args: str) -> bytes:
        return msgspec.json.encode((await self.desk()).catalogue.stats())


class RefreshSymbolsRoute(RestHandler):
    """Ask the venue for its symbols now."""

    route = "refresh-symbols"
    shared = (VENUE,)
    method = "post"
    model = Refreshed

    async def post(self) -> None:
        await self._answered()

    async def answer(self, *_args: str) -> bytes:
        catalogue = (await self.desk()).catalogue
        await catalogue.refresh()
        return msgspec.json.encode(Refreshed(refreshed=True, **msgspec.structs.asdict(catalogue.stats())))


def book_limit(service: DeskService) -> Parameter:
    """Describe the rows a side, as many as the settings allow."""
    highest = service.settings.max_orderbook_limit
    return limit(min(20, highest), highest, "Rows a side")


def book_rules(service: DeskService) -> Sequence[Parameter]:
    """Return the parameters of the public book with the limit of the settings."""
    return tuple(book_limit(service) if rule.name == "limit" else rule for rule in v1_orderbook.STREAM.parameters)


class OrderBookRoute(MarketRoute):
    """The grouped book, as the socket sends it; the settings give its ``book_limit``."""

    route = "orderbook"
    path = (SYMBOL,)
    query = (ROUNDING, ZONE)
    model = OrderBookAnswer

    async def answer(self, *args: str) -> bytes:
        given = read_given(book_rules(self.service), lambda name: self.get_query_argument(name, None))
        wanted = {"limit": book_limit(self.service).default, **given}
        desk = await self.desk()
        return await self.first(frame_key(desk.venue, args[0], "v1.orderbook", wanted), asked=args[0])

    async def first(self, key: FrameKey, *, asked: str) -> bytes:
        """Return the first frame of a key.

        Raises:
            VenueUnreachable: There was none in time.
        """
        desk = await self.desk()
        symbol = (await desk.catalogue.resolve(asked)).instrument.symbol
        if desk.hub.state(desk.topic(symbol, "book")) is None:
            # A book without readers begins with a snapshot.
            charge(BOOK_WEIGHT)
        try:
            async with asyncio.timeout(FIRST_FRAME_S), desk.frames(key) as reader:
                async for frame in reader:
                    return frame.text
        except TimeoutError:
            pass
        raise VenueUnreachable(desk.venue, "no data came in time, try again")


class TradesRoute(RangeRoute):
    """The newest trades or the first ones of a range, newest first."""

    route = "trades"
    path = (SYMBOL,)
    query = (limit(100, 1000, "How many trades"), *RANGE)
    model = list[TradeRow]

    async def answer(self, *args: str) -> bytes:
        values = self.values()
        if values["start_time"] is not None:
            values["limit"] = _PAST_TRADES.read(self.get_query_argument("limit", None))
            rows = await (await self.desk()).range_answers.trades(args[0], self.asked(values))
            return self.range_answer(rows, limit=values["limit"])
        answer = await (await self.desk()).answers.trades(args[0], limit=values["limit"])
        return self.limited_answer(answer, limit=values["limit"])


class QualityRoute(MarketRoute):
    """State of a symbol's topics and every interval of the last 24 h in which they could not be trusted."""

    route = "quality"
    path = (SYMBOL,)
    model = QualityAnswer

    async def answer(self, *args: str) -> bytes:
        return msgspec.json.encode(await (await self.desk()).quality(args[0]))


class CandlesRoute(RangeRoute):
    """Bars, oldest first."""

    route = "candles"
    path = (SYMBOL,)
    query = (
        TIMEFRAME,
        limit(500, 1500, "How many bars"),
        time_ms("start_time", "Bars that open at or after, milliseconds: the first ones of the range"),
        time_ms("end_time", "Bars that open at or before, milliseconds"),
    )
    model = list[CandleRow]

    async def answer(self, *args: str) -> bytes:
        values = self.values()
        if values["start_time"] is not None:
            rows = await (await self.desk()).range_answers.candles(args[0], values["timeframe"], self.asked(values))
            return self.range_answer(rows, limit=values["limit"])
        answer = await (await self.desk()).answers.candles(
            args[0], values["timeframe"], limit=values["limit"], end_ms=values["end_time"]
        )
        return self.limited_answer(answer, limit=values["limit"])


class LiquidationsRoute(RangeRoute):
    """Past liquidation orders, the newest or the first ones of a range, newest first."""

    route = "liquidations"
    path = (SYMBOL,)
    query = (limit(50, 1000, "How many orders"), *RANGE)
    model = list[LiquidationRow]

    async def answer(self, *args: str) -> bytes:
        values = self.values()
        if values["start_time"] is not None:
            rows = await (await self.desk()).range_answers.liquidations(args[0], self.asked(values))
            return self.range_answer(rows, limit=values["limit"])
        answer = await (await self.desk()).answers.liquidations(args[0], limit=values["limit"])
        return self.limited_answer(answer, limit=values["limit"])


class LiquidationVolumeRoute(MarketRoute):
    """Liquidated volume by bucket, contiguous over the range."""

    route = "liquidation-volume"
    path = (SYMBOL, msgspec.structs.replace(VOLUME_TIMEFRAME, place="path", default=None))
    model = LiquidationVolumeAnswer
    query = (
        time_ms("start_time", "Start of the range, milliseconds"),
        time_ms("end_time", "End of the range, milliseconds"),
        time_ms("start", "The same as start_time"),
        time_ms("end", "The same as end_time"),
    )

    async def answer(self, *args: str) -> bytes:
        values = self.values()
        timeframe = self.path[1].read(args[1])
        start = values["start_time"] if values["start_time"] is not None else values["start"]
        end = values["end_time"] if values["end_time"] is not None else values["end"]
        return await (await self.desk()).answers.liquidation_volume(args[0], timeframe, start_ms=start, end_ms=end)
