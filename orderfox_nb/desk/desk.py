"""One venue's feed, hub, symbols and frames, wired together; ``desk/desks.py`` has those of a process."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from orderfox_nb import __version__
from orderfox_nb.analytics.studies import input_topics
from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.config import Settings
from orderfox_nb.core.events import Topic
from orderfox_nb.core.formatting import decimal_text
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.core.symbols import ladder_heights, nearest_height
from orderfox_nb.desk.answers import Answers
from orderfox_nb.desk.book_rows import SharedBookRows
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.frames import FrameHub, Recipe
from orderfox_nb.desk.history import VolumeHistory
from orderfox_nb.desk.hub import DEFAULT_BOUND, Hub
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.range_answers import RangeAnswers
from orderfox_nb.desk.ranges import Ranges
from orderfox_nb.desk.reader import EventReader
from orderfox_nb.desk.recorded_past import RecordedPast
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.desk.recordings import Recordings
from orderfox_nb.desk.shown_bots import ShownBots
from orderfox_nb.desk.streams.base import Sources
from orderfox_nb.desk.streams.registry import STREAMS
from orderfox_nb.desk.strip import Strip
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Feed
from orderfox_nb.feeds.past import RangedPast
from orderfox_nb.feeds.recorded import RecordedFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.recording.past_files import PastFiles
from orderfox_nb.recording.recording import Recording
from orderfox_nb.views.contract import QualityAnswer, RecordingHealth, TopicHealth, TopicQuality, VenueHealth
from orderfox_nb.views.quality import topic_quality


class DeskHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Health of a desk."""

    status: Literal["healthy", "degraded"] = "healthy"
    working: bool = True
    """Whether any topic has data, or none is open."""
    problem: str = ""
    topics: Sequence[TopicHealth] = ()
    recording: RecordingHealth = RecordingHealth()
    venues: Sequence[VenueHealth] = ()


