from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk.recorder_rig import SECOND_US
from tests.reliability.ring import fill_ring

pytestmark = pytest.mark.reliability

MAX_BYTES = 120_000


async def test_a_full_ring_takes_no_more_disk_and_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 10 * SECOND_US)
    samples = await fill_ring(tmp_path, 900, max_bytes=MAX_BYTES, sample_s=90)
    full = samples[3:]
    # Between two prunings it grows by what half a minute writes and by the tables of one question.
    assert all(MAX_BYTES / 2 < sample.disk_bytes < 2 * MAX_BYTES for sample in full)
    assert all(sample.recorded_bytes <= MAX_BYTES for sample in full)
    assert max(sample.files for sample in full) <= 1.5 * min(sample.files for sample in full)
    assert full[-1].blocks < full[0].blocks * 1.02
