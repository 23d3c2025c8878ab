"""Each fault on each channel that it can harm: ``python -m benchmarks.faults`` prints the matrix of the docs."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Final

from benchmarks.table import print_table
from tests.reliability.cases import CASES
from tests.reliability.faults import Case, Figures, measure
from tests.reliability.rig import QuietLoop

TITLE: Final = "Faults: seconds of the venue until they are seen, and until they are over"


def main() -> int:
    logging.disable(logging.ERROR)
    with asyncio.Runner(loop_factory=QuietLoop) as runner:
        rows = [_row(case, runner.run(measure(case))) for case in sorted(CASES, key=str)]
    print_table(TITLE, ["fault", "channel", "seen", "live again", "reported as"], rows)
    return 0


def _row(case: Case, figures: Figures) -> list[object]:
    seen: object = "-" if figures.seen_s is None else figures.seen_s
    return [case.fault, case.channel, seen, figures.healed_s, ", ".join(figures.states) or "-"]


if __name__ == "__main__":
    sys.exit(main())