class Desk:
    """Serves one feed's markets; entering it opens no socket, the first reader does.

    Args:
        feed: Where the data comes from; the desk enters and leaves it.
        settings: Where the symbol list is kept.
        clock: Measures frames, lingers and ages; the data's own time is the feed's.
        linger_s: How long a topic stays open after its last reader left.
        keeps_list: Whether the symbol list is kept for a start without the venue.
    """

    def __init__(
        self,
        feed: Feed,
        settings: Settings,
        clock: Clock | None = None,
        *,
        linger_s: float = 5.0,
        keeps_list: bool = True,
    ) -> None:
        self._feed = feed
        self._settings = settings
        self.clock = clock or SystemClock()
        """Measures frames, lingers and ages."""
        list_path = _list_path(feed, settings.data_dir) if keeps_list else None
        self.catalogue = Catalogue(feed, list_path, self.clock)
        self.recorder = Recorder(
            settings.data_dir / "recordings",
            self.clock,
            now_us=self.now_us,
            origin=lambda: feed.origin,
            # What is played back is recorded already, and another server records what it sends.
            max_bytes=0 if feed.origin.recorded or feed.origin.source.startswith("http") else settings.recording_bytes,
            max_age_s=settings.recording_hours * 3600,
            software=f"orderfox_nb {__version__}",
        )
        self.recordings = Recordings(
            self.recorder,
            lambda: feed.origin,
            self.clock,
            played=feed.files if isinstance(feed, RecordedFeed) else None,
        )
        self.remote = feed if isinstance(feed, RemoteFeed) else None
        """The server that this reads from; it has the recordings."""
        self.strip = self._own_strip = Strip(self.recorder, self.recordings)
        """Minutes of what is recorded."""
        self.hub = Hub(
            feed,
            linger_s=linger_s,
            clock=self.clock,
            instruments=self.catalogue,
            opened=self.recorder.opened,
            closed=self.recorder.closed,
        )
        self.history = VolumeHistory(feed, self.clock)
        self.ranges: RangedPast = (
            feed
            if isinstance(feed, RangedPast)
            else Ranges(
                feed,
                self.catalogue,
                RecordedPast(settings.data_dir / "recordings", self.clock),
                PastFiles(settings.data_dir / "history", max_bytes=settings.history_bytes),
                partial(_run_name, settings),
            )
        )
        """Ranges of the past; another server joins its own."""
        self.range_answers = RangeAnswers(self.ranges, self.hub, self.catalogue)
        self.answers = Answers(self.hub, self.catalogue, self.history)
        self.bots: ShownBots | None = None
        """The bots of the server that this desk belongs to."""
        self._sources = Sources(
            self.catalogue,
            self.history,
            self.clock,
            self.now_us,
            self._served,
            lambda: self.bots,
            SharedBookRows(),
        )
        self._frames = FrameHub(self.hub, clock=self.clock, recipe=self._recipe)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.hub)
        self._stack.push_async_callback(self.recorder.close)
        self._stack.push_async_callback(self._own_strip.close)
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

    @property
    def played(self) -> Recording | None:
        """The recording that this desk plays; None if the data are live, or played by another server."""
        return self._feed.recording if isinstance(self._feed, RecordedFeed) else None

    def now_us(self) -> int:
        """Return the venue's time."""
        return self.hub.now_us()

    def over(self, feed: Feed) -> Desk:
        """Return a desk over another feed of this venue; topics close with their last reader."""
        desk = Desk(feed, self._settings, self.clock, linger_s=0, keeps_list=False)
        desk.strip = self.strip
        # The present ones: a playhead moves the market.
        desk.bots = self.bots
        return desk

    @asynccontextmanager
    async def frames(self, key: FrameKey) -> AsyncGenerator[FrameReader]:
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
            key: As it was requested.
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
        """Return the channels' topics that are opened for the frames of a resolved key."""
        follows = self._recipe(key).follows
        return [topic for source in follows if isinstance(source, Topic) for topic in input_topics(source)]

    @asynccontextmanager
    async def events(
        self, topic: Topic, *, bound: int = DEFAULT_BOUND, overflow: Literal["gap", "close"] = "gap"
    ) -> AsyncGenerator[EventReader]:
        """Read a topic's numbered events: prelude first, then live through an inbox of ``bound`` events.

        Args:
            topic: A topic of this venue, with a canonical symbol.
            bound: How many events may wait.
            overflow: ``gap``: a slow reader gets a gap and a fresh prelude; ``close``: it gets a ``SlowReader``.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
            FeedError: The venue cannot be asked.
        """
        async with self.hub.events(topic, bound=bound, overflow=overflow) as reader:
            yield reader

    def topic(self, symbol: str, channel: str, interval: str = "") -> Topic:
        """Return a topic of this venue."""
        return Topic(self.venue, symbol, channel, interval)

    def statistics(self) -> Mapping[str, int | float]:
        """Return counters of the feed, hub, frames and symbol list."""
        stats = self.catalogue.stats()
        return {
            **self.hub.statistics(),
            **self._frames.statistics(),
            "history_calls": self.history.calls,
            "history_failures": self.history.failures,
            "catalogue_symbols": stats.symbols,
            "catalogue_calls": stats.exchange_calls,
            "catalogue_failures": stats.failures,
        }

    @property
    def exchange_calls(self) -> int:
        """How many questions the feed has asked, of the venue and of the liquidation history."""
        counts = self._feed.statistics()
        # A recording makes no requests to a venue.
        return int(counts.get("rest_calls", self.catalogue.calls) + counts.get("history_calls", 0))

    def health(self) -> DeskHealth:
        """Return the health of the desk, with a row for each topic."""
        states = sorted(self.hub.topics, key=lambda state: state.topic)
        topics = [topic_health(state) for state in states]
        bad = [row for row in topics if row.state not in {"live", "syncing"}]
        origin = self.origin
        # A halted symbol is not a fault of this server.
        ours = [row for row, state in zip(topics, states, strict=True) if state.quality.market != "halted"]
        nothing_works = (bool(ours) and all(row.state == "down" for row in ours)) or (
            not topics and bool(origin.problem)
        )
        status: Literal["healthy", "degraded"] = "degraded" if bad or origin.problem else "healthy"
        return DeskHealth(
            status=status,
            working=not nothing_works,
            problem=origin.problem,
            topics=topics,
            recording=self.recorder.status(),
            venues=[VenueHealth(self.venue, origin.source, status, origin.problem)],
        )

    async def quality(self, symbol: str) -> QualityAnswer:
        """Return state and lapses of a symbol's topics, of the last 24 h; asking opens none.

        Raises:
            UnknownSymbol: The venue does not list the symbol.
        """
        resolved = (await self.catalogue.resolve(symbol)).instrument.symbol
        rows: list[TopicQuality] = []
        for topic, lapses in sorted(self.hub.lapses(resolved).items()):
            state = self.hub.state(topic)
            quality = state.quality if state is not None else QualityTracker(topic.channel, lapses=lapses)
            rows.append(topic_quality(quality, topic=str(topic), open_now=state is not None))
        return QualityAnswer(resolved, self.now_us() // 1000, rows)

    def _recipe(self, key: FrameKey) -> Recipe:
        return STREAMS[key.stream].recipe(key, self._sources)

    def _served(self) -> Iterable[Recipe]:
        return [stream.recipe for stream in self._frames.active if stream.computed_frame is not None and stream.recipe]


def topic_health(state: TopicState) -> TopicHealth:
    """Return a topic's row of ``/health``."""
    quality = state.quality.wire()
    return TopicHealth(
        topic=str(state.topic),
        state=quality.state,
        coverage=quality.coverage,
        reason=state.quality.reason,
        lag_ms=round(state.lag_us / 1000),
        subscribers=state.users,
        reconnects=state.reconnects,
        dropped=state.lost,
        lapses=len(state.quality.intervals()),
        lost=state.quality.lapses.lost,
    )


def _run_name(settings: Settings, origin: Origin) -> str:
    """Name the run of a venue whose past may be kept, empty for none: another run's past is another one."""
    if origin.recorded or not settings.history_bytes:
        return ""
    if origin.simulated:
        # Another version may simulate another market.
        return f"{origin.venue}-{origin.epoch}-{__version__}" if origin.epoch else ""
    # At another address is another past. Where other venues are read does not matter.
    own = origin.venue.replace("-", "_")
    names = (f"{own}_ws_base_url", f"{own}_api_base_url", "liquidation_api_base_url")
    hosts = [getattr(settings, name, "") for name in names]
    return f"{origin.venue}-{hashlib.blake2b(repr(hosts).encode(), digest_size=6).hexdigest()}"


def _list_path(feed: Feed, folder: Path) -> Path:
    origin = feed.origin
    source = re.sub(r"[^A-Za-z0-9]+", "-", origin.source).strip("-")[:60]
    # One server may have several venues.
    venue = f"-{feed.venue}" if origin.source.startswith("http") else ""
    return folder / f"symbols-{source or origin.venue}{venue}.json"
