"""Each format from a small file of its own: book, trades, bars and liquidations as calculated here."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from orderfox_nb.core.events import Gap, MarkPrice, OpenInterest, Status
from orderfox_nb.errors import RecordingError
from tests.feeds.imports.made import START_MS, Made, body, diff, forced, made_of

pytestmark = pytest.mark.feeds

START_US = START_MS * 1_000


def live_reasons(made: Made, channel: str) -> set[str]:
    events = made.events(made.topic(channel))
    return {event.reason for event in events if isinstance(event, Status) and event.state == "live"}


# Tardis csv

COMMON = "exchange,symbol,timestamp,local_timestamp"


def tardis(columns: str, *rows: tuple[int, str], symbol: str = "ABCUSDT") -> bytes:
    lines = [f"{COMMON},{columns}"]
    lines += [f"binance-futures,{symbol},{START_US + at},{START_US + at + 50},{cells}" for at, cells in rows]
    return gzip.compress(("\n".join(lines) + "\n").encode())


def test_tardis_levels_are_a_book_whose_completeness_is_not_known(tmp_path: Path) -> None:
    rows = [
        (0, "true,bid,10.02,1"),
        (0, "true,bid,10.01,2"),
        (0, "true,ask,10.05,4"),
        (1_000, "false,bid,10.02,0"),
        (1_000, "false,ask,10.04,1.5"),
        (2_000, "false,ask,10.05,3"),
    ]
    made = made_of(tmp_path, tardis("is_snapshot,side,price,amount", *rows), names=["levels.csv.gz"])
    assert made.book() == ({10.01: 2.0}, {10.04: 1.5, 10.05: 3.0})
    assert made.quality(made.topic("book")) == ("live", "sampled")
    assert live_reasons(made, "book") == {"the format has no update ids, so a missing update cannot be seen"}
    assert str(made.recording.instruments["ABCUSDT"].lot_size) == "0.5"
    assert made.recording.origin.venue == "binance"


def test_a_second_snapshot_of_tardis_is_a_disconnect_and_replaces_the_book(tmp_path: Path) -> None:
    rows = [
        (0, "true,bid,10.0,1"),
        (0, "true,ask,11.0,1"),
        (1_000, "false,bid,9.0,2"),
        (5_000, "true,bid,10.5,1"),
        (5_000, "true,ask,11.5,1"),
        (6_000, "false,bid,10.4,2"),
    ]
    made = made_of(tmp_path, tardis("is_snapshot,side,price,amount", *rows), names=["a.csv.gz"])
    assert made.book() == ({10.5: 1.0, 10.4: 2.0}, {11.5: 1.0})
    assert [gap.reason for gap in made.gaps(made.topic("book"))] == ["the recorder was disconnected"]


def test_an_unreadable_level_of_tardis_ends_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    rows = [(0, "true,bid,10.0,1"), (0, "true,ask,11.0,1"), (1_000, "false,bid,9.0,nan"), (2_000, "false,bid,8.0,1")]
    made = made_of(tmp_path, tardis("is_snapshot,side,price,amount", *rows), names=["a.csv.gz"])
    assert made.book() == ({}, {})
    assert made.quality(made.topic("book"))[0] == "gap"


@pytest.mark.parametrize("bad", ["true,bid,9.0,nan", "true,bid", "\0"])
def test_a_snapshot_of_tardis_with_an_unreadable_level_is_no_book(tmp_path: Path, bad: str) -> None:
    rows = [(0, bad), (0, "true,bid,10.0,1"), (0, "true,ask,11.0,1"), (1_000, "false,bid,9.0,2")]
    made = made_of(tmp_path, tardis("is_snapshot,side,price,amount", *rows), names=["a.csv.gz"])
    assert made.book() == ({}, {})
    assert made.quality(made.topic("book"))[0] == "syncing"


def test_days_of_tardis_follow_each_other(tmp_path: Path) -> None:
    columns = "is_snapshot,side,price,amount"
    first = tardis(columns, (0, "true,bid,10.0,1"), (0, "true,ask,11.0,1"), (9, "false,bid,9.5,1"))
    second = tardis(columns, (5_000, "true,bid,10.5,1"), (5_000, "true,ask,11.5,1"), (6_000, "false,bid,10.4,2"))
    made = made_of(tmp_path, second, first, names=["2.csv.gz", "1.csv.gz"])
    assert made.book() == ({10.5: 1.0, 10.4: 2.0}, {11.5: 1.0})


def test_tardis_snapshots_say_how_deep_they_are(tmp_path: Path) -> None:
    columns = ",".join(
        f"{side}[{n}].{what}" for n in (0, 1) for side in ("asks", "bids") for what in ("price", "amount")
    )
    rows = [(0, "11,1,10,1,12,2,9,2"), (1_000, "11,3,10.5,1,12,2,10,2")]
    made = made_of(tmp_path, tardis(columns, *rows), names=["a.csv.gz"])
    assert made.book() == ({10.5: 1.0, 10.0: 2.0}, {11.0: 3.0, 12.0: 2.0})
    assert made.quality(made.topic("book")) == ("live", "sampled")
    assert any("best 2 levels only" in note for note in made.imported.notes)


def test_tardis_trades_and_liquidations(tmp_path: Path) -> None:
    columns = "id,side,price,amount"
    trades = tardis(columns, (0, "7,buy,50000.0,1.0"), (100, "9,sell,49999.5,0.25"), (200, "10,unknown,1,1"))
    orders = tardis(columns, (300, ",sell,100,2"), (301, ",buy,100,1"))
    made = made_of(tmp_path, trades, orders, names=["x_trades.csv.gz", "x_liquidations.csv.gz"])
    assert [(t.id, t.aggressor, t.price, t.size, t.time_us, t.received_us) for t in made.trades()] == [
        ("7", "buy", 50_000.0, 1.0, START_US, START_US + 50),
        ("9", "sell", 49_999.5, 0.25, START_US + 100, START_US + 150),
    ]
    assert [(order.side, order.size, order.price) for order in made.orders()] == [
        ("sell", 2.0, 100.0),
        ("buy", 1.0, 100.0),
    ]
    # The third side is none; without a promise of unbroken ids a hole is no loss, but a lost line is.
    assert [gap.reason for gap in made.gaps(made.topic("trades"))] == ["line 4 cannot be read"]
    assert made.quality(made.topic("trades"))[1] == "sampled"
    assert not made.recording.origin.unbroken_trades


def test_empty_figures_of_tardis_are_those_before(tmp_path: Path) -> None:
    columns = "funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price"
    rows = [
        (0, ",,,,9364.51,,"),
        (1, ",,,120.5,,9360.1,"),
        (2, f"{START_US + 10_000_000},0.0001,,,,,9361.2"),
        (3, ",,,120.5,,,"),
        (4, ",,,121,,9360.4,"),
    ]
    made = made_of(tmp_path, tardis(columns, *rows), names=["ticker.csv.gz"])
    marks = [event for event in made.events(made.topic("mark")) if isinstance(event, MarkPrice)]
    assert [(mark.mark_price, mark.index_price, mark.funding_rate, mark.next_funding_us) for mark in marks] == [
        (9361.2, 9360.1, 0.0001, START_US + 10_000_000),
        (9361.2, 9360.4, 0.0001, START_US + 10_000_000),
    ]
    held = [
        event.open_interest for event in made.events(made.topic("open_interest")) if isinstance(event, OpenInterest)
    ]
    assert held == [120.5, 121.0]
    assert "book" in made.recording.origin.absent


# hftbacktest npz

EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
DTYPE = [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8")]
DTYPE += [("order_id", "u8"), ("ival", "i8"), ("fval", "f8")]


def npz(*rows: tuple[int, int, float, float]) -> bytes:
    """Return the archive of rows of (event, milliseconds, price, size)."""
    data = np.zeros(len(rows), dtype=np.dtype(DTYPE, align=True))
    for at, (event, ms, price, size) in enumerate(rows):
        stamp = (START_MS + ms) * 1_000_000
        data[at] = (event, stamp, stamp + 1_000_000, price, size, 0, 0, 0)
    file = io.BytesIO()
    np.savez_compressed(file, data=data)
    return file.getvalue()


BOTH = EXCH | LOCAL


def test_an_npz_is_a_book_and_trades_without_ids(tmp_path: Path) -> None:
    rows = [
        (3 | BOTH | BUY, 0, 9.0, 0.0),
        (4 | BOTH | BUY, 0, 10.0, 1.0),
        (4 | BOTH | BUY, 0, 9.0, 2.0),
        (3 | BOTH | SELL, 0, 12.0, 0.0),
        (4 | BOTH | SELL, 0, 11.0, 1.0),
        (2 | BOTH | BUY, 5, 11.0, 0.5),
        (1 | BOTH | SELL, 5, 11.0, 0.5),
        (1 | BOTH | BUY, 6, 9.0, 0.0),
        (1 | EXCH | BUY, 7, 8.0, 9.0),  # of the exchange's order only: never received
        (2 | BOTH | SELL, 8, 10.0, 0.25),
        (1 | BOTH | BUY, 8, 10.5, 0.75),
    ]
    made = made_of(tmp_path, npz(*rows), names=["abcusdt_20251009.npz"])
    assert made.book() == ({10.5: 0.75, 10.0: 1.0}, {11.0: 0.5})
    assert made.quality(made.topic("book")) == ("live", "sampled")
    assert made.gaps(made.topic("book")) == []
    assert [(trade.price, trade.size, trade.aggressor) for trade in made.trades()] == [
        (11.0, 0.5, "buy"),
        (10.0, 0.25, "sell"),
    ]
    assert len({trade.id for trade in made.trades()}) == 2
    (bar,) = made.bars().values()
    assert (bar.open, bar.close, bar.volume, bar.taker_buy_volume) == (11.0, 10.0, 0.75, 0.5)


def test_a_number_of_an_npz_that_is_none_ends_the_book(tmp_path: Path) -> None:
    rows = [(4 | BOTH | BUY, 0, 10.0, 1.0), (4 | BOTH | SELL, 0, 11.0, 1.0), (1 | BOTH | BUY, 5, float("nan"), 1.0)]
    made = made_of(tmp_path, npz(*rows, (1 | BOTH | BUY, 6, 9.0, 1.0)), names=["abcusdt.npz"])
    assert made.quality(made.topic("book"))[0] == "gap"


def test_the_symbol_of_an_npz_must_be_known(tmp_path: Path) -> None:
    content = npz((4 | BOTH | BUY, 0, 10.0, 1.0), (4 | BOTH | SELL, 0, 11.0, 1.0))
    with pytest.raises(RecordingError, match="--symbol"):
        made_of(tmp_path, content, names=["data.npz"])
    made = made_of(tmp_path, content, names=["data.npz"], symbol="abcusdt")
    assert made.book() == ({10.0: 1.0}, {11.0: 1.0})


# Binance Vision


def vision(name: str, *lines: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", "\n".join(lines) + "\n")
    return file.getvalue()


KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
MINUTE = START_MS // 60_000 * 60_000


def kline(number: int, *, scale: int = 1) -> str:
    start, end = (MINUTE + number * 60_000) * scale, (MINUTE + (number + 1) * 60_000) * scale - 1
    return f"{start},6.5340,6.5430,6.5320,6.5400,33013,{end},215829.89,365,30518,199515.01,0"


def test_klines_with_a_header_are_bars_of_futures(tmp_path: Path) -> None:
    made = made_of(tmp_path, vision("x", KLINES, kline(0), kline(1), kline(4)), names=["ABCUSDT-1m-2025-10.zip"])
    bars = made.bars()
    assert list(bars) == [(MINUTE + n * 60_000) * 1_000 for n in (0, 1, 4)]
    first = bars[MINUTE * 1_000]
    assert (first.open, first.high, first.low, first.close, first.volume) == (6.534, 6.543, 6.532, 6.54, 33013.0)
    assert (first.quote_volume, first.trades, first.taker_buy_volume, first.closed) == (215829.89, 365, 30518.0, True)
    assert first.time_us == (MINUTE + 60_000) * 1_000
    assert made.recording.origin.venue == "binance"
    assert [gap.reason for gap in made.gaps(made.topic("candles", interval="1m"))] == ["bars are not in the file"]


def test_klines_in_microseconds_are_bars_of_spot(tmp_path: Path) -> None:
    made = made_of(
        tmp_path, vision("x", kline(0, scale=1_000), kline(1, scale=1_000)), names=["ABCUSDT-1m-2025-10.zip"]
    )
    assert list(made.bars()) == [MINUTE * 1_000, (MINUTE + 60_000) * 1_000]
    assert made.recording.origin.venue == "binance-spot"


@pytest.mark.parametrize(
    ("lines", "venue", "fills"),
    [
        (
            [
                "id,price,qty,quote_qty,time,is_buyer_maker",
                "7,10.5,2,21,{0},false",
                "8,10,1,10,{1},true",
                "10,11,1,11,{2},false",
            ],
            "binance",
            [7, 8, 10],
        ),
        (["7,10.5,2,21,{0},false", "8,10,1,10,{1},true", "10,11,1,11,{2},false"], "binance", [7, 8, 10]),
        (
            ["7,10.5,2,21,{0},false,true", "8,10,1,10,{1},true,true", "10,11,1,11,{2},false,true"],
            "binance-spot",
            [7, 8, 10],
        ),
        (
            [
                "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
                "7,10.5,2,70,71,{0},false",
                "8,10,1,72,72,{1},true",
                "10,11,1,75,80,{2},false",
            ],
            "binance",
            [71, 72, 80],
        ),
        (["7,10.5,2,70,71,{0},false", "8,10,1,72,72,{1},true", "10,11,1,75,80,{2},false"], "binance", [71, 72, 80]),
        (
            ["7,10.5,2,70,71,{0},False,True", "8,10,1,72,72,{1},True,True", "10,11,1,75,80,{2},False,True"],
            "binance-spot",
            [71, 72, 80],
        ),
    ],
)
def test_trades_of_vision_by_their_columns(tmp_path: Path, lines: list[str], venue: str, fills: list[int]) -> None:
    text = [line.format(MINUTE + 1, MINUTE + 2, MINUTE + 60_001) for line in lines]
    made = made_of(tmp_path, vision("x", *text), names=["ABCUSDT-trades-2025-10-09.zip"])
    assert made.recording.origin.venue == venue
    assert [(trade.id, trade.price, trade.size, trade.aggressor) for trade in made.trades()] == [
        ("7", 10.5, 2.0, "buy"),
        ("8", 10.0, 1.0, "sell"),
        ("10", 11.0, 1.0, "buy"),
    ]
    assert [trade.last_fill_id for trade in made.trades()] == fills
    assert [gap.lost for gap in made.gaps(made.topic("trades"))] == [1]
    rows = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in made.bars().values()]
    assert rows == [(10.5, 10.5, 10.0, 10.0, 3.0), (11.0, 11.0, 11.0, 11.0, 1.0)]


def test_open_interest_of_vision_is_put_in_order(tmp_path: Path) -> None:
    header = "create_time,symbol,sum_open_interest,sum_open_interest_value,a,b,c,d"
    rows = [
        "2025-10-09 09:05:00,ABCUSDT,12.5,1,,,,",
        "2025-10-09 09:00:00,ABCUSDT,11.5,1,,,,",
        "2025-10-09 09:10:00,ABCUSDT,,,,,,",
    ]
    made = made_of(tmp_path, vision("x", header, *rows), names=["ABCUSDT-metrics-2025-10-09.zip"])
    found = [event for event in made.events(made.topic("open_interest")) if isinstance(event, OpenInterest)]
    assert [event.open_interest for event in found] == [11.5, 12.5]
    assert found[1].time_us - found[0].time_us == 300_000_000


def test_liquidations_of_coin_margined_markets_are_converted_and_each_counted_once(tmp_path: Path) -> None:
    header = (
        "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
        "last_fill_quantity,accumulated_fill_quantity"
    )
    row = f"{START_MS},SELL,LIMIT,IOC,5,67934.2,68000,FILLED,1,5"
    made = made_of(tmp_path, vision("x", header, row, row), names=["BTCUSD_PERP-liquidationSnapshot-2024-03-05.zip"])
    (order,) = made.orders("BTCUSD_PERP")
    assert (order.side, order.price, order.limit_price) == ("sell", 68_000.0, 67_934.2)
    assert order.size == pytest.approx(5 * 100 / 68_000, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "lines", "reason"),
    [
        (
            "ABCUSDT-bookDepth-2025-10-09.zip",
            ["timestamp,percentage,depth,notional", "2025-10-09 00:00:05,-5,1,2"],
            "not an order book",
        ),
        ("BTCUSD_PERP-1m-2025-10.zip", [KLINES, kline(0)], "sizes are contracts"),
        ("data.zip", ["hello,world", "1,2"], "found a first line of 'hello,world'"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_its_reason(
    tmp_path: Path, name: str, lines: list[str], reason: str
) -> None:
    with pytest.raises(RecordingError, match=reason):
        made_of(tmp_path, vision("x", *lines), names=[name])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "exchange,symbol,timestamp,local_timestamp,id,side,price\nbinance-futures,BTCUSDT,17882,17882,7,buy,5.0\n",
            "line 2: there is no column 'amount'",
        ),
        ("exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n", "no event is in it"),
        ('{"lastUpdateId":1,"bids":[["10.0","1"]],"asks":[["11.0","1"]]}\n', "depth bodies alone"),
    ],
)
def test_a_file_of_which_nothing_is_left_says_why(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(RecordingError, match=reason):
        made_of(tmp_path, content.encode())


# cryptofeed


def test_a_capture_of_cryptofeed_has_bodies_by_their_request(tmp_path: Path) -> None:
    def at(ms: int) -> str:
        return f"{(START_MS + ms) / 1_000:.6f}"

    def frame(ms: int, message: object) -> str:
        return f"{at(ms)}: {json.dumps(message)}"

    asked = "https://fapi.binance.com/fapi/v1/depth?symbol=ABCUSDT&limit=1000"
    lines = [
        "configuration: {'BINANCE_FUTURES': {'l2_book': ['ABC-USDT-PERP']}}",
        f"wss://fstream.binance.com/stream?streams=abcusdt@depth@100ms <-> {at(0)}",
        frame(1, {"stream": "abcusdt@depth@100ms", "data": diff(100, 105, 99)}),
        f"{asked} -> {at(2)}: {json.dumps(body(105, [['10.0', '1']], [['11.0', '1']]))}",
        f"https://fapi.binance.com/fapi/v1/exchangeInfo -> {at(2)}: {{}}",
        frame(10, {"stream": "abcusdt@depth@100ms", "data": diff(106, 110, 105, bids=[["9.5", "2"]], at_ms=10)}),
        frame(20, {"stream": "abcusdt@forceOrder", "data": forced("BUY", "2", "11.0", at_ms=20)}),
        f"wss://fstream.binance.com/stream?streams=abcusdt@depth@100ms <-> {at(900)}",
        frame(901, {"stream": "abcusdt@depth@100ms", "data": diff(206, 210, 205, bids=[["9.5", "3"]], at_ms=901)}),
    ]
    made = made_of(tmp_path / "whole", "\n".join([*lines[:-2], ""]).encode(), names=["capture.0"])
    assert made.book() == ({10.0: 1.0, 9.5: 2.0}, {11.0: 1.0})
    assert made.quality(made.topic("book")) == ("live", "complete")
    assert [(order.side, order.size) for order in made.orders()] == [("buy", 2.0)]
    assert made.imported.formats == ["cryptofeed raw"]

    made = made_of(tmp_path / "again", "\n".join([*lines, ""]).encode(), names=["capture.0"])
    assert made.quality(made.topic("book"))[0] == "gap"
    assert [event.reason for event in made.events(made.topic("book")) if isinstance(event, Gap)] == [
        "the recorder was disconnected"
    ]


def test_files_of_two_venues_are_refused(tmp_path: Path) -> None:
    klines = vision("x", KLINES, kline(0)), vision("x", kline(0, scale=1_000))
    with pytest.raises(RecordingError, match="files of one venue"):
        made_of(tmp_path, *klines, names=["ABCUSDT-1m-2025-10.zip", "ABCUSDT-1m-2025-11.zip"])
