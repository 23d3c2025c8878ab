"""How a study is added: its fold and one row. Its frame, its DataFrame and its quality follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import pytest

from orderfox_nb import engine as engines
from orderfox_nb.analytics.studies import STUDIES, Columns, Study
from orderfox_nb.clock import ManualClock, settle
from orderfox_nb.config import load_settings
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Event, Gap, MarkPrice, Status, Topic, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import bar_open_us
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import BadValue
from orderfox_nb.market.connection import Market
from tests.desk.scripted import VENUE, ScriptedFeed, live, trade

pytestmark = pytest.mark.core


# --8<-- the fold, a file of its own in analytics/
class Cvd:
    """Cumulative volume delta of each bar, with the last mark price in it."""

    KEPT = 500

    def __init__(self, instrument: Instrument, interval: str) -> None:
        self.instrument = instrument
        self.interval = interval
        self._last = -1
        self._bars: dict[int, list[float]] = {}

    def apply(self, event: Event) -> None:
        if isinstance(event, Trade) and event.sequence is not None and event.sequence > self._last:
            self._last = event.sequence
            self._bar(event.time_us)[0] += event.size if event.aggressor == "buy" else -event.size
        elif isinstance(event, MarkPrice):
            self._bar(event.time_us)[1] = event.mark_price

    def _bar(self, time_us: int) -> list[float]:
        bar = self._bars.setdefault(bar_open_us(time_us, self.interval), [0.0, 0.0])
        if len(self._bars) > self.KEPT:
            del self._bars[min(self._bars)]
        return bar

    def view(self) -> Sequence[tuple[int, float, float]]:
        return [(open_us, delta, mark) for open_us, (delta, mark) in sorted(self._bars.items())]

    def prelude(self) -> Sequence[Event]:
        return ()

    def digest(self) -> str:
        return digest_of(sorted(self._bars))


def cvd_columns(view: Sequence[tuple[int, float, float]]) -> Columns:
    total, sums = 0.0, list[float]()
    for _, delta, _ in view:
        total += delta
        sums.append(total)
    return {
        "time_us": [open_us for open_us, _, _ in view],
        "delta": [delta for _, delta, _ in view],
        "cvd": sums,
        "mark": [mark for _, _, mark in view],
    }


# --8<-- the row, in analytics/studies.py
CVD: Final = Study(name="cvd", inputs=("trades", "mark"), fold=Cvd, columns=cvd_columns, needs_interval=True)
# --8<-- end

MINUTE_US: Final = 60_000_000
START_US: Final = 1_700_000_040_000_000
TRADES: Final = Topic(VENUE, "BTCUSDT", "trades")
MARK: Final = Topic(VENUE, "BTCUSDT", "mark")
TOPIC: Final = Topic(VENUE, "BTCUSDT", "cvd", "1m")


def mark(time_us: int, price: float) -> MarkPrice:
    return MarkPrice(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        mark_price=price,
        index_price=price,
        funding_rate=0.0001,
        next_funding_us=0,
    )


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> ScriptedFeed:
    """A feed of two bars: bought 0.5 and sold 0.5, then bought 0.5."""
    monkeypatch.setitem(STUDIES, CVD.name, CVD)
    feed = ScriptedFeed(ManualClock(START_US + 2 * MINUTE_US))
    feed.preludes[TRADES] = [trade(START_US + 1, 1), trade(START_US + 2, 2), trade(START_US + MINUTE_US, 3)]
    feed.preludes[MARK] = [mark(START_US + 3, 50_001.0), mark(START_US + MINUTE_US + 1, 50_002.0)]
    return feed


async def test_a_study_has_frames_of_its_columns_with_the_quality_of_its_worst_input(feed: ScriptedFeed):
    clock = feed.clock
    async with Desk(feed, load_settings(), clock, linger_s=0) as desk:
        key = frame_key(VENUE, "BTCUSDT", "study", {"name": "cvd", "interval": "1m"})
        async with desk.frames(key) as reader:
            frame = await _frame(reader, clock)
            assert frame["columns"] == {
                "time": [START_US // 1000, (START_US + MINUTE_US) // 1000],
                "delta": [0.0, 0.5],
                "cvd": [0.0, 0.5],
                "mark": [50_001.0, 50_002.0],
            }
            assert frame["quality"]["state"] == "live"
            feed.put(TRADES, trade(START_US + MINUTE_US + 2, 4, size=2.0))
            feed.put(MARK, mark(START_US + MINUTE_US + 3, 50_003.0))
            frame = await _frame(reader, clock)
            assert (frame["columns"]["cvd"][-1], frame["columns"]["mark"][-1]) == (-1.5, 50_003.0)
            feed.put(TRADES, Gap(symbol="BTCUSDT", time_us=START_US + MINUTE_US + 4, reason="trades were missed"))
            assert (await _frame(reader, clock))["quality"]["state"] == "gap"
        # Its inputs close with its last reader.
        await settle()
        assert feed.closed == {TRADES: 1, MARK: 1}


async def test_a_study_is_whole_when_all_of_its_inputs_are_and_starts_again_with_its_venue(feed: ScriptedFeed):
    feed.preludes[MARK] = []
    async with Hub(feed, linger_s=0, clock=feed.clock) as hub, hub.open(TOPIC) as state:
        await settle()
        assert not state.whole
        assert state.quality.wire().state == "syncing"
        feed.put(MARK, mark(START_US, 50_001.0), live(START_US))
        await settle()
        assert state.whole
        async with hub.open(TOPIC) as second:
            assert second is state
        assert [delta for _, delta, _ in state.fold.view()] == [0.0, 0.5]
        feed.put(TRADES, Gap(symbol="BTCUSDT", time_us=START_US, reason="the venue restarted", restart=True))
        await settle()
        assert not state.whole
        # What the other input knows is still there.
        assert state.fold.view() == [(START_US, 0.0, 50_001.0)]
        feed.put(TRADES, trade(START_US, 1), Status(symbol="BTCUSDT", time_us=START_US, state="live"))
        await settle()
        assert state.whole
        assert state.fold.view() == [(START_US, 0.5, 50_001.0)]


async def test_a_study_that_fails_ends_alone(feed: ScriptedFeed, monkeypatch: pytest.MonkeyPatch):
    class Failing(Cvd):
        def apply(self, event: Event) -> None:
            if isinstance(event, Trade) and event.sequence is not None and event.sequence > 3:
                raise ZeroDivisionError
            super().apply(event)

    monkeypatch.setitem(STUDIES, CVD.name, msgspec.structs.replace(CVD, fold=Failing))
    async with Hub(feed, linger_s=0, clock=feed.clock) as hub, hub.open(TOPIC) as state, hub.watch(TRADES) as trades:
        feed.put(TRADES, trade(START_US + MINUTE_US, 4), trade(START_US + MINUTE_US, 5))
        await settle()
        assert isinstance(state.error, ZeroDivisionError)
        assert trades.error is None
        assert trades.sequence == 3 + 1 + 2
        # The next reader starts again.
        monkeypatch.setitem(STUDIES, CVD.name, CVD)
        async with hub.open(TOPIC) as again:
            assert again.error is None
            assert again.fold.view()[-1][1] == 0.5


def test_a_study_is_a_dataframe_in_a_notebook(feed: ScriptedFeed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "open_feeds", lambda _source, _settings: [feed])
    engine = engines.Engine(load_settings()).start()
    try:
        with Market(engine) as market:
            study = market["btc"].study("cvd", "1m")
            df = study.df
            assert df["cvd"].tolist() == [0.0, 0.5]
            assert df.index[0].value == START_US * 1000
            assert (df.attrs["quality"]["state"], df.attrs["quality"]["whole"]) == ("live", True)
            assert study.quality["coverage"] == "complete"
            with pytest.raises(BadValue, match="a timeframe for cvd"):
                market["btc"].study("cvd")
            with pytest.raises(BadValue, match="one of live_candles, cvd"):
                market["btc"].study("obv")
    finally:
        engine.stop()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"name": "obv"}, "one of live_candles, cvd"),
        ({"name": "cvd"}, "a timeframe for cvd"),
        ({"name": "cvd", "interval": "7m"}, "one of 1m"),
    ],
)
async def test_a_study_that_cannot_be_is_refused(feed: ScriptedFeed, parameters: Mapping[str, str], expected: str):
    async with Desk(feed, load_settings(), feed.clock, linger_s=0) as desk:
        with pytest.raises(BadValue, match=expected):
            async with desk.frames(frame_key(VENUE, "BTCUSDT", "study", parameters)):
                raise AssertionError("it was opened")


async def _frame(reader: FrameReader, clock: ManualClock) -> dict[str, Any]:
    """Return the next frame, in full."""
    await settle()
    await clock.advance(0.1)
    await settle()
    frame = reader.next_frame()
    assert frame is not None
    assert frame.full
    return msgspec.json.decode(frame.text)
