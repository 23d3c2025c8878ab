"""The liquidation-history API: past orders and past volume of one venue's symbols."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from orderfox_nb.clock import Clock, SystemClock, in_time
from orderfox_nb.core.events import Liquidation
from orderfox_nb.core.numerals import MAX_AMOUNT, MAX_PRICE, MAX_TIME_MS
from orderfox_nb.core.timeframes import DAY_US, bar_open_us, next_bar_us
from orderfox_nb.errors import MalformedFrame, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.http import AnswerRefused, HttpAnswer, decode_json, fetch, new_session
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.transport import network_reason

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)

_NAME: Final = "the liquidation history"
MAX_BYTES: Final = 8_000_000
"""Largest answer: 1,000 orders have 300 kB, a week of minutes 2 MB."""
_MAX_PAGES: Final = 20
_PAGE_SIZE: Final = 1_000
_PROOF_DAYS: Final = 30
"""How far back to look for orders, to distinguish a quiet period from one that the API does not cover."""
_MAX_SYMBOLS: Final = 5_000

_ASKED: Final[Mapping[str, str]] = {
    "3m": "1m",
    "2h": "1h",
    "6h": "1h",
    "8h": "4h",
    "12h": "4h",
    "3d": "1d",
    "1w": "1d",
    "1M": "1d",
}
"""What is requested where the API does not have the timeframe; buckets of it are summed."""


class _Volume(Struct, frozen=True):
    timestamp: int
    side: str
    cumulated_usd_size: float


class _Order(Struct, frozen=True):
    symbol: str
    side: str
    order_filled_accumulated_quantity: float
    order_trade_time: int
    price: float = 0.0
    average_price: float = 0.0


class _Pagination(Struct, frozen=True):
    has_more: bool = False


class _Page(Struct, frozen=True):
    data: list[_Order]
    pagination: _Pagination = _Pagination()


class LiquidationHistory:
    """Asks the API behind ``LIQUIDATION_API_BASE_URL``; opens its first connection with the first request.

    Args:
        url: Base of the API, ending in ``/api``. The log has it; errors, which viewers see, do not.
        venue: Name for errors: that of the venue whose liquidations it has.
        timeout_s: For one request.
        clock: What that is measured by.
    """

    def __init__(self, url: str, *, venue: str, timeout_s: float = 15.0, clock: Clock | None = None) -> None:
        self.url = url.rstrip("/")
        self._venue = venue
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._session: aiohttp.ClientSession | None = None
        self._problem_log = ProblemLog(_log, self._clock)
        self._reach_us: dict[str, int] = {}
        """The oldest that the API is known to have of a symbol."""
        self.calls = 0
        self.failures = 0

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def orders(self, symbol: str, *, limit: int = 50) -> list[Liquidation]:
        """Return the newest orders, oldest first.

        Raises:
            FeedError: The API cannot be asked.
        """
        rows = await self._get(
            "liquidation-orders", list[_Order], {"symbol": symbol, "limit": str(max(1, min(limit, 1_000)))}
        )
        return _liquidations(rows or [], symbol)

    async def orders_before(self, symbol: str, end_us: int, *, limit: int = _PAGE_SIZE) -> list[Liquidation]:
        """Return the newest orders before a time, oldest first.

        Raises:
            FeedError: The API cannot be asked.
        """
        answer = await self._page(symbol, 0, end_us, size=limit)
        return _liquidations([] if answer is None else answer.data, symbol)

    async def newest_between(self, symbol: str, start_us: int, end_us: int) -> tuple[list[Liquidation], bool]:
        """Return the newest orders of a time range that fit one answer, oldest first, and whether they are all of it.

        Raises:
            FeedError: The API cannot be asked.
        """
        answer = await self._page(symbol, start_us, end_us)
        if answer is None:
            return [], True
        return _liquidations(answer.data, symbol), not answer.pagination.has_more

    async def orders_between(self, symbol: str, start_us: int, end_us: int) -> tuple[list[Liquidation], bool]:
        """Return the orders of a time range, oldest first, and whether there are no more: else the oldest are missing.

        Raises:
            FeedError: The API cannot be asked.
        """
        rows: list[_Order] = []
        for page in range(1, _MAX_PAGES + 1):
            answer = await self._page(symbol, start_us, end_us, page=page)
            rows += [] if answer is None else answer.data
            if answer is None or not answer.pagination.has_more:
                return _liquidations(rows, symbol), True
        return _liquidations(rows, symbol), False

    async def _page(
        self, symbol: str, start_us: int, end_us: int, *, page: int = 1, size: int = _PAGE_SIZE
    ) -> _Page | None:
        parameters = {
            "symbol": symbol,
            "start_timestamp": str(start_us // 1_000),
            "end_timestamp": str(-(-end_us // 1_000)),
            "page": str(page),
            "page_size": str(size),
        }
        answer = await self._get("liquidation-orders", _Page, parameters)
        if answer is not None and len(answer.data) > size:
            raise self._malformed("liquidation-orders", f"a page has {len(answer.data):,} orders")
        return answer

    async def volume(
        self, symbol: str, interval: str, *, start_us: int, end_us: int
    ) -> Sequence[tuple[int, float, float, int]] | None:
        """Return ``(bucket start, buy, sell, count)`` of epoch-aligned buckets from ``start_us`` to before ``end_us``.

        The API counts no orders: the count is one for each side of a bucket with a sum, the least there can be. It has
        no word for what it does not know, and answers nothing then too: so nothing means that nothing was liquidated
        where the API has something from before, and ``None``, not known, where it has not.

        Raises:
            FeedError: The API cannot be asked.
        """
        asked = _ASKED.get(interval, interval)
        # The API aligns its buckets to the start that it is given.
        first_us = bar_open_us(start_us, interval)
        if first_us < start_us:
            first_us = next_bar_us(first_us, interval)
        if first_us >= end_us:
            return []
        rows = await self._get(
            "liquidations",
            list[_Volume],
            {
                "symbol": symbol,
                "timeframe": asked,
                "start_timestamp": str(first_us // 1_000),
                "end_timestamp": str(end_us // 1_000),
            },
        )
        buckets: dict[int, tuple[float, float, int]] = {}
        for row in rows or []:
            size, time_us = row.cumulated_usd_size, row.timestamp * 1_000
            if not first_us <= time_us < end_us or not 0 < size < MAX_AMOUNT:
                continue
            bucket_us = bar_open_us(time_us, interval)
            buy, sell, count = buckets.get(bucket_us, (0.0, 0.0, 0))
            if row.side.upper() == "BUY":
                buckets[bucket_us] = (buy + size, sell, count + 1)
            else:
                buckets[bucket_us] = (buy, sell + size, count + 1)
        if not buckets:
            return [] if await self._reaches(symbol, first_us) else None
        self._note_reach(symbol, min(buckets))
        return [(bucket_us, *buckets[bucket_us]) for bucket_us in sorted(buckets)]

    async def _reaches(self, symbol: str, before_us: int) -> bool:
        """Return whether the API has anything of a symbol from before a time."""
        if self._reach_us.get(symbol, before_us) < before_us:
            return True
        until_us = bar_open_us(before_us, "1d")
        from_us = until_us - _PROOF_DAYS * DAY_US
        rows = await self._get(
            "liquidations",
            list[_Volume],
            {
                "symbol": symbol,
                "timeframe": "1d",
                "start_timestamp": str(from_us // 1_000),
                "end_timestamp": str(until_us // 1_000),
            },
        )
        times = [row.timestamp * 1_000 for row in rows or [] if row.cumulated_usd_size > 0]
        earlier = [time_us for time_us in times if from_us <= time_us < until_us]
        if earlier:
            self._note_reach(symbol, min(earlier))
        return bool(earlier)

    def _note_reach(self, symbol: str, time_us: int) -> None:
        if len(self._reach_us) >= _MAX_SYMBOLS and symbol not in self._reach_us:
            self._reach_us.clear()
        self._reach_us[symbol] = min(time_us, self._reach_us.get(symbol, time_us))

    async def _get(self, path: str, kind: type[Answer], parameters: Mapping[str, str]) -> Answer | None:
        """Send a request; ``None`` for a 404: there is nothing, or the API does not know."""
        self.calls += 1
        try:
            status, _, _, body = await in_time(self._clock, self._timeout_s, self._read(path, parameters))
            if status == 404:
                return None
            if status >= 500 or status in (408, 429):
                raise VenueUnreachable(self._venue, f"{_NAME} answers with HTTP {status}")
            if status != 200:
                raise VenueRefused(self._venue, f"{_NAME} answers with HTTP {status}", status=status)
            answer: Answer = decode_json(body, kind)
        except AnswerRefused as error:
            raise self._malformed(path, str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.failures += 1
            reason = network_reason(error)
            _log.info("no answer to %s of %s: %s", path, self.url, reason)
            raise VenueUnreachable(self._venue, f"{_NAME} cannot be reached ({reason})") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._malformed(path, f"its answer has another structure ({error})") from error
        except (VenueUnreachable, VenueRefused) as error:
            self.failures += 1
            _log.info("no answer to %s of %s: %s", path, self.url, error)
            raise
        self._problem_log.over(path)
        return answer

    def _malformed(self, path: str, problem: str) -> MalformedFrame:
        self.failures += 1
        error = MalformedFrame(self._venue, f"{path} of {_NAME}: {problem}")
        self._problem_log.report(path, f"{error} ({self.url})")
        return error

    async def _read(self, path: str, parameters: Mapping[str, str]) -> HttpAnswer:
        if self._session is None:
            self._session = new_session(connections=8)
        return await fetch(self._session, f"{self.url}/{path}", parameters, max_bytes=MAX_BYTES)


def _liquidations(rows: Sequence[_Order], symbol: str) -> list[Liquidation]:
    orders = [
        Liquidation(
            symbol=row.symbol,
            time_us=row.order_trade_time * 1_000,
            side="buy" if row.side.upper() == "BUY" else "sell",
            size=row.order_filled_accumulated_quantity,
            price=row.average_price or row.price,
            limit_price=row.price,
        )
        for row in rows
        if row.symbol == symbol
        and 0 < row.order_filled_accumulated_quantity < MAX_AMOUNT
        and 0 <= row.average_price < MAX_PRICE
        and 0 <= row.price < MAX_PRICE
        and 0 <= row.order_trade_time <= MAX_TIME_MS
    ]
    return sorted(orders, key=lambda order: order.time_us)
