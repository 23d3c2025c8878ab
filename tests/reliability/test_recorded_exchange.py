"""Every market of the embedded exchange, recorded and replayed: each fold of each second as it was live."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.instrument import whole_market
from orderfox_nb.recording.recording import open_recording
from tests.reliability.recorded_exchange import record_exchange
from tests.reliability.rig import on_quiet_loop

pytestmark = pytest.mark.reliability

SYMBOLS = 24
SECONDS = 12


def test_each_second_of_24_markets_is_replayed_as_it_was(tmp_path: Path) -> None:
    seen, written = on_quiet_loop(record_exchange(tmp_path, symbols=SYMBOLS, seconds=SECONDS))
    (folder,) = tmp_path.iterdir()
    recording = open_recording(folder)
    instruments = recording.instruments
    topics = seen[-1][1]
    assert len(topics) == 7 * SYMBOLS
    folds = {topic: fold_for(topic, instruments.get(topic.symbol) or whole_market(topic.venue)) for topic in topics}
    compared = 0
    waiting = iter(seen)
    seq, digests = next(waiting)
    for event in recording.events():
        while event.seq > seq:
            assert {topic: folds[topic].digest() for topic in topics} == digests
            compared += 1
            seq, digests = next(waiting)
        folds[event.topic].apply(event.event)
    assert compared == SECONDS - 1
    assert {topic: folds[topic].digest() for topic in topics} == digests
    assert seq == written == event.seq
    assert all(before[1] != behind[1] for before, behind in pairwise(seen))
