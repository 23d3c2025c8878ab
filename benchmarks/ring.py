"""Two hours of recording in a full ring: disk and memory, ``python -m benchmarks.ring [seconds]``."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import machine, print_table
from orderfox_nb.recording import writer
from tests.desk.recorder_rig import SECOND_US
from tests.reliability.ring import RingSample, fill_ring

TITLE = "A full ring"

SECONDS = 7_200
MAX_BYTES = 400_000


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    writer.MAX_FILE_US = 60 * SECOND_US  # type: ignore[misc]
    memory: list[float] = []

    def report(_: RingSample) -> None:
        memory.append(resident_mb())

    begin = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        samples = asyncio.run(
            fill_ring(Path(name), seconds, max_bytes=MAX_BYTES, sample_s=max(seconds // 12, 1), report=report)
        )
    rows = [
        [
            f"{sample.second / 60:.0f} min",
            f"{sample.disk_bytes / 1000:.0f} kB",
            f"{sample.blocks / 1000:,.0f} k",
            f"{resident:.0f} MB",
        ]
        for sample, resident in zip(samples, memory, strict=True)
    ]
    cpu_s = time.process_time() - begin
    title = f"## {TITLE} of {MAX_BYTES / 1000:.0f} kB, {machine()}, {cpu_s:.0f} s of CPU"
    print_table(title, ["recorded", "on disk", "blocks of memory", "resident"], rows)


if __name__ == "__main__":
    main()
