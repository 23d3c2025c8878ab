"""Ten minutes of the embedded exchange, recorded and replayed: every fold of every second as it was live.

``python -m benchmarks.exactness [seconds]``. A manual clock drives exchange, feed, hub and recorder. The test suite
does the same for twelve seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import machine, print_table
from tests.reliability.recorded_exchange import record_exchange, replayed_seconds
from tests.reliability.rig import on_quiet_loop

TITLE = "Exactness"

SYMBOLS = 24
SECONDS = 600


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        seen, events = on_quiet_loop(record_exchange(Path(name), symbols=SYMBOLS, seconds=seconds))
        (folder,) = Path(name).iterdir()
        compared = different = 0
        for replayed, live in replayed_seconds(folder, seen):
            compared += len(live)
            different += sum(replayed[topic] != digest for topic, digest in live.items())
    cpu_s = time.process_time() - begin
    title = f"## {TITLE}: {SYMBOLS} markets, {machine()}, {cpu_s:.0f} s of CPU"
    row = [f"{len(seen):,}", f"{events:,}", f"{len(seen[-1][1])}", f"{compared:,}", f"{different:,}"]
    print_table(title, ["seconds", "events", "folds", "digests compared", "different"], [row])
    if different:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
