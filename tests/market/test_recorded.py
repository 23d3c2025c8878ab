"""A recording in a notebook: frames by the same names as live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import orderfox_nb
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import Trade
from orderfox_nb.core.quality import QualityTracker
from orderfox_nb.errors import BadValue, RecordingError
from tests.desk.scripted import BTC
from tests.recording.made import BOOK, SECOND_US, START_US, TRADES, record

pytestmark = pytest.mark.core

START = datetime.fromtimestamp(START_US / 1e6, UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "minute"
    record(folder, 60)
    return folder


def test_frames_are_those_of_the_fold_and_say_that_they_are_recorded(folder: Path):
    rec = orderfox_nb.open_recording(folder)
    assert rec.symbols == ["BTCUSDT"]
    trades = rec["btcusdt"].trades.df
    assert len(trades) == 301
    assert trades.index.is_monotonic_increasing
    attributes = trades.attrs
    assert (attributes["recorded"], attributes["simulated"], attributes["recording"]) == (True, True, "minute")
    assert attributes["quality"]["state"] == "live"
    book = rec["BTCUSDT"].book.df
    state = rec.recording.state(BOOK)
    assert state is not None
    assert len(book) == sum(len(ticks) for ticks, _ in state.fold.view()[:2])
    assert list(book.columns) == ["side", "price", "size", "cumulative"]


@pytest.mark.parametrize("text", ["btc", "BTC-USDT", "BTC/USDT:USDT", " btcusdt "])
def test_a_recorded_symbol_is_found_in_any_usual_form(folder: Path, text: str):
    assert orderfox_nb.open_recording(folder)[text].symbol == "BTCUSDT"


@pytest.mark.parametrize("part", [slice(None), slice(START + timedelta(seconds=10), START + timedelta(seconds=45))])
def test_trades_are_those_of_the_events_each_once(folder: Path, part: slice[Any]):
    rec = orderfox_nb.open_recording(folder)[part]
    quality = QualityTracker("trades", recorded=True, opened_us=rec.recording.start_us)
    found: dict[str, Trade] = {}
    for event in rec["BTCUSDT"].trades.events():
        quality.apply(event)
        if isinstance(event, Trade) and event.time_us >= rec.recording.start_us:
            found[event.id] = event
    trades = rec["BTCUSDT"].trades.df
    expected = sorted(found.values(), key=lambda trade: trade.time_us)
    assert len(expected) > 100
    assert trades["id"].tolist() == [trade.id for trade in expected]
    assert (trades.index.view("int64") == [trade.time_us for trade in expected]).all()
    assert trades["price"].tolist() == [trade.price for trade in expected]
    assert trades["size"].tolist() == [trade.size for trade in expected]
    assert trades["aggressor"].tolist() == [trade.aggressor for trade in expected]
    seen = trades.attrs["quality"]
    assert (seen["state"], seen["since_us"], seen["reason"]) == (quality.state.value, quality.since_us, quality.reason)
    assert [lapse["start_us"] for lapse in seen["lapses"]] == [lapse.start_us for lapse in quality.intervals()]


def test_a_part_has_the_events_of_its_time_alone(folder: Path):
    rec = orderfox_nb.open_recording(folder)
    part = rec[START + timedelta(seconds=10) : START + timedelta(seconds=20)]
    assert len(part["BTCUSDT"].trades.df) == 50
    clock = (START + timedelta(seconds=10)).strftime("%H:%M:%S"), (START + timedelta(seconds=20)).strftime("%H:%M:%S")
    assert part.info() == rec[clock[0] : clock[1]].info()
    with pytest.raises(BadValue, match="time"):
        rec["yesterday":]
    with pytest.raises(BadValue, match="zone"):
        rec[datetime(2023, 11, 14, 22) :]  # noqa: DTZ001 - a time without a zone is what is refused
    with pytest.raises(BadValue, match="symbol"):
        rec["ETHUSDT"]
    with pytest.raises(BadValue, match="recorded"):
        _ = rec["BTCUSDT"].ticker.df
    with pytest.raises(BadValue, match="recorded"):
        rec["BTCUSDT"].candles("1m")


def test_a_range_has_the_complete_parts_of_a_recording(folder: Path):
    rec = orderfox_nb.open_recording(folder)
    start, end = START + timedelta(seconds=10), START + timedelta(seconds=20)
    frame = rec["BTCUSDT"].trades.history(start, end)
    pd.testing.assert_frame_equal(frame, rec[start:end]["BTCUSDT"].trades.df)
    coverage = frame.attrs["coverage"]
    assert coverage["complete"]
    assert coverage["ranges"] == [
        {"start_us": START_US + 10 * SECOND_US, "end_us": START_US + 20 * SECOND_US, "source": "recording"}
    ]
    assert (frame.attrs["recorded"], frame.attrs["recording"]) == (True, "minute")
    # The last seconds may lack events that were late.
    coverage = rec["BTCUSDT"].trades.history("-20s").attrs["coverage"]
    assert [part["reason"] for part in coverage["missing"]] == ["not recorded as a whole"]
    assert rec["BTCUSDT"].trades.history("22:13:30", "22:13:40").attrs["coverage"]["complete"]
    with pytest.raises(BadValue, match="after the start"):
        rec["BTCUSDT"].trades.history(end, start)


def test_a_saved_part_is_the_part(folder: Path, tmp_path: Path):
    rec = orderfox_nb.open_recording(folder)
    part = rec[START + timedelta(seconds=10) : START + timedelta(seconds=40)]
    saved = part.save(tmp_path / "part")
    assert saved["BTCUSDT"].trades.df.index.max() == part["BTCUSDT"].trades.df.index.max()
    for topic in (BOOK, TRADES):
        for second in (15, 27, 39):
            at_us = START_US + second * SECOND_US
            one, other = (each.recording.state(topic, at_us) for each in (rec, saved))
            assert one is not None
            assert other is not None
            if topic == BOOK:
                assert one.fold.digest() == other.fold.digest()
            assert one.fold.view()[-1] == other.fold.view()[-1] or topic == BOOK
        fold = fold_for(topic, BTC)
        for event in saved.events():
            if event.topic == topic:
                fold.apply(event.event)
        state = part.recording.state(topic)
        assert state is not None
        assert fold.digest() == state.fold.digest()
    assert saved.info().digest == part.info().digest != rec.info().digest
    seqs = [event.seq for event in part.events()]
    assert seqs == sorted(seqs)
    with pytest.raises(RecordingError, match="nothing is overwritten"):
        part.save(tmp_path / "part")


@pytest.mark.parametrize("moment", [None, 1.5, float("nan"), [], b"10:00", True, (), 10**30, "", "-5x"])
def test_what_is_no_time_is_refused_in_one_line(folder: Path, moment: Any):
    rec = orderfox_nb.open_recording(folder)
    with pytest.raises(BadValue, match="Invalid time"):
        rec.seek(moment)
    with pytest.raises(BadValue, match="Invalid start"):
        rec["BTCUSDT"].trades.history(moment)


@pytest.mark.parametrize("part", [5, None, 1.0, ("BTCUSDT", "ETHUSDT")])
def test_what_is_no_part_is_refused_in_one_line(folder: Path, part: Any):
    with pytest.raises(BadValue, match="a symbol such as"):
        orderfox_nb.open_recording(folder)[part]


def test_a_part_is_saved_in_a_folder_alone(folder: Path, tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RecordingError, match="a folder that can be made"):
            orderfox_nb.open_recording(folder).save(path)
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "odd" / "000000.ofj").mkdir(parents=True)
    for path in (tmp_path / "odd", "x" * 5_000):
        with pytest.raises(RecordingError, match="a recording that can be read"):
            orderfox_nb.open_recording(path)
    with pytest.raises(RecordingError, match=r"a folder with \.ofj files"):
        orderfox_nb.open_recording(tmp_path)
    (tmp_path / "000000.ofj").write_bytes(b"rubbish" * 100)
    with pytest.raises(RecordingError, match="at least one whole block"):
        orderfox_nb.open_recording(tmp_path)
