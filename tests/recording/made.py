"""Recordings that a test makes: one symbol's book and trades, a second at a time."""

from __future__ import annotations

import random
from pathlib import Path

from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Event, Topic
from orderfox_nb.recording.journal import SCHEMA_VERSION, FileHead
from orderfox_nb.recording.writer import Writer
from tests.desk.scripted import BTC, VENUE, delta, live, snapshot, trade

BOOK = Topic(VENUE, "BTCUSDT", "book")
TRADES = Topic(VENUE, "BTCUSDT", "trades")
SECOND_US = 1_000_000
START_US = 1_700_000_000_000_000


def head_of(folder: Path, start_us: int = START_US) -> FileHead:
    """Return what the files of a recording say of it."""
    return FileHead(
        version=SCHEMA_VERSION,
        recording=folder.name,
        number=0,
        venue=VENUE,
        source=VENUE,
        simulated=True,
        unbroken_trades=True,
        absent=(),
        epoch="",
        created_us=start_us,
        software="test",
    )


def record(folder: Path, seconds: int, *, key_every: int = 20, seed: int = 3) -> dict[int, dict[Topic, str]]:
    """Write a recording and return the digest of each fold at the end of each second."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    writer = Writer(folder, head_of(folder))
    folds = {topic: fold_for(topic, BTC) for topic in (BOOK, TRADES)}
    digests: dict[int, dict[Topic, str]] = {}

    def put(topic: Topic, event: Event, stamp_us: int) -> None:
        folds[topic].apply(event)
        writer.event(topic, BTC, event, stamp_us)

    for topic in folds:
        writer.opened(topic, BTC, START_US)
    put(BOOK, snapshot(START_US, [(99.0, 1.0), (98.0, 2.0)], [(201.0, 2.0)]), START_US)
    put(BOOK, live(START_US), START_US)
    put(TRADES, trade(START_US, 0), START_US)
    put(TRADES, live(START_US), START_US)
    number = 100
    for second in range(seconds):
        for part in range(5):
            number += 1
            stamp_us = START_US + second * SECOND_US + (part + 1) * 150_000
            price = 90.0 + chance.randrange(90) / 10
            put(BOOK, delta(stamp_us, number, [(price, float(chance.randrange(4)))], []), stamp_us)
            put(TRADES, trade(stamp_us, number - 100, price=price), stamp_us)
        if second % key_every == key_every - 1:
            for topic, fold in folds.items():
                writer.keyframe(topic, BTC, [*fold.prelude(), live(stamp_us)], stamp_us)
        end_us = START_US + (second + 1) * SECOND_US
        writer.written(writer.cut(end_us - 1).write())
        digests[end_us - 1] = {topic: fold.digest() for topic, fold in folds.items()}
    return digests
