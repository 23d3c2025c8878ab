"""Time things beside each other and print what came out as a table in Markdown."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median


def medians_us(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int = 15, round_s: float = 0.02, per_call: int = 1
) -> dict[str, float]:
    """Return the median microseconds of each contender.

    They take turns, round by round, so that a busy spell of the machine hits all of them alike.

    Args:
        contenders: What to call, by name.
        rounds: How many times each has its turn.
        round_s: About how long a turn lasts.
        per_call: How many of the thing in question one call does: the answer is per thing.
    """
    repeats: dict[str, int] = {}
    for name, call in contenders.items():
        call()
        once = max(1e-7, min(_elapsed(call, 1) for _ in range(3)))
        repeats[name] = max(1, round(round_s / once))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in contenders.items():
                taken[name].append(_elapsed(call, repeats[name]) / repeats[name])
    finally:
        if collecting:
            gc.enable()
    return {name: median(times) * 1e6 / per_call for name, times in taken.items()}


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table in Markdown: the first column to the left, the others to the right."""
    cells = [list(columns), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(columns))]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        padded = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        print(f"| {' | '.join(padded)} |")
        if number == 0:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print(f"| {' | '.join(rule)} |")
    print(flush=True)


def ratio(other: float, ours: float) -> str:
    """Write how many times faster ours is."""
    return f"{other / ours:.1f}×"


def machine() -> str:
    """Describe where the figures come from."""
    model = platform.processor() or platform.machine()
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        names = [line.partition(":")[2].strip() for line in cpu_info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} × {model}, {platform.system()}, Python {platform.python_version()}"


def _elapsed(call: Callable[[], object], times: int) -> float:
    # The thread's own CPU time: nothing here waits, and other load of the machine must not count.
    start = time.thread_time()
    for _ in range(times):
        call()
    return time.thread_time() - start


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.1f}" if abs(cell) < 1_000 else f"{cell:,.0f}"
    return str(cell)
