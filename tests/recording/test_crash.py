"""kill -9 while a journal or a table is written: at most a second is lost, and nothing is there twice."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import orderfox_nb
from orderfox_nb.core.events import Trade
from orderfox_nb.recording.recording import open_recording
from orderfox_nb.recording.ring import is_written
from orderfox_nb.recording.tables import making
from tests.recording import crashing
from tests.recording.made import SECOND_US, record

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no forkserver here"),
]

KILLS = 20
WAIT_S = 60


@contextmanager
def child(work: Callable[[Path, Connection], None], folder: Path) -> Iterator[Connection]:
    """Run what is killed in the end, in a fork of a process that has imported it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crashing.__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(folder, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join(WAIT_S)
        ours.close()


def next_step(connection: Connection) -> tuple[str, int]:
    assert connection.poll(WAIT_S), "the child does nothing"
    return connection.recv()


def test_a_killed_recorder_loses_the_second_that_it_was_writing(tmp_path: Path):
    chance, torn = random.Random(1), 0
    for kill in range(KILLS):
        folder = tmp_path / f"killed-{kill}"
        folder.mkdir()
        written = blocks = 0
        with child(crashing.record_trades, folder) as connection:
            left = chance.randrange(40)
            while True:
                name, number = next_step(connection)
                if name == "written":
                    written, blocks = number, blocks + 1
                # A recording without a whole block is none.
                if blocks and not (left := left - 1) > 0:
                    break
                connection.send("go on")
        assert not is_written(folder), "the lock of a process that died does not count"
        recording = open_recording(folder)
        ids = [int(event.event.id) for event in recording.events() if isinstance(event.event, Trade)]
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) == written
        torn += bool(recording.files.damages)
        if kill % 5 == 0:
            answer = orderfox_nb.sql("select count(*), count(distinct id) from trades", folder).fetchall()
            assert answer == [(written, written)]
    assert torn >= KILLS // 4, "blocks were cut off in the middle"


def test_killed_makers_of_tables_leave_whole_tables_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 5 * SECOND_US)
    folder = tmp_path / "recording"
    record(folder, 30)
    expected = orderfox_nb.open_recording(folder)["BTCUSDT"].trades.df["id"].tolist()
    tables = folder / "tables" / "trades"
    chance, points = random.Random(2), set[str]()
    for _ in range(KILLS):
        made = sorted(tables.glob("*.parquet"))
        for path in made[:-1]:
            path.unlink()
        with child(crashing.make_tables, folder) as connection:
            for _ in range(chance.randrange(12)):
                name, _ = next_step(connection)
                if name != "making":
                    connection.send("go on")
            points.add(next_step(connection)[0])
        for path in tables.glob("*.parquet"):
            assert making.table_of(folder / f"{path.name[:6]}.ofj", "trades") == path
            assert path.exists()
    assert points == {"making", "before the sync", "before the rename", "behind the rename"}
    found = orderfox_nb.sql("select id from trades order by seq", folder).fetchall()
    assert [row[0] for row in found] == expected
    # What was left behind is deleted once it is old.
    left = list(tables.glob(".*.tmp"))
    assert left
    for path in left:
        os.utime(path, (0, 0))
    next(iter(tables.glob("*.parquet"))).unlink()
    assert orderfox_nb.sql("select count(*) from trades", folder).fetchall() == [(len(expected),)]
    assert not list(tables.glob(".*.tmp"))
