"""The fetched past on disk: whole files, of one run, within a bound."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderfox_nb.core.events import Event, Topic, Trade
from orderfox_nb.recording import past_files
from orderfox_nb.recording.past_files import PastFiles, StoredPart

pytestmark = pytest.mark.core

RUN = "venue-1"
TRADES = Topic("venue", "BTCUSDT", "trades")


def trades(start_us: int, end_us: int) -> list[Event]:
    return [
        Trade(symbol="BTCUSDT", time_us=at, id=str(at), sequence=at, price=1.5, size=2.0, aggressor="buy")
        for at in range(start_us, end_us)
    ]


def files_of(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_neighbours_become_one_file_and_are_found_by_any_time_in_them(tmp_path: Path):
    kept = PastFiles(tmp_path, max_bytes=10**9)
    assert kept.find(RUN, TRADES, 5) is None
    kept.keep(RUN, TRADES, 20, 30, trades(20, 30))
    assert kept.find(RUN, TRADES, 5) == 20
    kept.keep(RUN, TRADES, 30, 40, trades(30, 40))
    assert len(files_of(tmp_path)) == 1
    for at in (20, 35, 39):
        assert kept.find(RUN, TRADES, at) == StoredPart(20, 40, trades(20, 40))
    assert kept.find(RUN, TRADES, 40) is None
    # What another part has as well is replaced by it.
    kept.keep(RUN, TRADES, 10, 50, trades(10, 50))
    assert len(files_of(tmp_path)) == 1
    # Another run, symbol, channel or interval is another past.
    for run, topic in (
        ("venue-2", TRADES),
        (RUN, Topic("venue", "ETHUSDT", "trades")),
        (RUN, Topic("venue", "BTCUSDT", "candles", "1m")),
        (RUN, Topic("venue", "BTCUSDT", "candles", "1M")),
    ):
        assert kept.find(run, topic, 15) is None


def test_files_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(past_files, "MAX_EVENTS", 25)
    kept = PastFiles(tmp_path, max_bytes=10**9)
    for start_us in range(0, 100, 10):
        kept.keep(RUN, TRADES, start_us, start_us + 10, trades(start_us, start_us + 10))
    assert len(files_of(tmp_path)) == 5
    at, found = 0, list[Event]()
    while isinstance(part := kept.find(RUN, TRADES, at), StoredPart):
        found += [event for event in part.events if event.time_us >= at]
        at = part.end_us
    assert found == trades(0, 100)


@settings(max_examples=60)
@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_file_is_dropped(tmp_path_factory: pytest.TempPathFactory, at: float, bit: int, cut: bool):
    root = tmp_path_factory.mktemp("damaged")
    kept = PastFiles(root, max_bytes=10**9)
    kept.keep(RUN, TRADES, 20, 60, trades(20, 60))
    (path,) = files_of(root)
    data = bytearray(path.read_bytes())
    place = int(at * len(data))
    if cut:
        del data[place:]
    else:
        data[place] ^= 1 << bit
    path.write_bytes(data)
    # Never something else than what was kept; most often nothing.
    found = kept.find(RUN, TRADES, 30)
    assert found is None or found == StoredPart(20, 60, trades(20, 60))
    if found is None:
        assert not path.exists()


def test_the_files_that_were_not_used_for_longest_are_deleted_first(tmp_path: Path):
    kept = PastFiles(tmp_path, max_bytes=10**9)
    for number, start_us in enumerate(range(0, 1_000, 100)):
        kept.keep(RUN, TRADES, start_us, start_us + 50, trades(start_us, start_us + 50))
        os.utime(max(files_of(tmp_path), key=os.path.getmtime), (number, number))
    size = files_of(tmp_path)[0].stat().st_size
    assert isinstance(kept.find(RUN, TRADES, 110), StoredPart)
    bounded = PastFiles(tmp_path, max_bytes=4 * size + size // 2)
    bounded.keep(RUN, TRADES, 2_000, 2_050, trades(2_000, 2_050))
    assert sum(path.stat().st_size for path in files_of(tmp_path)) <= 4 * size + size // 2
    left = {
        start_us
        for start_us in (*range(0, 1_000, 100), 2_000)
        if isinstance(kept.find(RUN, TRADES, start_us), StoredPart)
    }
    assert left == {100, 800, 900, 2_000}
    assert not PastFiles(tmp_path / "none", max_bytes=0).keep(RUN, TRADES, 0, 9, trades(0, 9))
    assert not (tmp_path / "none").exists()


def test_processes_that_share_a_folder_do_not_harm_each_other(tmp_path: Path):
    def work(worker: int) -> None:
        kept = PastFiles(tmp_path, max_bytes=20_000)
        for turn in range(40):
            start_us = (worker * 7 + turn * 13) % 40 * 10
            kept.keep(RUN, TRADES, start_us, start_us + 10, trades(start_us, start_us + 10))
            if isinstance(part := kept.find(RUN, TRADES, start_us), StoredPart):
                assert part.events == trades(part.start_us, part.end_us)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert all(path.suffix == past_files.SUFFIX for path in files_of(tmp_path))


def test_a_disk_that_cannot_be_written_keeps_nothing(tmp_path: Path):
    (tmp_path / "venue-1").write_text("in the way")
    kept = PastFiles(tmp_path, max_bytes=10**9)
    kept.keep(RUN, TRADES, 0, 10, trades(0, 10))
    assert kept.find(RUN, TRADES, 5) is None
