"""Replay, tables and SQL beside what reads the same market elsewhere: pyarrow, DuckDB, pandas, hftbacktest, nautilus.

The market is that of ``benchmarks/recording.py``, and a second recording of a million trades. The floor of a replay is
``pyarrow.parquet.read_table`` of the same events in files of a minute, books as the venue's text: columns, no events.
The next row makes the events of these columns.
hftbacktest and nautilus are measured where they are installed. All figures are CPU seconds of all threads.
"""

from __future__ import annotations

import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import orderfox_nb
from benchmarks.folds import BTC, START_US
from benchmarks.recording import BOOK, SECOND_US, SECONDS, TRADES, market, write
from benchmarks.table import machine, print_table
from orderfox_nb.core.channels import fold_for
from orderfox_nb.core.events import BookDelta, BookSnapshot, Event, Status, Topic, Trade
from orderfox_nb.market.frames import trades_frame
from orderfox_nb.market.trade_log import TradeLog
from orderfox_nb.recording.recording import Recording, open_recording

TITLE = "Tables"

MANY = 1_000_000
A_SECOND = 270
LIVE = 100_000
Timed = tuple[int, Topic, Event]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of a call, of all threads, and its answer."""
    begin = time.process_time()
    answer = work()
    return time.process_time() - begin, answer


def best(work: Callable[[], Any], rounds: int = 3) -> float:
    return min(timed(work)[0] for _ in range(rounds))


def in_turn(*works: Callable[[], Any], rounds: int = 20) -> list[float]:
    """Return the median of each, called in turn, with all answers kept: memory that was just freed costs less."""
    kept = [[timed(work) for work in works] for _ in range(rounds)]
    return [statistics.median(row[at][0] for row in kept) for at in range(len(works))]


def many_trades() -> Iterator[Timed]:
    yield START_US, TRADES, Status(symbol="BTCUSDT", time_us=START_US, state="live")
    for number in range(MANY):
        now_us = START_US + number * SECOND_US // A_SECOND
        trade = Trade(
            symbol="BTCUSDT",
            time_us=now_us,
            received_us=now_us,
            id=str(2_000_000_000 + number),
            sequence=number,
            price=60_000 + number % 97 / 10,
            size=(1 + number % 900) / 1000,
            aggressor="buy" if number % 3 else "sell",
        )
        yield now_us, TRADES, trade


def write_floor(folder: Path, events: Sequence[Timed]) -> None:
    """Write events as Parquet files of a minute, a row an event."""
    for minute, rows in groupby(events, key=lambda row: (row[0] - START_US) // (60 * SECOND_US)):
        columns: dict[str, list[Any]] = {
            name: [] for name in ("stamp", "trade", "id", "price", "size", "sell", "update", "bids", "asks")
        }
        for stamp_us, _, event in rows:
            trade = event if isinstance(event, Trade) else None
            book = event if isinstance(event, BookDelta | BookSnapshot) else None
            values = (
                stamp_us,
                trade is not None,
                trade and trade.id,
                trade and trade.price,
                trade and trade.size,
                trade and trade.aggressor == "sell",
                event.last_id if isinstance(event, BookDelta) else None,
                book and bytes(book.raw_bids),
                book and bytes(book.raw_asks),
            )
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        pq.write_table(pa.table(columns), folder / f"{minute:03}.parquet", compression="zstd", compression_level=3)


def made_events(paths: Sequence[Path]) -> int:
    """Make the events of the files' columns, as fast as that is done."""
    count = 0
    for path in paths:
        table = pq.read_table(path)
        for stamp_us, is_trade, number, price, size, sell, update, bids, asks in zip(
            *(column.to_pylist() for column in table.columns), strict=True
        ):
            if is_trade:
                Trade(
                    symbol="BTCUSDT",
                    time_us=stamp_us,
                    received_us=stamp_us,
                    id=number,
                    sequence=count,
                    price=price,
                    size=size,
                    aggressor="sell" if sell else "buy",
                )
            elif update is not None:
                BookDelta(
                    symbol="BTCUSDT",
                    time_us=stamp_us,
                    received_us=stamp_us,
                    first_id=update,
                    last_id=update,
                    previous_id=update - 1,
                    raw_bids=msgspec.Raw(bids),
                    raw_asks=msgspec.Raw(asks),
                )
            count += 1
    return count


def replayed(recording: Recording) -> int:
    return sum(1 for _ in recording.events())


