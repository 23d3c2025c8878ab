"""A large tape is imported beside its server, which answers at once and says how far it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.events import Gap, Status, Topic, Trade
from orderfox_nb.desk import desks as desks_module
from orderfox_nb.desk.desks import Desks
from orderfox_nb.errors import NoPast, SettingError, VenueUnreachable
from orderfox_nb.feeds.imports import pending
from orderfox_nb.feeds.imports.pending import ImportingFeed, likely_venue
from orderfox_nb.feeds.past import Span
from orderfox_nb.feeds.recorded import RecordedFeed
from orderfox_nb.feeds.sources import open_feed, open_feeds
from tests.feeds.imports.made import diff, fill, stamped
from tests.feeds.imports.test_tape_source import FRAMES

pytestmark = pytest.mark.feeds

TRADES = Topic("binance", "ABCUSDT", "trades")


class HeldImport:
    """Holds every import where 40 % are done."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.reached = threading.Event()
        self.stopped = False

    def open(self) -> None:
        self._open.set()

    def import_kept(self, paths: Sequence[Path], root: Path, *, progress: Callable[[float], None]) -> Path:
        progress(0.4)
        self.reached.set()
        while not self._open.wait(0.01):
            try:
                progress(0.4)
            except Exception:
                self.stopped = True
                raise
        return real_import(paths, root, progress=progress)


real_import = pending.import_kept


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldImport]:
    gate = HeldImport()
    monkeypatch.setattr(pending, "import_kept", gate.import_kept)
    monkeypatch.setattr(pending, "LONG_BYTES", 0)
    yield gate
    gate.open()


def write_tape(folder: Path, frames: bytes) -> None:
    (folder / "abc").write_bytes(frames)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_tape(tmp_path, FRAMES)
    return load_settings(ORDERFOX_DATA_DIR=str(tmp_path / "data"), ORDERFOX_SOURCE=f"tape:{tmp_path / 'abc'}?speed=max")


def importing(settings: Settings) -> ImportingFeed:
    feed = open_feed(settings.source, settings, clock=ManualClock(), beside=True)
    assert isinstance(feed, ImportingFeed)
    return feed


async def reached(gate: HeldImport) -> None:
    assert await asyncio.to_thread(gate.reached.wait, 30)


async def test_a_reader_waits_for_the_import_and_then_reads_the_recording(settings: Settings, gate: HeldImport) -> None:
    async with asyncio.timeout(60), importing(settings) as feed:
        await reached(gate)
        assert feed.origin.problem == "importing abc, 40 %"
        assert feed.statistics()["imported_percent"] == 40
        with pytest.raises(VenueUnreachable, match="importing abc, 40 %"):
            await feed.listings()
        with pytest.raises(NoPast, match="40 %"):
            await feed.past.page(TRADES, Span(limit=10))
        async with aclosing(feed.stream(TRADES)) as events:
            first = await anext(events)
            assert isinstance(first, Status)
            assert (first.state, first.reason) == ("connecting", "importing abc, 40 %")
            gate.open()
            found = [event async for event in _until(events, "the recording ends here")]
        gap = next(event for event in found if not isinstance(event, Status))
        assert isinstance(gap, Gap)
        assert gap.relisted
        assert [event.id for event in found if isinstance(event, Trade)] == ["1"]
        assert feed.origin.problem == ""
        assert [row.instrument.symbol for row in await feed.listings()] == ["ABCUSDT"]


async def _until(events: object, reason: str):  # type: ignore[no-untyped-def]
    async for event in events:  # type: ignore[attr-defined]
        if isinstance(event, Status) and event.reason == reason:
            return
        yield event


async def test_desks_open_at_once_and_their_health_says_how_far_it_is(
    settings: Settings, gate: HeldImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks_module, "DISCOVERY_S", 0.0)
    feeds = open_feeds(settings.source, settings, beside=True)
    async with asyncio.timeout(60), Desks(feeds, settings) as desks:
        await reached(gate)
        health = desks.health()
        assert (health.status, health.working) == ("degraded", False)
        assert "importing abc, 40 %" in health.problem
        gate.open()
        await desks.discover()
        assert desks.first.origin.problem == ""
        assert desks.first.venue == "binance"
        row = await desks.first.catalogue.resolve("ABCUSDT")
        async with desks.first.hub.watch(Topic("binance", row.instrument.symbol, "trades")) as state:
            assert await state.until_whole(30)
            assert [trade.id for trade in state.fold.view()] == ["1"]
        assert desks.first.recordings.span_us is not None


async def test_an_import_ends_with_its_feed(settings: Settings, gate: HeldImport) -> None:
    async with importing(settings):
        await reached(gate)
    assert gate.stopped
    assert not list((settings.data_dir / "imports").glob("*/*.ofj"))


async def test_a_file_that_turns_out_to_be_none_is_named(settings: Settings, gate: HeldImport) -> None:
    write_tape(settings.data_dir.parent, b'1760000000000000000 {"result":null,"id":1}\n')
    gate.open()
    async with asyncio.timeout(60), importing(settings) as feed:
        with pytest.raises(VenueUnreachable, match="abc cannot be imported"):
            await feed.venues(taken=())
        assert "cannot be imported" in feed.origin.problem
        with pytest.raises(VenueUnreachable, match="cannot be imported"):
            await anext(feed.stream(TRADES))


def test_a_kernel_imports_before_it_reads(
    settings: Settings, gate: HeldImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "import_kept", real_import)
    (feed,) = open_feeds(settings.source, settings)
    assert isinstance(feed, RecordedFeed)
    monkeypatch.setattr(pending, "LONG_BYTES", 10**9)
    (small,) = open_feeds(settings.source, settings, beside=True)
    assert isinstance(small, RecordedFeed)
    with pytest.raises(SettingError, match="a start inside the recording"):
        open_feeds(f"{settings.source}&start=2001-01-01T00:00", settings)


def test_the_venue_is_known_by_the_first_lines(tmp_path: Path) -> None:
    spot = diff(100, 105, 99)
    spot.pop("pu")
    for name, frames, venue in (
        ("futures", FRAMES, "binance"),
        ("spot", stamped([(0, spot)]), "binance-spot"),
        ("neither", stamped([(0, fill(1, "11.0", "0.5", at_ms=0))]), "imported"),
    ):
        (tmp_path / name).write_bytes(frames)
        assert likely_venue(tmp_path / name) == venue
