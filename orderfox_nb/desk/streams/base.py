"""Streams of frames, and the base classes of their recipes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from orderfox_nb.analytics.studies import LIVE_CANDLES
from orderfox_nb.clock import Clock
from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import QualityState
from orderfox_nb.core.timeframes import next_bar_us
from orderfox_nb.desk.book_rows import SharedBookRows
from orderfox_nb.desk.catalogue import Catalogue
from orderfox_nb.desk.frames import Recipe
from orderfox_nb.desk.history import VolumeHistory
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import Parameter
from orderfox_nb.desk.shown_bots import ShownBots
from orderfox_nb.desk.studies import State
from orderfox_nb.desk.watched import Watchable
from orderfox_nb.errors import FeedError
from orderfox_nb.views.stamp import Stamp

FoldT = TypeVar("FoldT")
Range = tuple[int, int]
"""From a microsecond up to another one."""


class Sources(NamedTuple):
    """Data of a desk that recipes use, in addition to the folds of their topics."""

    catalogue: Catalogue
    history: VolumeHistory
    clock: Clock
    now_us: Callable[[], int]
    """The venue's clock."""
    served: Callable[[], Iterable[Recipe]]
    """Recipes whose frames have readers now."""
    bots: Callable[[], ShownBots | None]
    """The bots of the server, None if there is none behind this desk."""
    book_rows: SharedBookRows
    """Rows of the books that are shown."""


class Stream(NamedTuple):
    """A kind of frames. One whose name begins with ``v1.`` is public and has a WebSocket of its own."""

    name: str
    parameters: Sequence[Parameter]
    recipe: Callable[[FrameKey, Sources], Recipe]
    """Makes the recipe that turns the folds of a key's topics into its frames."""
    messages: Sequence[str] = ()
    """Types of a public stream's messages."""
    per_symbol: bool = True
    """Whether it is about a symbol, otherwise about all of the server."""

    @property
    def public(self) -> bool:
        return self.name.startswith("v1.")

    def rule(self, name: str) -> Parameter:
        """Return a parameter by its name."""
        return next(rule for rule in self.parameters if rule.name == name)


class OneTopic(Generic[FoldT]):
    """Base of recipes whose data is that of their first topic.

    Args:
        key: Key of the frame.
        sources: Data of the desk.
        kind: The class of the first topic's fold.
        topics: Topics whose folds it shows, of channels or studies.
    """

    def __init__(self, key: FrameKey, sources: Sources, kind: type[FoldT], *topics: Topic) -> None:
        self.key = key
        self.follows: Sequence[Topic | Watchable] = topics
        self.sources = sources
        self.now_us = sources.now_us
        self._kind = kind
        self._state: State | None = None

    @property
    def state(self) -> State:
        """The topic's state, once it is open."""
        if self._state is None:
            raise FeedError(self.key.venue, f"{self.follows[0]} is not open")
        return self._state

    @property
    def fold(self) -> FoldT:
        """The topic's fold."""
        return self.state.fold_as(self._kind)

    @property
    def instrument(self) -> Instrument:
        return self.state.instrument

    async def prepare(self, states: Sequence[State | None]) -> None:
        self._state = states[0]

    def request(self) -> None:
        """Request nothing: all data comes with the topics."""

    def version(self) -> object:
        return self.state.revision, self.state.quality.wire()

    def ready(self) -> bool:
        """A widget gets its first frame at once, also an empty one."""
        return True

    def stamp(self) -> Stamp:
        return Stamp(key=self.key.text, time_us=self.now_us(), quality=self.state.quality.wire())

    def delta(self, before: Any, view: Any, stamp: Stamp) -> tuple[bytes, ...] | None:
        """Most frames change nearly everywhere, or are small: every one is full."""


class PublicTopic(OneTopic[FoldT]):
    """Base of recipes of the public contract: a client's first message has data, or says why there is none."""

    def ready(self) -> bool:
        return self.state.whole or self.state.quality.state is not QualityState.SYNCING


class BarsRecipe(OneTopic[CandleState]):
    """Base of recipes of bars: a window of the newest ones.

    Args:
        key: Key with the parameter ``interval``.
        sources: Data of the desk.
        bars: Number of bars.
        beside: Topics beside the candles.
    """

    def __init__(self, key: FrameKey, sources: Sources, *beside: Topic, bars: int) -> None:
        self.interval = key["interval"]
        super().__init__(key, sources, CandleState, Topic(key.venue, key.symbol, LIVE_CANDLES, self.interval), *beside)
        self._bars = bars

    def version(self) -> object:
        return self.fold.version, self.state.restarts, self.state.quality.wire()

    @property
    def columns(self) -> BarColumns:
        return self.fold.columns(self._bars)

    def window(self) -> Range | None:
        """Return the time from the first bar to the last one's end, None while there is no bar."""
        if self._state is None:
            return None
        starts = self.columns.open_us
        return (int(starts[0]), next_bar_us(int(starts[-1]), self.interval)) if len(starts) else None