def folded(recording: Recording) -> None:
    folds = {topic: fold_for(topic, BTC) for topic in (BOOK, TRADES)}
    for event in recording.events():
        folds[event.topic].apply(event.event)
    folds[BOOK].view()


def hftbacktest_rows(folder: Path, events: Sequence[Timed], count: int) -> Iterator[list[object]]:
    """Read the same market as hftbacktest does: load its array, and let its backtest run through it."""
    try:
        hbt: Any = importlib.import_module("hftbacktest")
    except ImportError:
        yield ["hftbacktest", "not installed", "", ""]
        return
    rows: list[tuple[Any, ...]] = []
    depth, trade_event, local, exchange = hbt.DEPTH_EVENT, hbt.TRADE_EVENT, hbt.LOCAL_EVENT, hbt.EXCH_EVENT
    for stamp_us, _, event in events:
        ns = stamp_us * 1000
        if isinstance(event, Trade):
            side = hbt.SELL_EVENT if event.aggressor == "sell" else hbt.BUY_EVENT
            rows.append((trade_event | side | local | exchange, ns, ns, event.price, event.size, 0, 0, 0.0))
        elif isinstance(event, BookDelta | BookSnapshot):
            for side, levels in ((hbt.BUY_EVENT, event.bids), (hbt.SELL_EVENT, event.asks)):
                rows += [(depth | side | local | exchange, ns, ns, *level, 0, 0, 0.0) for level in levels]
    path = folder / "market.npz"
    np.savez_compressed(path, data=np.array(rows, hbt.event_dtype))
    load_s = best(lambda: np.load(path)["data"])
    yield [
        "hftbacktest: load its npz",
        f"{count / load_s / 1000:,.0f} k events/s",
        "",
        f"{SECONDS / load_s:,.0f}× real time",
    ]
    asset = (
        hbt.BacktestAsset()
        .data([str(path)])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(0.1)
        .lot_size(0.001)
    )
    backtest = hbt.HashMapMarketDepthBacktest([asset])

    def run() -> None:
        while backtest.elapse(10 * 10**9) == 0:
            pass

    run_s, _ = timed(run)
    yield [
        "hftbacktest: its book applied",
        f"{count / run_s / 1000:,.0f} k events/s",
        "",
        f"{SECONDS / run_s:,.0f}× real time",
    ]


def nautilus_rows(folder: Path, trades: Sequence[Trade]) -> Iterator[list[object]]:
    """Read the trades back from nautilus' catalog."""
    try:
        persistence: Any = importlib.import_module("nautilus_trader.persistence.catalog")
        data: Any = importlib.import_module("nautilus_trader.model.data")
        model: Any = importlib.import_module("nautilus_trader.model")
        enums: Any = importlib.import_module("nautilus_trader.model.enums")
    except ImportError:
        yield ["nautilus catalog", "not installed", "", ""]
        return
    name = model.InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
    sides = {"buy": enums.AggressorSide.BUYER, "sell": enums.AggressorSide.SELLER}
    ticks = [
        data.TradeTick(
            name,
            model.Price(trade.price, 1),
            model.Quantity(trade.size, 3),
            sides[trade.aggressor],
            model.TradeId(trade.id),
            trade.time_us * 1000,
            trade.time_us * 1000,
        )
        for trade in trades
    ]
    catalog = persistence.ParquetDataCatalog(str(folder))
    catalog.write_data(ticks)
    read_s = best(lambda: catalog.trade_ticks([str(name)]), 1)
    yield ["nautilus catalog: trades as objects", f"{len(ticks) / read_s / 1000:,.0f} k events/s", "", ""]


