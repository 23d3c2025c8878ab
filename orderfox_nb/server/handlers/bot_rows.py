"""The REST routes of a bot's orders, fills and equity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import msgspec

from orderfox_nb.desk.parameters import Parameter, limit, time_ms
from orderfox_nb.desk.store.answers import equity_answer, fill_answer, order_answer
from orderfox_nb.server.handlers.bots import BOT_ID, BotReadHandler
from orderfox_nb.views.bot_contract import BotEquity, BotFill, BotOrder

BEFORE: Final = Parameter(
    name="before", kind="integer", low=1, high=2**53, description="Only those with a smaller number"
)
ROWS: Final = limit(100, 1_000, "How many, newest first")
MOMENTS: Final = limit(1_000, 10_000, "How many moments")
EQUITY_RANGE: Final = (
    time_ms("start_time", "Start of the range, milliseconds: its first moments, else the newest ones"),
    time_ms("end_time", "End of the range, milliseconds"),
)


class BotRowsHandler(BotReadHandler):
    """Rows of a bot, newest first, with the address of the next page."""

    path = (BOT_ID,)
    query = (ROWS, BEFORE)
    headers: ClassVar[Mapping[str, str]] = {
        "Link": 'The next page, where there is one, as <path>; rel="next"',
        "X-Limit": "The limit in force",
    }

    def page(self, rows: list[Any], count: int, **following: object) -> bytes:
        """Set the headers of a page and return its text.

        Args:
            rows: As many as were found.
            count: The limit in force.
            following: Query of the next page.
        """
        self.set_header("X-Limit", str(count))
        if len(rows) == count:
            query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
            query |= {name: str(value) for name, value in following.items()}
            self.set_header("Link", f'<{self.request.path}?{urlencode(query)}>; rel="next"')
        return msgspec.json.encode(rows)


class BotOrdersRoute(BotRowsHandler):
    """The orders of a bot, newest first."""

    route = "bot-orders"
    model = list[BotOrder]

    async def answer(self, *args: str) -> bytes:
        count, before = self.value(ROWS), self.value(BEFORE)
        number = (await self.found(args[0])).number
        found = await (await self.service.store.history()).orders(number, limit=count, before=before)
        return self.page([order_answer(row) for row in found], count, before=found[-1].number if found else 0)


class BotFillsRoute(BotRowsHandler):
    """The fills of a bot, newest first."""

    route = "bot-fills"
    model = list[BotFill]

    async def answer(self, *args: str) -> bytes:
        count, before = self.value(ROWS), self.value(BEFORE)
        number = (await self.found(args[0])).number
        found = await (await self.service.store.history()).fills(number, limit=count, before=before)
        return self.page([fill_answer(row) for row in found], count, before=found[-1].number if found else 0)


class BotEquityRoute(BotRowsHandler):
    """The equity of a bot, oldest first."""

    route = "bot-equity"
    query = (MOMENTS, *EQUITY_RANGE)
    model = list[BotEquity]

    async def answer(self, *args: str) -> bytes:
        count, (start_ms, end_ms) = self.value(MOMENTS), (self.value(rule) for rule in EQUITY_RANGE)
        number = (await self.found(args[0])).number
        found = await (await self.service.store.history()).equity(
            number,
            limit=count,
            start_us=None if start_ms is None else start_ms * 1_000,
            end_us=None if end_ms is None else end_ms * 1_000 + 999,
        )
        following = {"start_time": found[-1].time_us // 1_000 + 1} if found and start_ms is not None else {}
        return self.page([equity_answer(row) for row in found], count if following else -1, **following)
