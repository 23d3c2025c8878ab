"""Base of every venue's REST client, under its own requests and answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from orderfox_nb.core.events import Channel, Ticker, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.errors import FeedError, MalformedFrame, NoPast
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.past import PastPage, Span
from orderfox_nb.feeds.venue.dialect import MarketStates
from orderfox_nb.feeds.venue.rows import Rows
from orderfox_nb.feeds.venue.weights import ROUTINE, WeightBudget

_log = logging.getLogger(__name__)

Row = TypeVar("Row")

Pager: TypeAlias = Callable[[Any, Topic, Span, int], Awaitable[PastPage]]
"""Returns a page of one channel's past: of a venue's REST, a topic, a span, and a priority."""


class SentRequests(Protocol):
    """Sends requests: ``Requests``, or a layer of the venue over it."""

    @property
    def url(self) -> str: ...

    @url.setter
    def url(self, url: str) -> None: ...

    @property
    def budget(self) -> WeightBudget: ...

    def statistics(self) -> Mapping[str, int | float]: ...

    async def close(self) -> None: ...


class SharedRest:
    """The part of a ``VenueRest`` that is the same at every venue: a venue derives its own and adds its questions.

    Args:
        sent: Sends the requests.
        markets: State of the markets.
        pagers: What reads the past of each channel that REST keeps.
        rows: Reads the lists row by row.
        venue: Name for instruments and errors.
        now_us: The venue's clock.
    """

    def __init__(
        self,
        sent: SentRequests,
        markets: MarketStates,
        pagers: Mapping[Channel, Pager],
        rows: Rows,
        *,
        venue: str,
        now_us: Callable[[], int],
    ) -> None:
        self._sent = sent
        self._pagers = pagers
        self._rows = rows
        self._venue = venue
        self._markets = markets
        self.now_us = now_us
        self.lacks_figures = False
        """Whether figures of the last symbol list were not answered."""

    @property
    def url(self) -> str:
        """Root of the REST host."""
        return self._sent.url

    @url.setter
    def url(self, url: str) -> None:
        self._sent.url = url

    @property
    def budget(self) -> WeightBudget:
        """Request weight."""
        return self._sent.budget

    @property
    def markets(self) -> MarketStates:
        """State of the markets."""
        return self._markets

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of calls and weight."""
        return {**self._sent.statistics(), "rest_rows_left_out": self._rows.left_out}

    async def close(self) -> None:
        """Close every connection."""
        await self._sent.close()

    async def prepare(self, streams: Collection[str]) -> None:
        """Load nothing: every frame says all that it means."""

    async def page(self, topic: Topic, span: Span, *, priority: int = ROUTINE) -> PastPage:
        """Return a page of a channel's past."""
        if (pager := self._pagers.get(topic.channel)) is None:
            raise NoPast(self._venue, f"the past of {topic.channel} is not kept")
        try:
            return await pager(self, topic, span, priority)
        except ValueError as error:
            raise MalformedFrame(self._venue, f"{topic.channel} that cannot be read: {error}") from error

    async def figures(self, asked: Awaitable[Sequence[Row]]) -> Sequence[Row]:
        """Return rows that a symbol list can do without, none where they are not answered."""
        try:
            return await asked
        except FeedError as error:
            _log.warning("the symbol list is without some of its figures: %s", error)
            self.lacks_figures = True
            return ()

    def only(self, rows: Sequence[Row]) -> Row:
        """Return the one row of an answer.

        Raises:
            MalformedFrame: It has another number of rows.
        """
        if len(rows) != 1:
            raise MalformedFrame(self._venue, f"{len(rows)} rows were answered instead of one")
        return rows[0]


def listed(
    instruments: Sequence[Instrument], tickers: Mapping[str, Ticker | None], rates: Mapping[str, float | None]
) -> list[Listing]:
    """Join a venue's instruments with their last 24 hours and their funding rates, by symbol."""
    return [
        Listing(instrument=row, ticker=tickers.get(row.symbol), funding_rate=rates.get(row.symbol))
        for row in instruments
    ]
