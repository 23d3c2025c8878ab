"""What the recorder costs for every channel of 24 markets of the embedded exchange, as one that is served has them."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import zstandard

from benchmarks.table import machine, print_table
from orderfox_nb.core.events import Event, encode_event
from orderfox_nb.recording.recording import open_recording
from tests.reliability.recorded_exchange import record_exchange
from tests.reliability.rig import on_quiet_loop

TITLE = "Recorder"

SYMBOLS = 24
SECONDS = 30
SECOND_US = 1_000_000


def cost(seconds: list[list[Event]]) -> tuple[float, int]:
    """Return CPU seconds and bytes of encoding and compressing a channel, a block a second."""
    packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
    begin = time.process_time()
    size = sum(len(packer.compress(b"\n".join(map(encode_event, events)))) for events in seconds)
    return time.process_time() - begin, size


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        on_quiet_loop(record_exchange(Path(name), symbols=SYMBOLS, seconds=SECONDS))
        (folder,) = Path(name).iterdir()
        recording = open_recording(folder)
        start_us = recording.end_us - SECONDS * SECOND_US
        live = list(recording.between(start_us).events())
    channels: defaultdict[str, list[list[Event]]] = defaultdict(list)
    for _, of_second in groupby(live, key=lambda event: event.stamp_us // SECOND_US):
        by_channel: defaultdict[str, list[Event]] = defaultdict(list)
        for event in of_second:
            # The prelude of the part is no work of the recorder.
            if event.stamp_us > start_us:
                by_channel[event.topic.channel].append(event.event)
        for channel, events in by_channel.items():
            channels[channel].append(events)
    rows: list[list[object]] = []
    total_s = total_bytes = total = 0.0
    for channel, seconds in channels.items():
        count = sum(map(len, seconds))
        cpu_s, size = cost(seconds)
        total_s, total_bytes, total = total_s + cpu_s, total_bytes + size, total + count
        figures = f"{count / SECONDS:.1f}", f"{cpu_s / count * 1e6:.1f}", f"{size / count:.0f}"
        rows.append([channel, *figures, f"{cpu_s / SECONDS:.3%}"])
    figures = f"{total / SECONDS:.1f}", f"{total_s / total * 1e6:.1f}", f"{total_bytes / total:.0f}"
    rows.append(["all", *figures, f"{total_s / SECONDS:.3%}"])
    title = f"## {TITLE}, {SYMBOLS} symbols of the embedded exchange, {machine()}"
    print_table(title, ["channel", "events/s", "µs/event", "bytes/event", "of a core"], rows)


if __name__ == "__main__":
    main()
