"""Tables are what the journals hold: every number exact, nothing twice, and made again whenever they are lost."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfox_nb
from orderfox_nb.core.events import (
    Candle,
    Event,
    Gap,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Topic,
    Trade,
)
from orderfox_nb.core.instrument import whole_market
from orderfox_nb.errors import BadValue, MissingExtra, RecordingError
from orderfox_nb.recording.ring import prune, writing
from orderfox_nb.recording.tables.exact import exact_integers
from orderfox_nb.recording.tables.schema import COLUMNS
from orderfox_nb.recording.tables.views import SELECTIONS
from orderfox_nb.recording.writer import Writer
from tests.desk.scripted import BTC, VENUE, delta, live, snapshot, ticker, trade
from tests.recording.made import SECOND_US, START_US, TRADES, head_of, record

pytestmark = pytest.mark.core


class Journal:
    """A recording that a test writes event by event."""

    def __init__(self, folder: Path, *, start_us: int = START_US) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.now_us = start_us
        self.writer = Writer(folder, head_of(folder, start_us))

    def put(self, topic: Topic, *events: Event) -> None:
        if topic not in self.writer:
            self.writer.opened(topic, BTC, self.now_us)
        for event in events:
            self.writer.event(topic, BTC, event, self.now_us)

    def close(self, topic: Topic) -> None:
        self.writer.closed(topic, self.now_us)

    def cut(self) -> None:
        self.now_us += SECOND_US
        self.writer.written(self.writer.cut(self.now_us).write())


def rows(text: str, *recordings: Path) -> list[tuple[Any, ...]]:
    return orderfox_nb.sql(text, list(recordings)).fetchall()


def topic(channel: str, symbol: str = "BTCUSDT") -> Topic:
    return Topic(VENUE, symbol, channel, "1m" if channel == "candles" else "")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


numbers = st.one_of(
    st.floats(1e-90, 1e18),
    st.decimals(0, 10**9, places=3).map(float),
    st.sampled_from([0.0, 0.1 + 0.2, 58710.2, 1e18, 1e-9, 123456789.123456789]),
)


@given(st.lists(numbers, max_size=20), st.integers(0, 18))
def test_whole_numbers_give_every_float_back(values: list[float], digits: int):
    (integers,), own = exact_integers([np.array(values)], np.full(len(values), digits, np.int8))
    back = [float(Decimal(int(number)).scaleb(-int(scale))) for number, scale in zip(integers, own, strict=True)]
    assert back == values


@given(st.lists(st.decimals(0, 10**6, places=3), max_size=20))
def test_what_the_instrument_counts_keeps_its_digits(values: Sequence[Decimal]):
    (integers,), digits = exact_integers([np.array([float(value) for value in values])], np.full(len(values), 3))
    assert set(digits.tolist()) <= {3}
    assert integers.tolist() == [int(value * 1000) for value in values]


def test_numbers_that_no_integers_of_one_scale_hold_are_refused():
    with pytest.raises(ValueError, match="no 64-bit integers"):
        exact_integers([np.array([1e18]), np.array([1e-9])], np.array([1], np.int8))


def test_every_channel_has_its_rows(tmp_path: Path):
    journal = Journal(tmp_path / "all")
    us = START_US
    finer = Trade(
        symbol="BTCUSDT", time_us=us + 1, id="x7", price=58710.25, size=0.0001, aggressor="sell", last_fill_id=9
    )
    bar = Candle(
        symbol="BTCUSDT", time_us=us, interval="1m", open_us=us, open=1, high=3, low=0.5, close=2, volume=4, trades=1
    )
    later = Candle(
        symbol="BTCUSDT",
        time_us=us + 5,
        interval="1m",
        open_us=us,
        open=1,
        high=4,
        low=0.5,
        close=3,
        volume=5,
        quote_volume=12.3456789,
        trades=2,
        closed=True,
    )
    order = Liquidation(symbol="ETHUSDT", time_us=us, side="sell", size=0.5, price=1234.567)
    mark = MarkPrice(
        symbol="BTCUSDT", time_us=us, mark_price=1.00000001, index_price=1.5, funding_rate=-0.0001, next_funding_us=us
    )
    unfunded = MarkPrice(
        symbol="BTCUSDT", time_us=us + 1, mark_price=1.0, index_price=1.0, funding_rate=None, next_funding_us=0
    )
    journal.put(topic("book"), snapshot(us, [(99.0, 1.0)], [(101.0, 2.5)]), live(us))
    journal.put(topic("book"), delta(us + 1, 101, [(99.0, 0.0)], [(101.5, 0.125)]))
    journal.put(topic("trades"), trade(us, 1), live(us), finer)
    journal.put(topic("candles"), bar, live(us), later)
    journal.put(topic("liquidations", "BTCUSDT"), live(us))
    journal.put(topic("mark"), mark, unfunded)
    journal.put(topic("ticker"), ticker("BTCUSDT", 50_000.0, 1e9, time_us=us))
    journal.put(topic("open_interest"), OpenInterest(symbol="BTCUSDT", time_us=us, open_interest=12.34567))
    whole = Topic(VENUE, "*", "liquidations")
    journal.writer.opened(whole, whole_market(VENUE), us)
    # The same order in the stream of the market, twice.
    for _ in range(2):
        journal.writer.event(whole, whole_market(VENUE), order, us)
    journal.put(topic("trades"), Gap(symbol="BTCUSDT", time_us=us + 2, reason="lost", lost=3))
    journal.cut()
    folder = journal.folder
    assert rows("select side, price, size, snapshot, first_id, previous_id from book_levels", folder) == [
        ("bid", 99.0, 1.0, True, 100, None),
        ("ask", 101.0, 2.5, True, 100, None),
        ("bid", 99.0, 0.0, False, 101, 100),
        ("ask", 101.5, 0.125, False, 101, 100),
    ]
    assert rows("select id, price, size, aggressor, last_fill_id from trades order by seq", folder)[-1] == (
        ("x7", 58710.25, 0.0001, "sell", 9)
    )
    assert rows("select high, close, volume, quote_volume, trades, closed from candles", folder) == [
        (4.0, 3.0, 5.0, 12.3456789, 2, True)
    ]
    assert rows("select symbol, liquidated, side, price, size from liquidations", folder) == [
        ("ETHUSDT", "long", "sell", 1234.567, 0.5)
    ]
    assert rows("select mark, funding from mark order by time", folder) == [(1.00000001, -0.0001), (1.0, None)]
    assert rows("select funding from funding", folder) == [(-0.0001,)]
    assert rows("select last, open from ticker", folder) == [(50_000.0, 50_000.0 / 1.02)]
    assert rows("select open_interest from open_interest", folder) == [(12.34567,)]
    assert rows("select state, lost from quality where state = 'gap'", folder) == [("gap", 3)]
    for view in SELECTIONS:
        assert rows(f"select typeof(time), typeof(received) from {view}", folder)[0] == (
            "TIMESTAMP WITH TIME ZONE",
            "TIMESTAMP WITH TIME ZONE",
        )
    for table in COLUMNS:
        (path,) = (folder / "tables" / table).iterdir()
        schema = pq.read_schema(path)
        assert schema.names == list(COLUMNS[table])
        assert {field.type for field in schema if b"10^-" in field.metadata[b"unit"]} <= {pa.int64()}
    prices = pq.read_table(next((folder / "tables" / "trades").iterdir())).to_pydict()
    assert list(zip(prices["price"], prices["price_digits"], prices["size"], prices["size_digits"], strict=True))[
        -1
    ] == (5871025, 2, 1, 4)


def test_trades_of_a_recording_are_those_of_its_frame(tmp_path: Path):
    record(tmp_path / "minute", 60)
    rec = orderfox_nb.open_recording(tmp_path / "minute")
    frame = rec["BTCUSDT"].trades.df
    found = orderfox_nb.sql("select * from trades order by time, seq", rec).df()
    for column in ("id", "price", "size", "aggressor", "notional"):
        assert found[column].tolist() == frame[column].tolist()
    assert found["time"].tolist() == frame.index.tolist()


def test_a_part_is_asked_alone_and_as_arrow_and_polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 10 * SECOND_US)
    record(tmp_path / "minute", 60)
    rec = orderfox_nb.open_recording(tmp_path / "minute")
    part = rec[START_US + 20 * SECOND_US : START_US + 30 * SECOND_US]  # type: ignore[misc]
    table = part.arrow("trades")
    frame = part["BTCUSDT"].trades.df
    assert table["id"].to_pylist() == frame["id"].tolist()
    assert part.pl("trades")["price"].to_list() == frame["price"].tolist()
    # Only the journals of those ten seconds were read.
    assert len(list((tmp_path / "minute" / "tables" / "trades").iterdir())) < 6
    assert part.select(channels=["book"]).arrow("trades").num_rows == 0
    with pytest.raises(BadValue, match="table"):
        rec.arrow("orders")


def test_what_is_written_now_is_in_the_answer_and_in_no_table(tmp_path: Path):
    journal = Journal(tmp_path / "now")
    with writing(journal.folder):
        journal.put(TRADES, trade(START_US, 0), live(START_US))
        journal.cut()
        for number in range(1, 4):
            journal.put(TRADES, trade(START_US + number, number))
            journal.cut()
            assert rows("select count(*) from trades", journal.folder) == [(number + 1,)]
        assert not (journal.folder / "tables").exists()
        # A block that is being written is not there yet.
        path = next(journal.folder.glob("*.ofj"))
        with path.open("ab") as file:
            file.write(path.read_bytes()[:40])
        assert rows("select count(*) from trades", journal.folder) == [(4,)]
    assert rows("select count(*) from trades", journal.folder) == [(4,)]
    assert len(list((journal.folder / "tables" / "trades").iterdir())) == 1


def test_nothing_is_there_twice(tmp_path: Path):
    one = Journal(tmp_path / "one")
    one.put(TRADES, *[trade(START_US + number, number) for number in range(5)], live(START_US))
    one.put(TRADES, *[trade(START_US + number, number) for number in range(5, 8)])
    one.cut()
    one.close(TRADES)
    # Read again: the venue sends some of the same for a start.
    one.put(TRADES, *[trade(START_US + number, number) for number in range(4, 10)], live(START_US))
    one.cut()
    assert rows("select id from trades order by time", one.folder) == [(str(number),) for number in range(10)]
    # Another process, later: its start is in the first recording already.
    two = Journal(tmp_path / "two", start_us=one.now_us + SECOND_US)
    two.put(TRADES, *[trade(START_US + number, number) for number in range(6, 12)], live(START_US))
    two.put(TRADES, trade(START_US + 12, 12))
    two.cut()
    assert rows("select count(*), count(distinct id) from trades", one.folder, two.folder) == [(13, 13)]
    # A third one at the same time as the first.
    three = Journal(tmp_path / "three", start_us=START_US + 1)
    three.put(TRADES, live(START_US), *[trade(START_US + number, number) for number in range(3, 20)])
    three.cut()
    every = one.folder, two.folder, three.folder
    assert rows("select count(*), count(distinct id) from trades", *every) == [(20, 20)]
    found = orderfox_nb.sql("select recording, count(*) from trades group by all", every[0]).fetchall()
    assert found == [("one", 10)]


@pytest.mark.parametrize("block", [7, 11])
def test_a_flipped_bit_costs_one_block_and_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int):
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 10 * SECOND_US)
    record(tmp_path / "minute", 30)
    files = orderfox_nb.open_recording(tmp_path / "minute").recording.files
    # The first block of a file names its topics: those before it do too.
    assert files.blocks[11].head.declares
    path, head = files.blocks[block]
    flip(path, head.body + 20)
    assert rows("select count(*) from trades", tmp_path / "minute") == [(146,)]
    gaps = rows("select channel, reason from quality where state = 'gap'", tmp_path / "minute")
    assert sorted(channel for channel, _ in gaps) == ["book", "trades"]
    assert all("cannot be read" in reason for _, reason in gaps)


def test_a_recording_that_cannot_be_read_is_an_error_alone_and_passed_over_among_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    for name in ("bad", "good"):
        record(tmp_path / "recordings" / name, 2)
    flip(tmp_path / "recordings" / "bad" / "000000.ofj", 100)
    with pytest.raises(RecordingError, match="can be read"):
        rows("select count(*) from trades", tmp_path / "recordings" / "bad")
    assert orderfox_nb.sql("select recording from trades group by all").fetchall() == [("good",)]
    assert "bad" in caplog.text


def test_a_damaged_table_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record(tmp_path / "minute", 30)
    before = rows("select * from trades", tmp_path / "minute")
    (path,) = (tmp_path / "minute" / "tables" / "trades").iterdir()
    good = path.read_bytes()
    monkeypatch.setattr("orderfox_nb.recording.tables.making._checked", {})
    flip(path, len(good) // 2)
    assert rows("select * from trades", tmp_path / "minute") == before
    assert path.read_bytes() == good


def test_a_price_that_a_table_cannot_hold_is_an_error_and_no_other_number(tmp_path: Path):
    journal = Journal(tmp_path / "odd")
    odd = MarkPrice(
        symbol="BTCUSDT", time_us=START_US, mark_price=1e18, index_price=1e-9, funding_rate=None, next_funding_us=0
    )
    journal.put(topic("mark"), odd)
    journal.cut()
    with pytest.raises(RecordingError, match="no 64-bit integers"):
        rows("select * from mark", journal.folder)


def test_a_question_reads_these_recordings_and_nothing_else(tmp_path: Path):
    record(tmp_path / "it's", 2)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    folder = tmp_path / "it's"
    assert rows("select count(*) > 0 from trades", folder) == [(True,)]
    for text in (
        f"select * from read_csv('{tmp_path}/secret.csv')",
        f"copy trades to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/other.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "select * from read_parquet('https://example.com/x.parquet')",
        "select * from folder",
    ):
        with pytest.raises(duckdb.Error):
            rows(text, folder)
    assert not (tmp_path / "out.csv").exists()
    assert orderfox_nb.sql(
        "select count(*) from trades where symbol = $symbol", folder, parameters={"symbol": "ETHUSDT"}
    ).fetchall() == [(0,)]


def test_by_default_all_recordings_of_the_data_directory_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    with pytest.raises(RecordingError, match="at least one recording"):
        orderfox_nb.sql("select 1")
    record(tmp_path / "recordings" / "one", 2)
    assert orderfox_nb.sql("select count(*) from trades").fetchall() == [(11,)]
    with pytest.raises(RecordingError, match=r"\.ofj"):
        orderfox_nb.sql("select 1", tmp_path)
    with pytest.raises(BadValue, match="recordings"):
        orderfox_nb.sql("select 1", [])


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record(tmp_path / "minute", 2)
    monkeypatch.setitem(sys.modules, "duckdb", None)  # its import fails
    with pytest.raises(MissingExtra, match=r'pip install "orderfox_nb\[recording\]"'):
        rows("select 1", tmp_path / "minute")


def test_tables_count_in_the_ring_and_go_with_their_journals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.recording.writer.MAX_FILE_US", 10 * SECOND_US)
    folder = tmp_path / "ring"
    record(folder, 40)
    rows("select 1 from trades, book_levels", folder)
    (folder / "tables" / "trades" / ".000001.abcd.tmp").write_bytes(b"x" * 1000)
    every = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def pruned(max_bytes: int) -> int:
        return prune(tmp_path, max_bytes=max_bytes, max_age_s=1e12, now_s=1e9).bytes_kept

    assert pruned(every) == every
    assert pruned(every - 1) < every
    assert not (folder / "000000.ofj").exists()
    left = {path.name.removeprefix(".").partition(".")[0] for path in (folder / "tables").glob("*/*")}
    assert "000000" not in left
    assert "000001" in left
    # What was left behind by a process that ended between the two.
    (folder / "000001.ofj").unlink()
    pruned(every)
    assert not list((folder / "tables").glob("*/*000001*"))
    pruned(0)
    assert not folder.exists()
