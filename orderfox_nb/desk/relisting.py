"""A symbol's tick or lot size changes while it is watched: its record is reloaded, and its topics are rebuilt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from orderfox_nb.clock import Clock
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Gap
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.refinements import Refinements
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import OffStep, OrderFoxError, UnknownSymbol
from orderfox_nb.feeds.base import Feed

_log = logging.getLogger(__name__)

COMPARE_S: Final = 1.0
LIST_EVERY_S: Final = 60.0
"""How often the list is asked whether it is old, while anybody reads: it says which steps have become coarser."""


class Instruments(Protocol):
    """Gives the instrument of a symbol."""

    async def instrument(self, symbol: str) -> Instrument:
        """Return the record of a symbol.

        Raises:
            UnknownSymbol: The venue does not list it.
            FeedError: The venue cannot be asked.
        """
        ...

    async def reload(self, symbol: str) -> Instrument:
        """Ask the venue for the record of a symbol, whatever is known.

        Raises:
            UnknownSymbol: The venue does not list it.
            FeedError: The venue cannot be asked.
        """
        ...

    def record(self, symbol: str) -> Instrument | None:
        """Return the record that is known; sends no request."""
        ...

    async def keep_fresh(self) -> None:
        """Ask the venue where what is known is too old."""
        ...


class ListedOnce:
    """The instruments of a feed, asked for once, and again where one of them is found to have changed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._known: dict[str, Instrument] = {}
        self._lock = asyncio.Lock()

    async def instrument(self, symbol: str) -> Instrument:
        async with self._lock:
            if not self._known:
                await self._load()
        return self._listed(symbol)

    async def reload(self, symbol: str) -> Instrument:
        async with self._lock:
            await self._load()
        return self._listed(symbol)

    def record(self, symbol: str) -> Instrument | None:
        return self._known.get(symbol)

    async def keep_fresh(self) -> None:
        """It is asked once."""

    async def _load(self) -> None:
        listings = await self._feed.listings()
        self._known = {listing.instrument.symbol: listing.instrument for listing in listings}

    def _listed(self, symbol: str) -> Instrument:
        try:
            return self._known[symbol]
        except KeyError:
            raise UnknownSymbol(symbol) from None


