"""Raw frames in files that are damaged, empty or several: nothing of them is called complete that is not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from orderfox_nb.core.events import Status
from orderfox_nb.errors import RecordingError
from orderfox_nb.feeds.imports.importing import import_files, total_bytes
from tests.feeds.imports.made import (
    AFTER,
    AT_120,
    BEFORE,
    BODY,
    LATER,
    RIGHT,
    START_MS,
    diff,
    fill,
    forced,
    made_of,
    stamped,
)

pytestmark = pytest.mark.feeds


def _long(lines: int) -> bytes:
    return stamped(
        [
            BEFORE,
            BODY,
            *((10 + n, diff(106 + n, 106 + n, 105 + n, bids=[["9.5", f"{n}"]], at_ms=10 + n)) for n in range(lines)),
        ]
    )


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_of_a_truncated_file_all_that_can_be_read_is_imported_once(tmp_path: Path, kind: str) -> None:
    text = b"".join(stamped([(n, fill(n, f"{10 + n % 7}.{n % 10}", "1", at_ms=n))]) for n in range(1, 4_000))
    packed = gzip.compress(text) if kind == "gzip" else zstandard.ZstdCompressor().compress(text)
    made = made_of(tmp_path, packed[: len(packed) * 2 // 3])
    ids = [int(trade.id) for trade in made.trades()]
    assert ids == list(range(1, len(ids) + 1))
    assert 500 < len(ids) < 4_000
    assert any("ends within its compressed data, line" in note for note in made.imported.notes)
    assert made.quality(made.topic("trades"))[0] == "down"


def test_nothing_of_a_rotten_file_is_called_complete(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(_long(3_000), 6))
    packed[len(packed) // 2] ^= 0x10
    made = made_of(tmp_path, bytes(packed))
    assert any("damaged" in note for note in made.imported.notes)
    assert {
        event.coverage
        for event in made.events(made.topic("book"))
        if isinstance(event, Status) and event.state == "live"
    } <= {"sampled"}


def test_a_wrong_checksum_alone_is_found(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(stamped([BEFORE, BODY, AFTER, LATER])))
    packed[-6] ^= 1
    made = made_of(tmp_path, bytes(packed))
    assert made.book() == AT_120
    assert made.quality(made.topic("book"))[1] == "sampled"


def test_bytes_behind_the_data_are_reported_and_change_nothing(tmp_path: Path) -> None:
    made = made_of(
        tmp_path, gzip.compress(stamped([BEFORE, BODY])) + gzip.compress(stamped([AFTER, LATER])) + b"rubbish"
    )
    assert made.book() == AT_120
    assert any("unknown bytes" in note for note in made.imported.notes)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "1e999", "ten", ""])
def test_a_number_that_is_none_costs_its_line_and_shows(tmp_path: Path, number: str) -> None:
    bad = (10, diff(106, 110, 105, bids=[["10.02", number]], at_ms=10))
    made = made_of(tmp_path / "book", stamped([BEFORE, BODY, bad, LATER]))
    assert any(note.startswith("line 3: ") for note in made.imported.notes)
    assert made.ever_wrong(RIGHT) == []
    # The next update does not follow, since one is missing.
    assert len(made.gaps(made.topic("book"))) == 1

    frames = [fill(1, "10", "1"), fill(2, number, "1"), fill(3, "10", "1")]
    made = made_of(tmp_path / "trades", stamped(enumerate(frames)))
    assert [trade.id for trade in made.trades()] == ["1", "3"]
    assert [gap.lost for gap in made.gaps(made.topic("trades"))] == [1]


def test_a_garbage_line_is_reported_where_it_may_have_been_a_liquidation(tmp_path: Path) -> None:
    lines = (
        stamped([(0, forced("SELL", "3", "9.98"))])
        + b"1760000000\0\xff{{garbage\n"
        + stamped([(900, forced("BUY", "1", "10", at_ms=900))])
    )
    made = made_of(tmp_path, lines)
    assert [order.side for order in made.orders()] == ["sell", "buy"]
    assert [gap.reason for gap in made.gaps(made.topic("liquidations"))] == ["line 2 cannot be read"]


def test_an_empty_file_and_one_without_events_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"\n\n", gzip.compress(b"")):
        with pytest.raises(RecordingError):
            made_of(tmp_path, content)
    with pytest.raises(RecordingError, match="found a first line of 'hello'"):
        made_of(tmp_path, b"hello\nworld\n")
    assert not list((tmp_path / "out").glob("*"))


def test_liquidations_without_receive_stamps_are_read_beside_a_tape(tmp_path: Path) -> None:
    orders = b"".join(json.dumps(forced("SELL", "3", "9.98", at_ms=at)).encode() + b"\n" for at in (500, 1_500))
    made = made_of(tmp_path, stamped([BEFORE, BODY, AFTER, LATER]), orders)
    assert made.book() == AT_120
    assert [order.time_us for order in made.orders()] == [(START_MS + at) * 1_000 for at in (500, 1_500)]
    assert any("no receive stamps" in note for note in made.imported.notes)


def test_hours_of_one_recorder_are_one_book(tmp_path: Path) -> None:
    made = made_of(tmp_path, stamped([AFTER, LATER]), stamped([BEFORE, BODY]))
    assert made.book() == AT_120
    assert made.quality(made.topic("book")) == ("live", "complete")


def test_the_same_files_are_imported_once(tmp_path: Path) -> None:
    made_of(tmp_path, stamped([BEFORE, BODY, AFTER]))
    with pytest.raises(RecordingError, match="imported already"):
        made_of(tmp_path, stamped([BEFORE, BODY, AFTER]))


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    path = tmp_path / "frames.gz"
    path.write_bytes(gzip.compress(_long(2_000)))
    steps: list[int] = []
    import_files([path], tmp_path / "out", progress=steps.append)
    assert len(steps) > 2
    assert sum(steps) == total_bytes([path]) == 2 * path.stat().st_size
