"""GET requests to a venue's REST host: one budget, few connections at once, errors as ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Final, NamedTuple, TypeVar

import aiohttp
import msgspec

from orderfox_nb.clock import Clock, in_time
from orderfox_nb.errors import FeedError, MalformedFrame, UnknownSymbol, VenueBlocked, VenueUnreachable
from orderfox_nb.feeds.charges import charge
from orderfox_nb.feeds.http import AnswerRefused, HttpAnswer, decode_json, fetch, new_session
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.transport import network_reason
from orderfox_nb.feeds.venue.problems import BLOCKED
from orderfox_nb.feeds.venue.weights import ASKED, ROUTINE, WeightBudget

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_LANES: Final = 8
"""Concurrent requests: this many can be refused before the first refusal stops the others."""
_ASKED_LANES: Final = 4
"""And of them single questions of clients: a book never stands in line behind all of them."""

MAX_SMALL_BYTES: Final = 64_000
"""Largest answer about one item, such as the time."""


class RequestLimits(NamedTuple):
    """Limits of one request.

    Args:
        weight: Weight of the request in the venue's budget.
        max_bytes: Largest answer.
    """

    weight: int
    max_bytes: int = MAX_SMALL_BYTES


class Requests:
    """Requests to one venue; opens its first connection with the first of them.

    Args:
        url: Root of the REST host, without the path.
        venue: Name for errors.
        clock: What waiting is measured by.
        weight_limit: Weight a minute.
        refusal: Returns the error that an answer is, None if it is what was requested; given the parameters too.
        used: Returns the weight that the venue has counted in its minute, from the answer's headers.
        timeout_s: For one request, once it may be sent.
        report: Called with the outcome of each request: its error, or ``None``.
        budget_timeout_s: How long a request may wait for its weight; snapshots of streams wait as long as it takes.
    """

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        clock: Clock,
        weight_limit: int,
        refusal: Callable[[HttpAnswer, Mapping[str, str]], FeedError | UnknownSymbol | None],
        used: Callable[[Mapping[str, str]], int | None] = lambda _: None,
        timeout_s: float = 10.0,
        budget_timeout_s: float = 20.0,
        report: Callable[[BaseException | None], None] = lambda _: None,
    ) -> None:
        self.url = url
        self._venue = venue
        self._clock = clock
        self._refusal = refusal
        self._used = used
        self._timeout_s = timeout_s
        self._budget_timeout_s = budget_timeout_s
        self._report = report
        self._session: aiohttp.ClientSession | None = None
        self.budget = WeightBudget(venue, clock, limit=weight_limit)
        self._lanes = asyncio.Semaphore(_LANES)
        self._asked_lanes = asyncio.Semaphore(_ASKED_LANES)
        self.calls = 0
        self.failures = 0
        self._problem_log = ProblemLog(_log, clock)

    async def close(self) -> None:
        """Close every connection."""
        await self.budget.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        return {
            "rest_calls": self.calls,
            "rest_failures": self.failures,
            "rest_waiting": self.budget.waiting,
            "weight_used": self.budget.used,
            "weight_limit": self.budget.limit,
        }

    async def get(
        self,
        path: str,
        kind: type[Answer],
        parameters: Mapping[str, str],
        limits: RequestLimits,
        *,
        priority: int = ROUTINE,
        patient: bool = False,
    ) -> Answer:
        """Send a request when the budget allows it.

        Args:
            path: From the root of the host, with its first slash.
            patient: Wait for the weight as long as it takes.

        Raises:
            FeedError: It was not answered as asked.
            UnknownSymbol: The venue does not know the symbol.
            ClientLimited: The client has used up its recent allowance.
        """
        weight = limits.weight
        if priority == ASKED:
            charge(weight)
        timeout_s = None if patient else self._budget_timeout_s
        while True:
            await self.budget.acquire(weight, priority=priority, timeout_s=timeout_s)
            async with self._asked_lanes if priority == ASKED else nullcontext(), self._lanes:
                if self.budget.paused_s > 0:
                    # The venue stopped another request while this one was queued.
                    self.budget.refund(weight)
                    continue
                return await self._ask(path, kind, parameters, limits)

    async def _ask(self, path: str, kind: type[Answer], parameters: Mapping[str, str], limits: RequestLimits) -> Answer:
        self.calls += 1
        try:
            answer = await self._send(path, kind, parameters, limits)
        except (FeedError, UnknownSymbol) as error:
            self.failures += 1
            if isinstance(error, MalformedFrame):
                self._problem_log.report(path, f"{error} ({self.url})")
            elif isinstance(error, VenueUnreachable):
                _log.info("no answer to %s of %s: %s", path, self.url, error)
            self._report(error)
            raise
        self._report(None)
        self._problem_log.over(path)
        return answer

    async def _send(
        self, path: str, kind: type[Answer], parameters: Mapping[str, str], limits: RequestLimits
    ) -> Answer:
        used: int | None = None
        try:
            answer = await in_time(self._clock, self._timeout_s, self._read(path, parameters, limits.max_bytes))
            used = self._used(answer.headers)
            if (refused := self._refusal(answer, parameters)) is not None:
                raise refused
            return decode_json(answer.body, kind)
        except AnswerRefused as error:
            raise MalformedFrame(self._venue, f"{path}: {error}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise VenueUnreachable(self._venue, f"no answer over REST ({network_reason(error)})") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedFrame(self._venue, f"the answer of {path} has another structure ({error})") from error
        finally:
            self.budget.release(limits.weight, used=used)

    async def _read(self, path: str, parameters: Mapping[str, str], max_bytes: int) -> HttpAnswer:
        if self._session is None:
            self._session = new_session(connections=_LANES)
        return await fetch(self._session, f"{self.url}{path}", parameters, max_bytes=max_bytes)


def refused_by_status(venue: str, status: int, reason: str, *, code: int) -> FeedError | None:
    """Return the error that an HTTP status is at every venue, None if the venue's own code decides.

    Its text is sent to viewers, so it never has the address that was asked, which may be an internal one: the log does.
    """
    if status in BLOCKED:
        return VenueBlocked(venue, reason, status=status, code=code)
    if status >= 500:
        return VenueUnreachable(venue, f"HTTP {status} ({reason})")
    return None
