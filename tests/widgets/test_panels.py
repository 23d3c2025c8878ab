from __future__ import annotations

from typing import Any

import pytest
import traitlets

from orderfox_nb.core.origin import Origin
from orderfox_nb.engine import Engine
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
)
from orderfox_nb.widgets.kernel import data as kernel_data

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
