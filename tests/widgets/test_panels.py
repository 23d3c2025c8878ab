from __future__ import annotations

import json
from typing import Any

import pytest
import traitlets

from orderfox_nb.engine import Engine
from orderfox_nb.feeds.base import Origin
from orderfox_nb.market.connection import Market
from orderfox_nb.market.frames import ticker_frame
from orderfox_nb.widgets import (
    CandleChart,
    DepthChart,
    Liquidations,
    MarketHeader,
    OrderBook,
    QualityBadge,
    SymbolPicker,
    Tape,
    kernel_data,
)
from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets


@pytest.fixture
def kernel(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """The widgets' own connection, on the tests' engine."""
    with Market(engine) as market:
        monkeypatch.setattr(kernel_data, "kernel_market", lambda: market)
        yield market


@pytest.mark.usefixtures("kernel")
def test_the_ladder_and_the_depth_chart_give_the_book_as_a_frame_with_its_quality():
    whole: Any = OrderBook(symbol="btc/usdt").df
    assert set(whole["side"]) == {"bid", "ask"}
    assert whole.attrs["quality"]["state"] == "live"
    chart = DepthChart(symbol="BTCUSDT", percent=0.1)
    near: Any = chart.df
    middle = (near.loc[near["side"] == "ask", "price"].min() + near.loc[near["side"] == "bid", "price"].max()) / 2
    assert ((near["price"] - middle).abs() <= middle * 0.0011).all()
    assert 0 < len(near) < len(whole)
    assert near.attrs["symbol"] == "BTCUSDT"


def test_the_chart_reads_its_bars_through_the_connection_of_all_widgets(kernel: Market, engine: Engine):
    frame: Any = CandleChart(symbol="eth/usdt", timeframe="5m").df
    topic = kernel["ETHUSDT"].candles("5m").topic
    state = engine.desk.hub.state(topic)
    assert state is not None
    assert state.users == 1, "held by the one connection"
    assert frame.attrs["symbol"] == "ETHUSDT"


@pytest.mark.usefixtures("kernel")
def test_the_tapes_frame_holds_what_its_filter_lets_through():
    frame: Any = Tape(minimum_notional=5_000).df
    assert len(frame) > 0
    assert (frame["notional"] >= 5_000).all()
    assert frame.attrs["quality"]["coverage"] == "complete"


@pytest.mark.usefixtures("kernel")
def test_liquidations_are_those_of_a_symbol_or_of_the_whole_market():
    own: Any = Liquidations(symbol="BTCUSDT").df
    assert "symbol" not in own.columns
    for widget in (Liquidations(symbol="*"), Liquidations(whole_market=True)):
        every: Any = widget.df
        assert every.columns[0] == "symbol"
        assert every.attrs["quality"]["coverage"] == "sampled"


@pytest.mark.usefixtures("kernel")
def test_symbols_and_lapses_are_frames_too():
    symbols: Any = SymbolPicker().df
    assert list(symbols.columns) == ["name", "last", "change", "volume_quote", "funding"]
    assert symbols.index[0] == "BTCUSDT"
    assert symbols["volume_quote"].is_monotonic_decreasing
    lapses: Any = QualityBadge().df
    assert list(lapses.columns) == ["topic", "state", "start", "end", "reason", "lost"]
    assert set(lapses.attrs["states"].values()) == {"live"}


@pytest.mark.usefixtures("kernel")
def test_the_header_is_one_row_of_what_it_shows(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.engine.shared_engine", lambda _settings: engine)
    row: Any = MarketHeader(symbol="eth/usdt").df
    assert list(row.index) == ["ETHUSDT"]
    assert row["low"].item() <= row["last"].item() <= row["high"].item()
    assert abs(row["mark"].item() / row["last"].item() - 1) < 0.02
    assert str(row["next_funding"].dt.tz) == "UTC"
    assert row.attrs["simulated"] is True
    assert row.attrs["quality"]["state"] == "live"


def test_what_is_not_known_of_a_market_is_nan_in_its_row():
    names = ("last", "change", "high", "low", "mark", "index", "funding", "next_funding", "open_interest")
    quality = {"state": "live", "coverage": "complete", "since": 5}
    frame = {**dict.fromkeys(names), "symbol": "A", "volume_quote": 1.5, "time": 7, "quality": quality}
    row: Any = ticker_frame(frame, Origin(source="tape", venue="tape", recorded=True))
    assert row.drop(columns="volume_quote").isna().all(axis=None)
    assert row.loc["A", "volume_quote"] == 1.5
    assert (row.attrs["quality"]["since_us"], row.attrs["time_us"], row.attrs["recorded"]) == (5_000, 7_000, True)


def test_choices_are_those_that_the_wire_has():
    with pytest.raises(traitlets.TraitError):
        DepthChart(percent=3)
    with pytest.raises(traitlets.TraitError):
        SymbolPicker(sort="beauty")
    with pytest.raises(traitlets.TraitError):
        Tape(minimum_notional=-1)


def test_the_depth_chart_and_its_layer_agree_in_both_directions():
    chart = DepthChart(symbol="eth/usdt", percent=0.5)
    assert (chart.layer.symbol, chart.layer.percent) == ("ETHUSDT", 0.5)
    seen: list[float] = []
    chart.observe(lambda change: seen.append(change["new"]), "percent")
    chart.layer.percent = 2
    chart.percent = 5
    assert seen == [2, 5]
    assert chart.layer.percent == 5


def test_favourites_are_symbols_once_each():
    picker = SymbolPicker(favourites=["eth/usdt", "ETHUSDT", "sol/usdt"])
    assert picker.favourites == ["ETHUSDT", "SOLUSDT"]


def test_symbols_are_sorted_searched_and_led_by_favourites(run_module: RunModule):
    printed = run_module("""
        import { listSymbols } from "./symbol_list.js";
        const symbols = [
            ["BTCUSDT", "ETHUSDT", "ETCUSDT", "WETHUSDT"], ["BTC/USDT", "ETH/USDT", "ETC/USDT", "WETH/USDT"],
            [9, 8, 1, 2], [0.01, null, 0.5, -0.2], [0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4],
        ];
        const ids = (options) => listSymbols(symbols, options).map((row) => symbols[0][row]);
        console.log(JSON.stringify([
            ids({}), ids({ sort: "change" }), ids({ sort: "change", descending: false }),
            ids({ sort: "symbol", descending: false }), ids({ favourites: ["ETCUSDT"] }),
            ids({ search: "eth", sort: "volume", descending: false }), ids({ search: "nothing" }),
        ]));
    """)
    assert json.loads(printed) == [
        ["BTCUSDT", "ETHUSDT", "WETHUSDT", "ETCUSDT"],
        ["ETCUSDT", "BTCUSDT", "WETHUSDT", "ETHUSDT"],
        ["WETHUSDT", "BTCUSDT", "ETCUSDT", "ETHUSDT"],
        ["BTCUSDT", "ETCUSDT", "ETHUSDT", "WETHUSDT"],
        ["ETCUSDT", "BTCUSDT", "ETHUSDT", "WETHUSDT"],
        ["ETHUSDT", "WETHUSDT"],
        [],
    ]


def test_the_filtered_tape_keeps_more_than_the_last_trades(run_module: RunModule):
    printed = run_module("""
        import { Kept } from "./tape.js";
        const kept = new Kept();
        const frame = (ids, sizes) => [ids, ids, ids.map(() => 2), sizes, ids.map(() => 1)];
        kept.apply(frame([1, 2, 3], [5, 50, 5]), 20, 3);
        kept.apply(frame([2, 3, 4, 5], [50, 5, 60, 5]), 20, 3);
        kept.apply(frame([6, 7, 8, 9], [70, 5, 80, 90]), 20, 3);
        console.log(JSON.stringify([kept.rows.map((row) => row[0]), kept.lastId, kept.counted]));
    """)
    assert json.loads(printed) == [[6, 8, 9], 9, 9]


def test_a_fill_tells_average_price_and_slippage_of_a_row(run_module: RunModule):
    printed = run_module("""
        import { fillAt, fillLines } from "./order_book_tip.js";
        const frame = {
            bids: [[100, 99], [5, 5], [5, 10]], asks: [[101, 102], [2, 6], [2, 8]],
            averages: [[100, 99.5], [101, 101.75]],
            best_bid: 1000, best_ask: 1010, tick_digits: 1, price_digits: 0, size_digits: 0,
        };
        const fill = fillAt(frame, "ask", 1);
        console.log(JSON.stringify([
            fill.size, fill.notional, fill.slippage, fillAt(frame, "bid", 2), fillLines(fill, "ask", frame).at(-1),
        ]));
    """)
    assert json.loads(printed) == [8, 814, 0.75, None, ["Slippage", "0.75 · 74.26 bp"]]


def test_depth_at_a_price_is_that_of_the_last_point_before_it(run_module: RunModule):
    printed = run_module("""
        import { depthAt, mostDepth } from "./depth_paint.js";
        const frame = {
            middle: 100, price_digits: 1, size_digits: 2,
            bids: [[999, 990, 950], [100, 300, 900], [100, 298, 870]], asks: [[1001, 1010], [50, 150], [50, 151]],
        };
        const at = (price) => { const one = depthAt(frame, price); return one && [one.side, one.index, one.size]; };
        console.log(JSON.stringify([
            at(99.95), at(99.9), at(97), at(10), at(100.5), at(101), mostDepth(frame),
        ]));
    """)
    assert json.loads(printed) == [
        None, ["bids", 0, 1], ["bids", 1, 3], ["bids", 2, 9], ["asks", 0, 0.5], ["asks", 1, 1.5], 9,
    ]  # fmt: skip


def test_lapses_of_the_last_hour_come_newest_first_with_those_of_the_page(run_module: RunModule):
    printed = run_module("""
        import { lastLapses, marketNote, OwnLapses, worstState } from "./quality_tip.js";
        const now = 10_000_000;
        const lapse = (state, start, end) => ({ state, start, end, reason: "", lost: null });
        const answer = { topics: [
            { topic: "sim/BTCUSDT/book",
              lapses: [lapse("down", 1_000, 2_000), lapse("gap", now - 9_000, now - 8_000)] },
            { topic: "sim/BTCUSDT/trades", lapses: [lapse("stale", now - 5_000, null)] },
        ] };
        const own = new OwnLapses();
        own.note(true, 1); own.note(false, 5); own.note(false, 7); own.note(true, now - 10); own.note(false, now - 5);
        const entry = (stream, state) => ({ request: { symbol: "A", stream }, frame: { quality: { state } } });
        console.log(JSON.stringify([
            lastLapses(answer, now).map(({ channel, state, to }) => [channel, state, to]),
            own.all(now).map(({ from, to }) => [from, to]),
            worstState([entry("book", "live"), entry("trades", "gap"), entry("depth", "gap")], "A"),
            worstState([], "A"),
            marketNote([entry("book", "live"), { request: { symbol: "A" }, frame: { quality: {
                state: "down", status: "A is being delisted (SETTLING)" } } }], "A"),
            marketNote([{ request: { symbol: "A" }, frame: { quality: { state: "live", session: "closed" } } }], "A"),
        ]));
    """)
    now = 10_000_000
    assert json.loads(printed) == [
        [["trades", "stale", now], ["book", "gap", now - 8_000]],
        [[5, now - 10], [now - 5, now]],
        ["gap", ["trades", "depth"]],
        None,
        {"status": "A is being delisted (SETTLING)", "session": ""},
        {"status": "", "session": "closed"},
    ]
