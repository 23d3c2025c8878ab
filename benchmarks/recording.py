"""Writing, reading and seeking in a recording, beside the least that the same file needs.

The market is one symbol's book and trades at 280 events a second for ten minutes, made from a seed. The floor of
writing is encoding the events and compressing them; that of reading is decompressing them and decoding them.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from statistics import quantiles

import zstandard

from benchmarks.folds import BTC, START_US
from benchmarks.table import machine, print_table
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Status, Topic, Trade, decode_event, raw_levels
from orderfox_nb.core.events import encode_event as encode
from orderfox_nb.recording.journal import SCHEMA_VERSION, FileHead
from orderfox_nb.recording.recording import Recording, open_recording
from orderfox_nb.recording.writer import Writer

TITLE = "Recording"

SECONDS = 600
SECOND_US = 1_000_000
BOOK, TRADES = Topic("binance", "BTCUSDT", "book"), Topic("binance", "BTCUSDT", "trades")


def level(chance: random.Random, side: int) -> tuple[str, str]:
    ticks = 600_000 - side * (1 + int(chance.expovariate(0.02)))
    return f"{ticks / 10:.1f}", f"{chance.randrange(4000) / 1000:.3f}"


def market() -> Iterator[tuple[int, Topic, Event]]:
    """Ten diffs of about 50 levels and 270 trades a second."""
    chance = random.Random(1)
    bids = [(f"{(600_000 - n) / 10:.1f}", "1.000") for n in range(1, 1001)]
    asks = [(f"{(600_000 + n) / 10:.1f}", "1.000") for n in range(1, 1001)]
    snapshot = BookSnapshot(
        symbol="BTCUSDT", time_us=START_US, update_id=0, raw_bids=raw_levels(bids), raw_asks=raw_levels(asks)
    )
    yield START_US, BOOK, snapshot
    for topic in (BOOK, TRADES):
        yield START_US, topic, Status(symbol="BTCUSDT", time_us=START_US, state="live")
    number = 0
    for update in range(1, SECONDS * 10 + 1):
        now_us = START_US + (update - 1) * SECOND_US // 10
        yield (
            now_us,
            BOOK,
            BookDelta(
                symbol="BTCUSDT",
                time_us=now_us,
                received_us=now_us,
                first_id=update,
                last_id=update,
                previous_id=update - 1,
                raw_bids=raw_levels([level(chance, 1) for _ in range(25)]),
                raw_asks=raw_levels([level(chance, -1) for _ in range(25)]),
            ),
        )
        for _ in range(27):
            number += 1
            trade = Trade(
                symbol="BTCUSDT",
                time_us=now_us,
                received_us=now_us,
                id=str(number),
                sequence=number,
                price=60_000 + chance.randrange(-9, 9) / 10,
                size=(1 + chance.randrange(900)) / 1000,
                aggressor="buy" if number % 2 else "sell",
            )
            yield now_us, TRADES, trade


def write(folder: Path, events: list[tuple[int, Topic, Event]]) -> tuple[float, float, int]:
    """Write a recording; return CPU seconds on the loop's side and in all, and bytes."""
    head = FileHead(
        version=SCHEMA_VERSION,
        recording=folder.name,
        number=0,
        venue="binance",
        source="binance",
        simulated=False,
        unbroken_trades=True,
        absent=(),
        epoch="",
        created_us=START_US,
        software="benchmark",
    )
    folds = {topic: fold_for(topic, BTC) for topic in (BOOK, TRADES)}
    writer, size, loop_s, disk_s = Writer(folder, head), 0, 0.0, 0.0
    for topic in folds:
        writer.opened(topic, BTC, START_US)
    for second, of_second in groupby(events, key=lambda row: (row[0] - START_US) // SECOND_US):
        rows = list(of_second)
        begin = time.process_time()
        for stamp_us, topic, event in rows:
            writer.event(topic, BTC, event, stamp_us)
        loop_s += time.process_time() - begin
        for _, topic, event in rows:
            folds[topic].apply(event)
        end_us = START_US + (second + 1) * SECOND_US - 1
        begin = time.process_time()
        if second % 60 == 59:
            for topic, fold in folds.items():
                live = Status(symbol="BTCUSDT", time_us=end_us, state="live")
                writer.keyframe(topic, BTC, [*fold.prelude(), live], end_us)
        written = writer.cut(end_us).write()
        disk_s += time.process_time() - begin
        writer.written(written)
        size += written
    return loop_s, loop_s + disk_s, size


def timed(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def seeks(recording: Recording) -> list[float]:
    """Return wall milliseconds of seeks to the book and the trades of 60 moments."""
    chance = random.Random(2)
    taken: list[float] = []
    for _ in range(60):
        at_us = START_US + chance.randrange(SECONDS * SECOND_US)
        fresh = open_recording(recording.path)  # no block is in its cache
        begin = time.perf_counter()
        for topic in (BOOK, TRADES):
            assert fresh.state(topic, at_us) is not None
        taken.append((time.perf_counter() - begin) * 1000)
    return taken


def main() -> None:
    events = list(market())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "recording"
        folder.mkdir()
        loop_s, all_s, size = write(folder, events)
        lines = [encode(event) for _, _, event in events]
        blocks = [b"\n".join(lines[at : at + 280]) for at in range(0, len(lines), 280)]
        packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
        floor_write_s = timed(lambda: [encode(event) for _, _, event in events]) + timed(
            lambda: [packer.compress(block) for block in blocks]
        )
        packed = [packer.compress(block) for block in blocks]
        unpacker = zstandard.ZstdDecompressor()
        floor_read_s = timed(
            lambda: [decode_event(line) for block in packed for line in unpacker.decompress(block).split(b"\n")]
        )
        recording = open_recording(folder)
        read_s = timed(lambda: sum(1 for _ in recording.events()))
        folds = {topic: fold_for(topic, BTC) for topic in (BOOK, TRADES)}

        def folded() -> None:
            for event in recording.events():
                folds[event.topic].apply(event.event)

        folded_s = timed(folded)
        waits = sorted(seeks(recording))
    count = len(events)
    rows = [
        ["write, on the loop", f"{loop_s / count * 1e6:.2f} µs/event", "", f"{loop_s / SECONDS:.3%} of a core"],
        ["write, in all", f"{all_s / count * 1e6:.2f} µs/event", f"{all_s / floor_write_s:.2f}× the floor", ""],
        ["size", f"{size / count:.1f} bytes/event", "", f"{size / SECONDS * 86_400 / 1e9:.2f} GB a day"],
        ["read events", f"{count / read_s / 1000:.0f} k events/s", f"{read_s / floor_read_s:.2f}× the floor", ""],
        ["read into folds", f"{count / folded_s / 1000:.0f} k events/s", "", f"{SECONDS / folded_s:.0f}× real time"],
        ["seek to a book and a tape", f"p50 {waits[30]:.0f} ms", f"p99 {quantiles(waits, n=100)[98]:.0f} ms", ""],
    ]
    print_table(f"## {TITLE}, {machine()}", ["work", "cost", "beside", "share"], rows)


if __name__ == "__main__":
    main()
