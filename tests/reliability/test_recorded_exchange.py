"""Every market of the embedded exchange, recorded and replayed: each fold of each second as it was live."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orderfox_nb.recording.recording import open_recording
from tests.reliability.recorded_exchange import record_exchange, replayed_seconds
from tests.reliability.rig import on_quiet_loop

pytestmark = pytest.mark.reliability

SYMBOLS = 24
SECONDS = 12
"""Ten minutes take two minutes: ``python -m benchmarks.exactness``."""


def test_each_second_of_24_markets_is_replayed_as_it_was(tmp_path: Path) -> None:
    seen, written = on_quiet_loop(record_exchange(tmp_path, symbols=SYMBOLS, seconds=SECONDS))
    (folder,) = tmp_path.iterdir()
    compared = 0
    for replayed, live in replayed_seconds(folder, seen):
        assert len(live) == 7 * SYMBOLS
        assert replayed == live
        compared += 1
    assert compared == SECONDS
    assert seen[-1][0] == written == max(event.seq for event in open_recording(folder).events())
    assert all(before[1] != behind[1] for before, behind in pairwise(seen))
