"""The REST routes of ranges of the past."""

from __future__ import annotations

from typing import Final

from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.numerals import MAX_TIME_MS
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.desk.parameters import SYMBOL, Parameter, limit, one_of
from orderfox_nb.errors import BadValue
from orderfox_nb.server.handlers.market import RANGE, MarketRoute, RangeRoute
from orderfox_nb.views.range_contract import FundingRate, MarkValue, OpenInterestValue, RangeAnswer

MAX_VALUES: Final = 1_000
_PERIOD: Final = Parameter(name="period", default="1h", choices=tuple(TIMEFRAME_US), description="Time between values")


class FundingRoute(RangeRoute):
    """Funding rates that were paid, oldest first, and the current one."""

    route = "funding"
    path = (SYMBOL,)
    query = (limit(100, MAX_VALUES, "How many rates"), *RANGE)
    model = list[FundingRate]

    async def answer(self, *args: str) -> bytes:
        given = self.values()
        answers = (await self.desk()).range_answers
        rows = await answers.funding(args[0], self.asked(given))
        return self.range_answer(rows, limit=given["limit"])


class OpenInterestRoute(RangeRoute):
    """Open contracts by period, oldest first, and the current value."""

    route = "open-interest"
    path = (SYMBOL,)
    query = (_PERIOD, limit(100, MAX_VALUES, "How many values"), *RANGE)
    model = list[OpenInterestValue]

    async def answer(self, *args: str) -> bytes:
        given = self.values()
        answers = (await self.desk()).range_answers
        rows = await answers.open_interest(args[0], given["period"], self.asked(given))
        return self.range_answer(rows, limit=given["limit"])


class MarkRoute(RangeRoute):
    """Mark and index prices by period, oldest first, and the current ones."""

    route = "mark"
    path = (SYMBOL,)
    query = (_PERIOD, limit(100, MAX_VALUES, "How many values"), *RANGE)
    model = list[MarkValue]

    async def answer(self, *args: str) -> bytes:
        given = self.values()
        answers = (await self.desk()).range_answers
        rows = await answers.mark(args[0], given["period"], self.asked(given))
        return self.range_answer(rows, limit=given["limit"])


class PastRoute(MarketRoute):
    """The first part of a range with its events unchanged, for other OrderFox processes."""

    route = "past"
    path = (SYMBOL,)
    query = (
        one_of("channel", "trades", *(spec.name for spec in CHANNELS.values() if spec.is_past or spec.by_period)),
        one_of("interval", "", "", *TIMEFRAME_US),
        *(
            Parameter(name=name, kind="integer", low=0, high=MAX_TIME_MS * 1_000, description=about)
            for name, about in (
                ("start_us", "Start of the range, microseconds"),
                ("end_us", "End of the range, microseconds"),
            )
        ),
    )
    model = RangeAnswer

    async def answer(self, *args: str) -> bytes:
        given = self.values()
        for name in ("start_us", "end_us"):
            if given[name] is None:
                raise BadValue(name, "", "a time in microseconds")
        answers = (await self.desk()).range_answers
        return await answers.page(args[0], given["channel"], given["interval"], given["start_us"], given["end_us"])
