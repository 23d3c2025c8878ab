"""``tape:<file>``: imported once by the contents of the file, then played as a recording."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from orderfox_nb.clock import ManualClock
from orderfox_nb.config import Settings, load_settings
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import Event, Liquidation, Status, Topic, Trade
from orderfox_nb.errors import SettingError
from orderfox_nb.feeds.imports.shown import import_kept
from orderfox_nb.feeds.recorded import RecordedFeed
from orderfox_nb.feeds.sources import open_feed
from tests.feeds.imports.made import body, diff, fill, forced, stamped

pytestmark = pytest.mark.feeds

FRAMES = stamped(
    [
        (0, diff(100, 105, 99)),
        (5, body(105, [["10.0", "1"]], [["11.0", "1"]])),
        (10, diff(106, 106, 105, bids=[["9.5", "2"]], at_ms=10)),
        (20, fill(1, "11.0", "0.5", at_ms=20)),
        (30, diff(107, 107, 106, bids=[["9.6", "3"]], at_ms=30)),
    ]
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(ORDERFOX_DATA_DIR=str(tmp_path / "data"))


async def _played(feed: RecordedFeed, channel: str) -> AsyncIterator[Event]:
    """Yield the events of a topic up to the end of the recording."""
    async with asyncio.timeout(60), aclosing(feed.stream(Topic(feed.venue, "ABCUSDT", channel))) as stream:
        async for event in stream:
            if isinstance(event, Status) and event.reason == "the recording ends here":
                return
            yield event


def _open(source: str, settings: Settings) -> RecordedFeed:
    feed = open_feed(source, settings, clock=ManualClock())
    assert isinstance(feed, RecordedFeed)
    return feed


async def test_a_tape_is_imported_and_played_by_whoever_reads_first(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "abc.gz").write_bytes(gzip.compress(FRAMES))
    # A reader of the trades alone starts it too.
    async with _open(f"tape:{tmp_path / 'abc.gz'}?speed=max", settings) as feed:
        trades = [event async for event in _played(feed, "trades") if isinstance(event, Trade)]
    assert [(trade.id, trade.price) for trade in trades] == [("1", 11.0)]

    async with _open(f"tape:{tmp_path / 'abc.gz'}?speed=max", settings) as feed:
        assert feed.origin.recorded
        assert feed.origin.source == f"tape:{tmp_path / 'abc.gz'}?speed=max"
        (listing,) = await feed.listings()
        book = Book(listing.instrument)
        async for event in _played(feed, "book"):
            book.apply(event)
    assert [listing.instrument.price(int(tick)) for tick in book.levels("bid")[0]] == [10.0, 9.6, 9.5]


async def test_liquidations_that_were_recorded_beside_it_are_played(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "abc").write_bytes(FRAMES)
    (tmp_path / "orders.jsonl").write_text(json.dumps(forced("SELL", "3", "9.98", at_ms=15)))
    source = f"tape:{tmp_path / 'abc'}?speed=max&liquidations={tmp_path / 'orders.jsonl'}"
    async with _open(source, settings) as feed:
        orders = [event async for event in _played(feed, "liquidations") if isinstance(event, Liquidation)]
    assert [(order.side, order.size, order.price) for order in orders] == [("sell", 3.0, 9.98)]


@pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b'1760000000000000000 {"result":null,"id":1}\n'])
def test_a_file_without_a_market_is_refused_before_anything_starts(
    tmp_path: Path, settings: Settings, content: bytes
) -> None:
    (tmp_path / "abc").write_bytes(content)
    with pytest.raises(SettingError, match="a file that can be imported"):
        open_feed(f"tape:{tmp_path / 'abc'}", settings)
    assert not any((settings.data_dir / "imports").glob("*"))


def test_equal_contents_are_imported_once_whatever_the_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(FRAMES)
    first = import_kept([tmp_path / "a"], tmp_path / "kept")
    journal = next(first.glob("*.ofj"))
    changed = journal.stat().st_mtime_ns
    assert import_kept([tmp_path / "b"], tmp_path / "kept") == first
    assert journal.stat().st_mtime_ns == changed

    journal.unlink()
    assert list(import_kept([tmp_path / "a"], tmp_path / "kept").glob("*.ofj"))


def test_what_was_not_used_for_the_longest_time_is_deleted_beyond_the_bound(tmp_path: Path) -> None:
    kept: list[Path] = []
    for number in range(3):
        path = tmp_path / f"{number}"
        path.write_bytes(FRAMES + stamped([(100 + number, fill(2, "11.0", f"{number + 1}", at_ms=100))]))
        kept.append(import_kept([path], tmp_path / "kept"))
        os.utime(kept[-1].parent, (1_000 + number, 1_000 + number))
    (tmp_path / "kept" / ".abandoned").mkdir()
    os.utime(tmp_path / "kept" / ".abandoned", (1_000, 1_000))
    size = sum(path.stat().st_size for path in (tmp_path / "kept").rglob("*.ofj"))
    # The first one was used again, so the second one goes.
    assert import_kept([tmp_path / "0"], tmp_path / "kept", max_bytes=size - 1) == kept[0]
    assert [path.is_dir() for path in kept] == [True, False, True]
    assert not (tmp_path / "kept" / ".abandoned").exists()
