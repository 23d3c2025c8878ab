"""Hours of recording in a full ring, as fast as they can be written, with its tables made in between."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orderfox_nb
from tests.desk.recorder_rig import BOOK, TRADES, rig_at


class RingSample(NamedTuple):
    """What there was at one moment."""

    second: int
    disk_bytes: int
    blocks: int
    """Pieces of memory that Python has allocated."""
    files: int
    recorded_bytes: int
    """What the recorder reports."""


async def fill_ring(
    folder: Path,
    seconds: int,
    *,
    max_bytes: int,
    sample_s: int,
    report: Callable[[RingSample], None] = lambda _sample: None,
) -> list[RingSample]:
    """Record for so many seconds of the venue; returns a sample for each ``sample_s`` of them."""
    samples: list[RingSample] = []
    async with rig_at(folder, max_bytes=max_bytes) as rig, rig.hub.watch(BOOK), rig.hub.watch(TRADES):
        rig.begin()
        for second in range(1, seconds + 1):
            await rig.second()
            if second % sample_s:
                continue
            sizes = _sizes(folder)
            # What a question adds is bounded from the next pruning on.
            answer = orderfox_nb.sql("select count(*), count(distinct id) from trades", rig.recording().path)
            count, distinct = answer.fetchall()[0]
            assert count == distinct > 0
            del answer
            gc.collect()
            sample = RingSample(second, sum(sizes), sys.getallocatedblocks(), len(sizes), rig.recorder.status().bytes)
            samples.append(sample)
            report(sample)
    return samples


def _sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
