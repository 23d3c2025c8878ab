"""Files that others recorded, where they are at hand, and the command and the function that import them."""

from __future__ import annotations

import gzip
from bisect import bisect_right
from pathlib import Path

import msgspec
import pytest

import orderfox_nb
from orderfox_nb.cli import main
from orderfox_nb.core.book import Book
from orderfox_nb.core.events import BookDelta
from orderfox_nb.errors import RecordingError
from tests.feeds.imports.made import Made, body, diff, made_of, stamped

pytestmark = pytest.mark.feeds

FRAMES = stamped(
    [
        (0, diff(100, 105, 99)),
        (5, body(105, [["10.0", "1"]], [["11.0", "1"]])),
        (10, diff(106, 110, 105, bids=[["9.5", "2"]], at_ms=10)),
    ]
)


@pytest.fixture(scope="module")
def btcusdt(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made_of(tmp_path_factory.mktemp("btcusdt"), recordings / "usdm_btcusdt_20240808.gz")


class _BestPrices(msgspec.Struct):
    u: int
    b: float
    B: float
    a: float
    A: float


class _RecordedLine(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


def test_the_replayed_best_is_that_of_each_book_ticker(btcusdt: Made, recordings: Path) -> None:
    frame, best = msgspec.json.Decoder(_RecordedLine), msgspec.json.Decoder(_BestPrices, strict=False)
    tickers: list[_BestPrices] = []
    with gzip.open(recordings / "usdm_btcusdt_20240808.gz") as file:
        for line in file:
            read = frame.decode(line.partition(b" ")[2])
            if read.stream == "btcusdt@bookTicker":
                tickers.append(best.decode(read.data))
    ids = [ticker.u for ticker in tickers]
    assert ids == sorted(ids)

    book = Book(btcusdt.recording.instruments["BTCUSDT"])
    compared = 0
    for event in btcusdt.events(btcusdt.topic("book", "BTCUSDT")):
        book.apply(event)
        # After an update the best is that of the last ticker up to its id; a later one shows that none is missing.
        at = bisect_right(ids, book.update_id) - 1
        if type(event) is not BookDelta or not book.synced or not 0 <= at < len(ids) - 1:
            continue
        (bid,), (bid_size,) = book.levels("bid", 1)
        (ask,), (ask_size,) = book.levels("ask", 1)
        price, size = book.instrument.price, book.instrument.size
        shown = price(int(bid)), size(int(bid_size)), price(int(ask)), size(int(ask_size))
        ticker = tickers[at]
        assert shown == (ticker.b, ticker.B, ticker.a, ticker.A), event.last_id
        compared += 1
    assert compared > 6_000


def test_the_recorded_market_is_whole(btcusdt: Made, recordings: Path) -> None:
    assert btcusdt.quality(btcusdt.topic("book", "BTCUSDT")) == ("live", "complete")
    assert btcusdt.recording.info().gaps == 0
    bids, asks = btcusdt.book("BTCUSDT")
    assert (max(bids), min(asks)) == (61659.7, 61659.8)
    ids = [int(trade.id) for trade in btcusdt.trades("BTCUSDT")]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(ids) == 21_313
    instrument = btcusdt.recording.instruments["BTCUSDT"]
    assert (str(instrument.tick_size), str(instrument.lot_size)) == ("0.1", "0.001")

    path = recordings / "fapi_v1_klines_BTCUSDT_1m_20240808_from_trades.json"
    derived = msgspec.json.decode(path.read_bytes())
    bars = {
        bar.open_us: (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades)
        for bar in btcusdt.bars("1m", "BTCUSDT").values()
    }
    assert bars == {row[0] * 1_000: (*(float(text) for text in row[1:6]), row[8]) for row in derived}


def test_a_month_of_bars_is_whole(recordings: Path, tmp_path: Path) -> None:
    path = recordings / "AVAXUSDT-1m-2026-07.csv.gz"
    made = made_of(tmp_path, path)
    rows = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    bars = made.bars("1m", "AVAXUSDT")
    assert [(bar.open, bar.close, bar.volume) for bar in bars.values()] == [
        (float(cells[1]), float(cells[4]), float(cells[5])) for cells in (row.split(",") for row in rows)
    ]
    assert made.gaps(made.topic("candles", "AVAXUSDT", "1m")) == []


@pytest.mark.parametrize(
    ("name", "bids", "asks"),
    [
        ("m1_snap_first", {10.02: 1.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0, 11.0: 1.0}),
        ("m2_two_symbols", {10.02: 3.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0}),
        ("m4_inband_liq", {10.02: 3.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0}),
        ("m10_tardis_snap", {10.02: 3.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0}),
        ("m13_iso", {10.02: 3.0, 10.01: 2.0, 10.0: 5.0, 9.0: 8.0}, {10.05: 2.0, 10.06: 3.0}),
        (
            "m14_single",
            {10.02: 1.0, 10.01: 2.0, 10.0: 5.0} | {round(9 + n / 100, 2): float(n + 1) for n in range(60)},
            {10.05: 2.0, 10.06: 3.0},
        ),
    ],
)
def test_files_that_failed_before(
    recordings: Path, tmp_path: Path, name: str, bids: dict[float, float], asks: dict[float, float]
) -> None:
    path = recordings.parent / "cases" / "tape" / f"{name}.tape"
    if not path.is_file():
        pytest.skip(f"no {path.name} beside the recordings")
    made = made_of(tmp_path, path)
    assert made.book() == (bids, asks)
    assert made.quality(made.topic("book")) == ("live", "complete")
    if name == "m2_two_symbols":
        assert made.book("XYZUSDT") == ({0.5: 100.0, 0.48: 8.0}, {0.51: 50.0})
    if name in ("m4_inband_liq", "m13_iso"):
        assert [(order.side, order.size) for order in made.orders()] == [("sell", 3.0), ("buy", 2.0)]


def test_the_command_writes_a_recording_and_says_what_the_files_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frames").write_bytes(FRAMES + b"garbage\n")
    assert main(["import", str(tmp_path / "frames"), "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "line 4: no receive stamp" in err
    market = orderfox_nb.open_recording(out.strip())
    assert market.symbols == ["ABCUSDT"]
    assert market["ABCUSDT"].book.df["price"].to_numpy().max() == 11.0
    assert "frames: raw frames" in market.info().notes

    assert main(["import", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 1
    assert "none: expected a file that can be read" in capsys.readouterr().err


def test_a_notebook_imports_with_the_venues_own_steps(tmp_path: Path) -> None:
    steps = [{"filterType": "PRICE_FILTER", "tickSize": "0.25"}, {"filterType": "LOT_SIZE", "stepSize": "0.010"}]
    row = {"symbol": "ABCUSDT", "status": "TRADING", "contractType": "PERPETUAL", "filters": steps}
    row |= {"baseAsset": "ABC", "quoteAsset": "USDT", "marginAsset": "USDT"}
    (tmp_path / "info.json").write_bytes(msgspec.json.encode({"symbols": [row]}))
    (tmp_path / "frames").write_bytes(FRAMES)
    rec = orderfox_nb.import_recording(tmp_path / "frames", out=tmp_path / "out", instruments=tmp_path / "info.json")
    assert str(rec["ABCUSDT"].instrument.tick_size) == "0.25"
    assert str(rec["ABCUSDT"].instrument.lot_size) == "0.01"
    with pytest.raises(RecordingError, match="exchangeInfo"):
        orderfox_nb.import_recording(tmp_path / "frames", out=tmp_path / "2", instruments=tmp_path / "frames")
    assert not list((tmp_path / "2").glob("*"))