def replay_rows(folder: Path) -> Iterator[list[object]]:
    events = list(market())
    count = len(events)
    (folder / "market").mkdir()
    write(folder / "market", events)
    (folder / "floor").mkdir()
    write_floor(folder / "floor", events)
    floor_s = best(lambda: [pq.read_table(path) for path in sorted((folder / "floor").iterdir())])
    made_s = best(lambda: made_events(sorted((folder / "floor").iterdir())))
    recording = open_recording(folder / "market")
    replay_s = best(lambda: replayed(recording))
    fold_s = best(lambda: folded(recording), 2)

    def rate(cpu_s: float) -> str:
        return f"{count / cpu_s / 1000:,.0f} k events/s"

    yield ["floor: pyarrow's read_table", rate(floor_s), "", f"{SECONDS / floor_s:,.0f}× real time"]
    yield ["pyarrow, and events made of it", rate(made_s), "", f"{SECONDS / made_s:,.0f}× real time"]
    yield [
        "replay: events",
        rate(replay_s),
        f"{made_s / replay_s:.2f} of pyarrow's events",
        f"{SECONDS / replay_s:,.0f}× real time",
    ]
    yield [
        "replay: book and tape applied",
        rate(fold_s),
        f"{made_s / fold_s:.2f} of pyarrow's events",
        f"{SECONDS / fold_s:,.0f}× real time",
    ]
    yield from hftbacktest_rows(folder, events, count)
    (folder / "nautilus").mkdir()
    yield from nautilus_rows(folder / "nautilus", [event for _, _, event in events if isinstance(event, Trade)])
    path = folder / "market"
    for table in ("trades", "book_levels"):
        made_s, (found,) = timed(lambda table=table: orderfox_nb.sql(f"select count(*) from {table}", path).fetchall())
        size = sum(file.stat().st_size for file in (path / "tables" / table).iterdir())
        yield [
            f"make the table {table}",
            f"{made_s:.2f} s",
            f"{size / found[0]:.1f} bytes/row",
            f"{SECONDS / made_s:,.0f}× real time",
        ]


def query_rows(folder: Path) -> Iterator[list[object]]:
    (folder / "trades").mkdir()
    write(folder / "trades", list(many_trades()))
    path = folder / "trades"
    orderfox_nb.sql("select count(*) from trades", path).fetchall()
    files = [str(file) for file in sorted((path / "tables" / "trades").iterdir())]
    scan = "select sum(price / pow(10, price_digits) * size / pow(10, size_digits)) from"
    floor_s = best(lambda: duckdb.execute(f"{scan} read_parquet({files})").fetchall())
    total_s = best(lambda: orderfox_nb.sql("select sum(notional) from trades", path).fetchall())
    yield ["sum of a million trades: DuckDB on the files", f"{floor_s * 1000:.0f} ms", "", ""]
    yield ["sum of a million trades: sql", f"{total_s * 1000:.0f} ms", f"{total_s / floor_s:.1f}× the floor", ""]
    start = pd.Timestamp(START_US + 1_800 * SECOND_US, unit="us", tz="UTC")
    between = f"time >= '{start}' and time < '{start + pd.Timedelta('1min')}'"
    minute_s = best(lambda: orderfox_nb.sql(f"select * from trades where {between}", path).df())
    yield ["a minute of them: sql", f"{minute_s * 1000:.0f} ms", f"{A_SECOND * 60:,} rows", ""]
    frame_s = best(lambda: pq.read_table(files).to_pandas())
    sql_s = best(lambda: orderfox_nb.sql("select time, id, price, size, aggressor from trades", path).df())
    rec = orderfox_nb.open_recording(path)
    journal_s = best(lambda: rec["BTCUSDT"].trades.df, 1)
    yield ["df of a million trades: pandas on the files", f"{frame_s:.2f} s", "", ""]
    yield ["df of a million trades: sql", f"{sql_s:.2f} s", f"{sql_s / frame_s:.1f}× the floor", ""]
    yield ["df of a million trades: the journal", f"{journal_s:.2f} s", f"{journal_s / frame_s:.1f}× the floor", ""]
    log = TradeLog(LIVE)
    add_s, _ = timed(lambda: [log.apply(event) for _, _, event in many_trades()])
    frame = trades_frame(log.columns(), {"symbol": "BTCUSDT"})
    numbers = [frame["aggressor"].cat.codes, *(frame[name] for name in ("price", "size", "notional"))]
    arrays = [frame.index.to_numpy("datetime64[us]"), *numbers]
    columns = [np.asarray(column) for column in (*arrays, frame["id"].to_numpy())]
    copy_s, live_s = in_turn(
        lambda: [column.copy() for column in columns], lambda: trades_frame(log.columns(), {"symbol": "BTCUSDT"})
    )
    yield ["live df of 100,000 trades: a copy of its columns", f"{copy_s * 1000:.1f} ms", "", ""]
    yield [
        "live df of 100,000 trades",
        f"{live_s * 1000:.1f} ms",
        f"{live_s / copy_s:.1f}× the floor",
        f"{add_s / MANY * 1e6:.1f} µs a trade",
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*replay_rows(folder), *query_rows(folder)]
    load = os.getloadavg()[0]
    print_table(f"## {TITLE}, {machine()}, load {load:.0f}", ["work", "cost", "beside", "share"], rows)


if __name__ == "__main__":
    main()
