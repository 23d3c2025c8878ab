"""A recording that is still written: what is read of it ends at one moment, however much is written meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import orderfox_nb
from orderfox_nb.recording.ring import writing
from orderfox_nb.recording.tables.recent import RecentRows
from tests.desk.scripted import live, trade
from tests.recording.made import SECOND_US, START_US, TRADES
from tests.recording.test_tables import Journal

pytestmark = pytest.mark.core

BOTH = "select (select count(*) from trades), (select count(*) from quality)"


def write(journal: Journal, number: int) -> None:
    """Write a second with one trade and one status."""
    journal.now_us += SECOND_US
    journal.put(TRADES, trade(START_US + number, number), live(START_US + number))
    journal.cut()


def test_all_frames_of_a_recording_that_grows_end_where_it_was_opened(tmp_path: Path):
    journal = Journal(tmp_path / "now")
    with writing(journal.folder):
        write(journal, 0)
        rec = orderfox_nb.open_recording(journal.folder)
        for number in range(1, 4):
            write(journal, number)
            frame, table = rec["BTCUSDT"].trades.df, rec.arrow("trades")
            assert frame["id"].tolist() == table["id"].to_pylist() == ["0"]
            assert orderfox_nb.sql(BOTH, rec).fetchall() == [(1, 1)]
            assert rec.select(symbols=["BTCUSDT"]).arrow("quality").num_rows == 1
        again = orderfox_nb.open_recording(journal.folder)
        assert again["BTCUSDT"].trades.df["id"].tolist() == again.arrow("trades")["id"].to_pylist() == list("0123")
    # Where nobody writes it any more it is the same.
    assert rec.arrow("trades")["id"].to_pylist() == ["0"]


def test_all_tables_of_a_question_end_at_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = Journal(tmp_path / "now")
    read, written = RecentRows.read, [0]

    def reading(rows: RecentRows, path: Path, table: str, recording: str) -> Any:
        found = read(rows, path, table, recording)
        # The recorder does not wait for the next table.
        written[0] += 1
        write(journal, written[0])
        return found

    with writing(journal.folder):
        write(journal, 0)
        monkeypatch.setattr(RecentRows, "read", reading)
        for _ in range(3):
            before = written[0] + 1
            assert orderfox_nb.sql(BOTH, journal.folder).fetchall() == [(before, before)]
        assert written[0] == 6
