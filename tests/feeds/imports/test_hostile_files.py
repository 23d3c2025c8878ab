"""Files with any bytes changed, cut out or put in: each is imported or refused, and leaves nothing half done."""

from __future__ import annotations

import gzip
import json
import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.errors import RecordingError
from tests.conftest import examples
from tests.feeds.imports.made import START_MS, body, diff, fill, forced, made_of, stamped
from tests.feeds.imports.test_formats import BOTH, BUY, KLINES, SELL, kline, npz, tardis, vision

pytestmark = pytest.mark.feeds

RAW = stamped(
    [
        (0, diff(100, 105, 99, bids=[["9.9", "7"]])),
        (5, body(105, [["10.0", "1"]], [["11.0", "1"]])),
        (10, {"stream": "abcusdt@depth", "data": diff(106, 110, 105, bids=[["9.5", "2"]], at_ms=10)}),
        (20, fill(1, "10.5", "1", at_ms=20)),
        (30, forced("SELL", "1", "10.0", at_ms=30)),
    ]
)
LEVELS = tardis(
    "is_snapshot,side,price,amount",
    (0, "true,bid,10.0,1"),
    (0, "true,ask,11.0,1"),
    (900, "false,bid,9.5,2"),
)
FILES = {
    "raw.txt": RAW,
    "raw.gz": gzip.compress(RAW),
    "bare.jsonl": b"".join(json.dumps(forced("BUY", "2", "10", at_ms=at)).encode() + b"\n" for at in (1, 2)),
    "levels.csv": gzip.decompress(LEVELS),
    "abcusdt.npz": npz((4 | BOTH | BUY, 0, 10.0, 1.0), (4 | BOTH | SELL, 0, 11.0, 1.0), (1 | BOTH | BUY, 1, 9.0, 1.0)),
    "ABCUSDT-1m-2025-10.zip": vision("x", KLINES, kline(0), kline(1)),
    "ABCUSDT-1m-2025-10.csv": "\n".join([KLINES, kline(0), kline(1)]).encode(),
    "capture.0": f"{START_MS / 1_000}: {json.dumps(diff(1, 2, 0))}\n".encode(),
}


@examples(60)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(FILES)))
def test_a_damaged_file_is_imported_or_refused(tmp_path_factory: pytest.TempPathFactory, seed: int, name: str) -> None:
    chance = random.Random(seed)
    content = bytearray(FILES[name])
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(4):
            case 0:
                del content[at : at + chance.randrange(20)]
            case 1:
                content[at:at] = chance.choice([b"\n", b"\0", b"\xff", b"[" * 3_000, b"9" * 40, b",", b'"', b"-"])
            case _ if at < len(content):
                content[at] = chance.randrange(256)
            case _:
                pass
    folder = tmp_path_factory.mktemp("hostile")
    with suppress(RecordingError):
        made = made_of(folder, bytes(content), names=[name])
        made.recording.info()
    assert not list(folder.glob("out/.*"))


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"data":' * 100_000, b"\xff" * 100, b'{"E":' + b"9" * 5_000 + b"}"])
def test_a_hostile_line_costs_itself_only(tmp_path: Path, text: bytes) -> None:
    made = made_of(tmp_path, RAW + b"%d " % (START_MS * 1_000_000) + text + b"\n" + text + b"\n")
    assert made.book() == ({10.0: 1.0, 9.5: 2.0}, {11.0: 1.0})
    assert any("2 lines cannot be read" in note for note in made.imported.notes)
