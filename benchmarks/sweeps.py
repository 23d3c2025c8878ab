"""A sweep over processes and over the workers of a Dask cluster: how much sooner it is done than in one process.

Each run is a backtest of the grid strategy over ten made minutes. The start of the pool is counted, that of a cluster
is not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.table import machine, print_table
from orderfox_nb.bots.builtin.grid import GridMaker
from orderfox_nb.market.backtest.sweeping import run_sweep
from tests.market.made_market import record_market

TITLE = "Sweeps"

SECONDS = 600
GRID = {"levels": [2, 4, 6, 8], "step": [1, 2, 4]}


def sweep_s(folder: Path, **options: Any) -> tuple[float, list[str]]:
    """Return how long a sweep takes, and the digests of its runs."""
    start = time.perf_counter()
    found = run_sweep(GridMaker, GRID, folder, progress=False, **options)
    return time.perf_counter() - start, found.df["digest"].tolist()


def on_dask(folder: Path, workers: int) -> tuple[float, list[str]]:
    """Run the sweep on a cluster of this machine that is up already."""
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "worker_dashboard_address": None}
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, **options) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        return sweep_s(folder, client=client)


def main() -> None:
    print(f"# {TITLE}\n\n{machine()}")
    with tempfile.TemporaryDirectory() as root:
        folder = record_market(Path(root) / "made", SECONDS)
        contenders: dict[str, Callable[[], tuple[float, list[str]]]] = {
            "in this process": lambda: sweep_s(folder, workers=1),
            "2 processes": lambda: sweep_s(folder, workers=2),
            "Dask, 1 worker": lambda: on_dask(folder, 1),
            "Dask, 2 workers": lambda: on_dask(folder, 2),
        }
        rows: list[list[str]] = []
        alone_s, expected = 0.0, list[str]()
        for name, run in contenders.items():
            seconds, digests = min(run() for _ in range(2))
            alone_s, expected = alone_s or seconds, expected or digests
            assert digests == expected, "every way finds the same"
            rows.append([name, f"{seconds:.2f}", f"{alone_s / seconds:.2f}×"])
    runs = len(expected)
    print_table(f"{runs} runs, the best of two", ["where", "s", "as fast"], rows)


if __name__ == "__main__":
    main()
