"""Views over the venues of a process: their frames, computed once however many look at them, and their folds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal

import msgspec

from orderfox_nb.clock import Clock
from orderfox_nb.core.events import Topic
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.symbols import ladder_heights, nearest_height
from orderfox_nb.desk.across.everywhere import FoundMarket, listed_now, same_markets, usual_name
from orderfox_nb.desk.across.markets import ACROSS, join_markets, split_markets
from orderfox_nb.desk.across.members import MemberTopic, MemberTopics
from orderfox_nb.desk.across.recipes import ACROSS_STREAMS
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.frames import FrameHub, Recipe
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.studies import State
from orderfox_nb.errors import BadValue


class Across:
    """Views over several venues; they only read the venues' topics, so that a venue's failure stays its own.

    Args:
        desk: Returns the desk of a venue by its name.
        clock: Measures the ten frames a second.
        desks: Returns the desks of all venues.
    """

    def __init__(self, desk: Callable[[str], Desk], clock: Clock, desks: Callable[[], Sequence[Desk]]) -> None:
        self._desk = desk
        self._desks = desks
        self._clock = clock
        self._members: dict[tuple[str, str], MemberTopics] = {}
        self._frames = FrameHub(_LiveHubs(desk, clock), clock=clock, recipe=self._recipe)

    @asynccontextmanager
    async def frames(self, key: FrameKey) -> AsyncGenerator[FrameReader]:
        """Read the frames of a key whose venue is ``*``.

        Raises:
            BadValue: No such venue, or markets of different base assets.
            UnknownSymbol: A venue does not list its symbol.
        """
        async with self.opened(await self.resolved(key)) as reader:
            yield reader

    @asynccontextmanager
    async def opened(self, key: FrameKey) -> AsyncGenerator[FrameReader]:
        """Read the frames of a resolved key."""
        async with self.members(key.symbol, key.stream), self._frames.open(key) as reader:
            yield reader

    async def resolved(self, key: FrameKey, *, offered: bool = False) -> FrameKey:
        """Return the key under which frames are computed, with every venue's own symbol.

        A single market stands for itself and the same market of every other venue that lists it.

        Args:
            key: As it was requested.
            offered: As for ``Desk.resolved``.

        Raises:
            BadValue: No such venue, or markets of different base assets.
            UnknownSymbol: A venue does not list its symbol.
        """
        if key.venue != ACROSS:
            raise BadValue("venue", key.venue, ACROSS)
        bases: dict[str, str] = {}
        heights: list[Decimal] = []
        markets = split_markets(key.symbol)
        if len(markets) == 1:
            [(venue, symbol)] = markets
            listed = await same_markets(self._desks(), self._desk(venue), symbol)
        else:
            # At once: venues that do not answer would cost the time of each.
            listed = await asyncio.gather(*(self._named(venue, symbol) for venue, symbol in markets))
        for venue, symbol, instrument in listed:
            if instrument is None:
                # A venue that cannot be asked now is shown as down, and is tried again.
                continue
            bases[instrument.base] = f"{venue}:{symbol}"
            heights = heights or ladder_heights(instrument.tick_size, self._desk(venue).catalogue.last_price(symbol))
        found = [(one.venue, one.symbol) for one in listed]
        if len(bases) > 1:
            texts = " and ".join(f"{market} of {base}" for base, market in bases.items())
            raise BadValue("symbols", key.symbol, f"markets of one base asset, not {texts}")
        parameters = dict(key.parameters)
        if offered and heights and parameters.get("rounding", "auto") != "auto":
            parameters["rounding"] = decimal_text(nearest_height(Decimal(parameters["rounding"]), heights))
        if len(set(found)) < len(found):
            raise BadValue("symbols", key.symbol, "each market once")
        return msgspec.structs.replace(key, symbol=join_markets(found), parameters=tuple(sorted(parameters.items())))

    def topics(self, key: FrameKey) -> Sequence[tuple[Desk, Topic]]:
        """Return the topics that are opened for the frames of a resolved key, each with its desk."""
        topics = [one.topic for one in self._topics(key.symbol, key.stream) if not one.absent]
        return [(self._desk(topic.venue), topic) for topic in topics]

    @asynccontextmanager
    async def members(self, markets: str, channel: str) -> AsyncGenerator[MemberTopics]:
        """Hold a channel of several markets open; all readers share it.

        Args:
            markets: As in a resolved key.
            channel: Such as ``book``.
        """
        name = markets, channel
        members = self._members.get(name)
        if members is None:
            members = self._members[name] = MemberTopics(self._topics(markets, channel), self._clock)
            members.start()
        members.users += 1
        try:
            yield members
        finally:
            members.users -= 1
            # Once everything is closed they are not here any more.
            if not members.users and self._members.get(name) is members:
                del self._members[name]
                await members.close()

    async def close(self) -> None:
        """End every frame and release every topic."""
        await self._frames.close()
        members, self._members = self._members, {}
        for one in members.values():
            await one.close()

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of the frames."""
        return self._frames.statistics()

    async def _named(self, venue: str, symbol: str) -> FoundMarket:
        instrument = await listed_now(self._desk(venue), symbol)
        return FoundMarket(venue, usual_name(symbol) if instrument is None else instrument.symbol, instrument)

    def _topics(self, markets: str, channel: str) -> list[MemberTopic]:
        return [
            MemberTopic(desk, desk.topic(symbol, channel))
            for venue, symbol in split_markets(markets)
            for desk in (self._desk(venue),)
        ]

    def _recipe(self, key: FrameKey) -> Recipe:
        return ACROSS_STREAMS[key.stream].recipe(key, self._members[key.symbol, key.stream])


class _LiveHubs:
    """The hubs of all venues, as frames follow one: a page in the past has desks of its own, which are never here."""

    moves = 0
    moving = False

    def __init__(self, desk: Callable[[str], Desk], clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def pause(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def settled(self) -> None:
        """No replay is moved."""

    def open(self, topic: Topic) -> AbstractAsyncContextManager[State]:
        return self._desk(topic.venue).hub.open(topic)
