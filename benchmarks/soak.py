"""Faults at random on the embedded exchange, then equality: ``python -m benchmarks.soak [faults] [seed]``."""

from __future__ import annotations

import asyncio
import logging
import sys
import time

from tests.reliability.rig import QuietLoop
from tests.reliability.soak import soak

TITLE = "Soak: faults at random"
FAULTS = 1_000


def main() -> int:
    logging.disable(logging.ERROR)
    faults = int(sys.argv[1]) if len(sys.argv) > 1 else FAULTS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    start = time.perf_counter()
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        outcome = runner.run(soak(faults, seed=seed))
    print(f"{TITLE}, seed {seed}: {outcome.faults.total()} in {outcome.venue_s:.0f} s of the venue, ", end="")
    print(f"all equal {outcome.healed_s:.0f} s after the last ({time.perf_counter() - start:.0f} s of this machine)")
    print(", ".join(f"{name} {count}" for name, count in sorted(outcome.faults.items())))
    print(", ".join(f"{state} {seconds:.0f} s" for state, seconds in sorted(outcome.states.items())))
    names = ("gaps", "resyncs", "reconnects", "rest_calls", "rest_failures", "frozen_streams", "clock_jumps")
    print(", ".join(f"{name} {outcome.statistics[name]}" for name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
