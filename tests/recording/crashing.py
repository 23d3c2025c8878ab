"""What a child process does until a test kills it: it reports each step and waits until it may take it."""

from __future__ import annotations

import os
import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

# Once for all children, which are forks of a process that has imported this.
import pandas  # noqa: F401 - pyarrow imports it with the first array
import pyarrow.parquet  # noqa: F401

from orderfox_nb.recording.ring import writing
from orderfox_nb.recording.tables import making
from orderfox_nb.recording.writer import Batch, Writer
from tests.desk.scripted import BTC, live, trade
from tests.recording.made import SECOND_US, START_US, TRADES, head_of

PIECE_BYTES = 64


class SlowFile:
    """A file whose writes come to disk in pieces, with a step before each."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self._file = path.open("ab", buffering=0)
        self._connection = connection

    def write(self, data: bytes) -> int:
        step(self._connection, "piece")
        return self._file.write(data[:PIECE_BYTES])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class SlowPath:
    """A path that opens a ``SlowFile``."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    def open(self, *_: Any, **__: Any) -> SlowFile:
        return SlowFile(self._path, self._connection)


def step(connection: Connection, name: str, value: int = 0) -> None:
    connection.send((name, value))
    connection.recv()


def record_trades(folder: Path, connection: Connection) -> None:
    """Record trades without end, a few a second."""
    writer, number, chance = Writer(folder, head_of(folder)), 0, random.Random(4)
    with writing(folder):
        writer.opened(TRADES, BTC, START_US)
        writer.event(TRADES, BTC, live(START_US), START_US)
        for second in range(1, 10_000):
            end_us = START_US + second * SECOND_US
            for _ in range(chance.randrange(4)):
                number += 1
                writer.event(TRADES, BTC, trade(end_us - 1, number), end_us - 1)
            batch = writer.cut(end_us)
            slow: Any = SlowPath(batch.path, connection)
            writer.written(
                Batch(
                    path=slow,
                    lines=batch.lines,
                    number=batch.number,
                    stamp_us=batch.stamp_us,
                    declares=batch.declares,
                    keys=batch.keys,
                ).write()
            )
            step(connection, "written", number)


def make_tables(folder: Path, connection: Connection) -> None:
    """Make the tables of every journal, with a step at each point between which a crash differs."""
    fsync, replace = os.fsync, Path.replace

    def slow_fsync(descriptor: int) -> None:
        step(connection, "before the sync")
        fsync(descriptor)

    def slow_replace(path: Path, target: Path) -> Path:
        step(connection, "before the rename")
        found = replace(path, target)
        step(connection, "behind the rename")
        return found

    making.os.fsync = slow_fsync  # type: ignore[assignment]
    Path.replace = slow_replace  # type: ignore[assignment,method-assign]
    for journal in sorted(folder.glob("*.ofj")):
        if making.table_of(journal, "trades") is None:
            connection.send(("making", 0))  # and goes on: a crash comes in the middle of it
            making.make_table(journal, "trades", folder.name)
    connection.send(("done", 0))