class Relisting:
    """Notices that the record of a symbol is another one than its topics are counted by.

    Args:
        instruments: Source of the records.
        clock: Measures the pauses.
        topics: Returns every open topic.
        rebuild: Rebuilds a topic with another record, for a reason.
        reported: Whether the source notices changes itself and reports them in its streams.
    """

    def __init__(
        self,
        instruments: Instruments,
        clock: Clock,
        topics: Callable[[], Sequence[TopicState]],
        rebuild: Callable[[TopicState, Instrument, str], None],
        *,
        reported: bool = False,
    ) -> None:
        self._reported = reported
        self._instruments = instruments
        self._clock = clock
        self._topics = topics
        self._rebuild = rebuild
        self._refinements = Refinements()
        self._reloads: dict[str, asyncio.Task[None]] = {}
        self._loads: dict[str, asyncio.Task[Instrument | None]] = {}
        self._following: set[TopicState] = set()
        """Topics whose source has said so, and that wait for the list."""
        self._outdated: set[TopicState] = set()
        """Topics that were counted by other steps than the list's when it was looked at last."""
        self.relisted = 0
        """How often the steps of a symbol were found to be others."""

    async def instrument(self, symbol: str) -> Instrument:
        """Return the record that a topic is counted by.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        return self._refinements.in_force(await self._instruments.instrument(symbol))

    async def run(self) -> None:
        """Compare the records of open topics with the list, forever."""
        since_s = 0.0
        while True:
            await self._clock.sleep(COMPARE_S)
            since_s += COMPARE_S
            if since_s >= LIST_EVERY_S:
                since_s = 0.0
                await self._instruments.keep_fresh()
            topics = self._topics()
            books_of: dict[str, list[Book]] = {state.topic.symbol: [] for state in topics}
            for state in topics:
                if isinstance(state.fold, Book):
                    books_of[state.topic.symbol].append(state.fold)
            for symbol, books in books_of.items():
                self._refinements.drop_unneeded(symbol, books, self._clock.now_us())
            # A source that notices the change itself says so within the second.
            outdated = {state for state in self._topics() if self._changed(state) is not None}
            for state in outdated & self._outdated if self._reported else outdated:
                if (instrument := self._changed(state)) is not None:
                    self._apply(instrument)
            self._outdated = outdated

    async def reload(self, symbol: str, found: OffStep | None = None) -> None:
        """Reload the record of a symbol and rebuild its topics where the steps are others; never raises.

        Args:
            symbol: The symbol to reload.
            found: What is not a multiple of the known step, if that is why: a record that does not explain it is made
                finer.
        """
        task = self._reloads.get(symbol)
        if task is None:
            task = self._reloads[symbol] = asyncio.create_task(self._load(symbol), name=f"relist {symbol}")
            task.add_done_callback(lambda _: self._reloads.pop(symbol, None))
        await asyncio.wait({task})
        if found is None or (listed := self._instruments.record(symbol)) is None:
            return
        instrument = self._refinements.in_force(listed)
        try:
            instrument.check(*((found.value,) if found.name == "price" else (0.0, found.value)))
        except OffStep as still:
            refined = instrument.refined(still)
            _log.warning("%s: %s, and the venue lists no other; a finer step is counted by", symbol, still)
            self._refinements.add(listed, refined, self._clock.now_us())
            self._apply(refined)

    async def follow(self, state: TopicState, gap: Gap) -> None:
        """Rebuild a topic whose source has noticed the change, and says so in its stream; never raises.

        The source's report is the only one: what is known of the topic follows it, counted by the new steps.

        Args:
            state: The topic, which is read on only behind this.
            gap: The source's report.
        """
        self._following.add(state)
        try:
            if (instrument := self._changed(state)) is None:
                await self._loaded(gap.symbol)
                instrument = self._changed(state)
            if instrument is None:
                # The list cannot be had, or does not name the step that the source counts by.
                state.apply(gap)
                return
            if all(not other.instrument.same_steps(instrument) for other in self._of(gap.symbol)):
                _log.warning("%s", gap.reason)
                self.relisted += 1
            state.follow_relisting(instrument, gap)
        finally:
            self._following.discard(state)

    def _changed(self, state: TopicState) -> Instrument | None:
        """Return the record that is in force, None if the topic is counted by it, or none is known."""
        listed = self._instruments.record(state.topic.symbol)
        instrument = None if listed is None else self._refinements.in_force(listed)
        return None if instrument is None or state.instrument.same_steps(instrument) else instrument

    def _of(self, symbol: str) -> list[TopicState]:
        return [state for state in self._topics() if state.topic.symbol == symbol]

    async def _loaded(self, symbol: str) -> None:
        """Reload the record of a symbol, once for all who wait for it; never raises."""
        task = self._loads.get(symbol)
        if task is None:
            task = self._loads[symbol] = asyncio.create_task(self._ask(symbol), name=f"record {symbol}")
            task.add_done_callback(lambda _: self._loads.pop(symbol, None))
        await asyncio.wait({task})

    async def close(self) -> None:
        """Cancel running reloads."""
        tasks = [*self._reloads.values(), *self._loads.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _load(self, symbol: str) -> None:
        if (listed := await self._ask(symbol)) is not None:
            self._apply(self._refinements.in_force(listed))

    async def _ask(self, symbol: str) -> Instrument | None:
        try:
            return await self._instruments.reload(symbol)
        except OrderFoxError as error:
            _log.warning("%s: its record cannot be loaded: %s", symbol, error)
            return None

    def _apply(self, instrument: Instrument) -> None:
        """Rebuild the topics of a symbol that are counted by other steps."""
        outdated = [
            state
            for state in self._topics()
            if state.topic.symbol == instrument.symbol
            and not state.instrument.same_steps(instrument)
            and state not in self._following
        ]
        if not outdated:
            return
        before = outdated[0].instrument
        reason = (
            f"{instrument.symbol} now has ticks of {decimal_text(instrument.tick_size)} and lots of "
            f"{decimal_text(instrument.lot_size)}, before {decimal_text(before.tick_size)} and "
            f"{decimal_text(before.lot_size)}"
        )
        _log.warning("%s", reason)
        self.relisted += 1
        for state in outdated:
            self._rebuild(state, instrument, reason)
