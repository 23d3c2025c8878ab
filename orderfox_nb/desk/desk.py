"""One process's feed, hub, symbols and frames, wired together: the server and a notebook's engine each hold one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import Settings
from orderfox_nb.core.events import Topic
from orderfox_nb.core.quality import Quality
from orderfox_nb.core.symbols import ladder_heights, nearest_height
from orderfox_nb.desk.answers import Answer, Answers
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.chart_recipes import CandlesRecipe, VolumeRecipe
from orderfox_nb.desk.frames import FrameHub, FrameReader, Recipe
from orderfox_nb.desk.history import VolumeHistory
from orderfox_nb.desk.hub import DEFAULT_BOUND, Hub
from orderfox_nb.desk.keys import FrameKey, decimal_text
from orderfox_nb.desk.market_recipes import LiquidationsRecipe, SymbolsRecipe, TickerRecipe
from orderfox_nb.desk.reader import EventReader
from orderfox_nb.desk.recipes import BookRecipe, DepthRecipe, TradesRecipe
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Feed, Origin
from orderfox_nb.views.quality import topic_quality


class Desk:
    """Serves one feed's markets; entering it opens no socket, the first reader does.

    Args:
        feed: Where the data comes from; the desk enters and leaves it.
        settings: Where the symbol list is kept.
        clock: Measures frames, lingers and ages; the data's own time is the feed's.
        linger_s: How long a topic stays open after its last reader left.
    """

    def __init__(self, feed: Feed, settings: Settings, clock: Clock | None = None, *, linger_s: float = 5.0) -> None:
        self._feed = feed
        self._clock = clock or SystemClock()
        self.catalogue = Catalogue(feed, _list_path(feed.origin, settings.data_dir), self._clock)
        self.hub = Hub(feed, linger_s=linger_s, clock=self._clock, instruments=self.catalogue)
        self.history = VolumeHistory(feed, self._clock)
        self.answers = Answers(self.hub, self.catalogue, self.history)
        now_us, history = self.now_us, self.history
        options, listing = self.catalogue.rounding_options, self.catalogue.listing
        self._recipes: dict[str, Callable[[FrameKey], Recipe]] = {
            "book": lambda key: BookRecipe(key, now_us=now_us, options=options, price=self.catalogue.last_price),
            "depth": lambda key: DepthRecipe(key, now_us=now_us),
            "trades": lambda key: TradesRecipe(key, now_us=now_us),
            "candles": lambda key: CandlesRecipe(key, now_us=now_us, history=history),
            "liquidations": lambda key: LiquidationsRecipe(key, now_us=now_us, listing=listing),
            "ticker": lambda key: TickerRecipe(key, now_us=now_us, listing=listing),
            "symbols": lambda key: SymbolsRecipe(key, now_us=now_us, catalogue=self.catalogue),
            "v1.liquidation_volume": lambda key: VolumeRecipe(
                key, now_us=now_us, history=history, window=self.candle_window, clock=self._clock
            ),
        }
        for public, widget in (("v1.orderbook", "book"), ("v1.trades", "trades"), ("v1.candles", "candles")):
            self._recipes[public] = self._recipes[widget]
        self._frames = FrameHub(self.hub, clock=self._clock, recipe=self._recipe)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.hub)
        self._stack.push_async_callback(self.catalogue.close)
        self._stack.push_async_callback(self.history.close)
        self._stack.push_async_callback(self._frames.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    @property
    def venue(self) -> str:
        return self._feed.venue

    @property
    def origin(self) -> Origin:
        """Where the data comes from, with what is wrong with it."""
        origin = self._feed.origin
        problem = origin.problem or self.catalogue.problem
        return msgspec.structs.replace(origin, problem=problem, demo_symbols=self.catalogue.demo)

    def now_us(self) -> int:
        """Return the venue's time."""
        return self.hub.now_us()

    @asynccontextmanager
    async def frames(self, key: FrameKey) -> AsyncIterator[FrameReader]:
        """Read the frames of a key, newest first and nothing twice.

        Raises:
            BadValue: Another venue's key.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        async with self._frames.open(await self.resolved(key)) as reader:
            yield reader

    async def resolved(self, key: FrameKey, *, offered: bool = False) -> FrameKey:
        """Return the key under which frames are computed: one market has one stream, however its symbol was written.

        Args:
            key: As it was asked for.
            offered: Whether a ladder's row height becomes the nearest one that a panel offers, so that strangers
                share frames.

        Raises:
            BadValue: Another venue's key.
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        if key.venue != self.venue:
            raise BadValue("venue", key.venue, self.venue)
        if key.symbol == "*":
            return key
        instrument = (await self.catalogue.resolve(key.symbol)).instrument
        key = msgspec.structs.replace(key, symbol=instrument.symbol)
        if offered and key.stream == "book" and key["rounding"] != "auto":
            heights = ladder_heights(instrument.tick_size, self.catalogue.last_price(instrument.symbol))
            nearest = decimal_text(nearest_height(Decimal(key["rounding"]), heights))
            key = msgspec.structs.replace(key, parameters=(("rounding", nearest), ("rows", key["rows"])))
        return key

    def topics(self, key: FrameKey) -> Sequence[Topic]:
        """Return what the frames of a resolved key are made from."""
        return self._recipe(key).topics

    @asynccontextmanager
    async def events(
        self, topic: Topic, *, bound: int = DEFAULT_BOUND, overflow: Literal["gap", "close"] = "gap"
    ) -> AsyncIterator[EventReader]:
        """Read a topic's numbered events: prelude first, then live through an inbox of ``bound`` events.

        Args:
            topic: Of this venue, with a canonical symbol.
            bound: How many events may wait.
            overflow: ``gap``: a slow reader gets a gap and a fresh prelude; ``close``: it gets a ``SlowReader``.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        async with self.hub.events(topic, bound=bound, overflow=overflow) as reader:
            yield reader

    async def symbols(self, texts: Sequence[str]) -> bytes:
        """Return which symbols texts mean; see ``Answers.symbols``."""
        return await self.answers.symbols(texts)

    async def trades(self, symbol: str, *, limit: int = 100) -> Answer:
        """Return the REST answer about the newest trades; see ``Answers.trades``."""
        return await self.answers.trades(symbol, limit=limit)

    async def candles(self, symbol: str, interval: str, *, limit: int = 500, end_ms: int | None = None) -> Answer:
        """Return the REST answer about bars; see ``Answers.candles``."""
        return await self.answers.candles(symbol, interval, limit=limit, end_ms=end_ms)

    async def candle_columns(self, symbol: str, interval: str, *, limit: int = 500, end_ms: int | None = None) -> bytes:
        """Return bars as the columns of a candle frame; see ``Answers.candle_columns``."""
        return await self.answers.candle_columns(symbol, interval, limit=limit, end_ms=end_ms)

    async def liquidations(self, symbol: str, *, limit: int = 50) -> Answer:
        """Return the REST answer about past orders; see ``Answers.liquidations``."""
        return await self.answers.liquidations(symbol, limit=limit)

    async def liquidation_volume(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None
    ) -> bytes:
        """Return the REST answer about liquidated volume; see ``Answers.liquidation_volume``."""
        return await self.answers.liquidation_volume(symbol, interval, start_ms=start_ms, end_ms=end_ms)

    def candle_window(self, symbol: str, interval: str) -> tuple[int, int] | None:
        """Return the range of the widest candle window that is being served, None where there is none."""
        found: tuple[int, int] | None = None
        for stream in self._frames.active:
            recipe = stream.recipe
            if (
                stream.press is not None
                and isinstance(recipe, CandlesRecipe)
                and (stream.key.symbol, recipe.interval) == (symbol, interval)
                and (window := recipe.window()) is not None
                and (found is None or window[0] < found[0])
            ):
                found = window
        return found

    def topic(self, symbol: str, channel: str, interval: str = "") -> Topic:
        """Return a topic of this venue."""
        return Topic(self.venue, symbol, channel, interval)  # type: ignore[arg-type]

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of the feed, hub, frames and symbol list."""
        stats = self.catalogue.stats()
        return {
            **self.hub.statistics(),
            **self._frames.statistics(),
            "history_calls": self.history.calls,
            "history_failures": self.history.failures,
            "catalogue_symbols": stats["symbols"],
            "catalogue_calls": stats["exchange_calls"],
            "catalogue_failures": stats["failures"],
        }

    @property
    def exchange_calls(self) -> int:
        """How many questions the feed has asked, of the venue and of the liquidation history."""
        counts = self._feed.statistics()
        # A recording asks nobody but itself, for its symbols.
        return int(counts.get("rest_calls", self.catalogue.calls) + counts.get("history_calls", 0))

    def health(self) -> dict[str, Any]:
        """Return what ``/health`` tells: status, source, one row a topic, and whether anything is ``working``."""
        states = sorted(self.hub.topics, key=lambda state: state.topic)
        topics = [
            {
                "topic": str(state.topic),
                "state": (quality := state.quality.wire()).state,
                "coverage": quality.coverage,
                "reason": state.quality.reason,
                "lag_ms": round(state.lag_us / 1000),
                "subscribers": state.users,
                "reconnects": state.reconnects,
                "dropped": state.lost,
                "lapses": len(state.quality.intervals()),
                "lost": state.quality.lapses.lost,
            }
            for state in states
        ]
        bad = [row for row in topics if row["state"] not in {"live", "syncing"}]
        origin = self.origin
        # A symbol that the venue has halted is no trouble of this server.
        ours = [row for row, state in zip(topics, states, strict=True) if state.quality.market != "halted"]
        nothing_works = (bool(ours) and all(row["state"] == "down" for row in ours)) or (
            not topics and bool(origin.problem)
        )
        return {
            "status": "degraded" if bad or origin.problem else "healthy",
            "working": not nothing_works,
            "source": origin.source,
            "problem": origin.problem,
            "topics": topics,
        }

    async def quality(self, symbol: str) -> dict[str, Any]:
        """Return state and lapses of a symbol's topics, of the last 24 h; asking opens none.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
        """
        resolved = (await self.catalogue.resolve(symbol)).instrument.symbol
        rows: list[dict[str, Any]] = []
        for topic, lapses in sorted(self.hub.lapses(resolved).items()):
            state = self.hub.state(topic)
            quality = state.quality if state is not None else Quality(topic.channel, lapses=lapses)
            rows.append(topic_quality(quality, topic=str(topic), open_now=state is not None))
        return {"symbol": resolved, "time": self.now_us() // 1000, "topics": rows}

    def _recipe(self, key: FrameKey) -> Recipe:
        return self._recipes[key.stream](key)


def _list_path(origin: Origin, folder: Path) -> Path:
    source = re.sub(r"[^A-Za-z0-9]+", "-", origin.source).strip("-")[:60]
    return folder / f"symbols-{source or origin.venue}.json"
