"""Several venues in a notebook: two embedded exchanges, a market of futures and one of spot."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, NoPast, UnknownSymbol
from orderfox_nb.market.connection import Market, connect
from orderfox_nb.widgets import Dashboard, OrderBook, SymbolPicker
from orderfox_nb.widgets.kernel import data as kernel_data
from orderfox_nb.widgets.still import still as stills
from tests.recorded_files import recorded_lengths_s, recorded_s

pytestmark = pytest.mark.widgets


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    source = "sim?symbols=1,sim?market=spot&symbols=2"
    folder = tmp_path_factory.mktemp("venues")
    settings = load_settings(
        ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_RECORDING="1", data_dir=folder
    )
    engine = Engine(settings).start()
    yield engine
    engine.stop()


@pytest.fixture
def market(engine: Engine) -> Iterator[Market]:
    with Market(engine) as market:
        yield market


def test_a_symbol_is_named_with_its_venue_and_its_frames_say_which(market: Market) -> None:
    assert list(market.venues) == ["sim", "sim-spot"]
    assert market.symbols == market.venues["sim"].symbols == ("BTCUSDT",)
    spot = market.venues["sim-spot"]
    assert set(spot.symbols) == {"BTCUSDT", "ETHUSDT"}
    assert spot.df.attrs["venue"] == "sim-spot"
    assert [market[text].venue for text in ("btc", "sim:btc", "sim-spot:btc", "BTC/USDT:USDT")] == [
        "sim", "sim", "sim-spot", "sim",
    ]  # fmt: skip
    assert repr(market["sim-spot:eth"]) == "<Symbol ETH/USDT of sim-spot>"
    frame = market["sim-spot:ETHUSDT"].trades.df
    assert (frame.attrs["venue"], frame.attrs["symbol"], frame.attrs["source"]) == (
        "sim-spot", "ETHUSDT", "sim?market=spot&symbols=2",
    )  # fmt: skip
    assert market["BTCUSDT"].book.df.attrs["venue"] == "sim"
    for text in ("ETHUSDT", "okx:BTCUSDT", "sim-spot:BTC/USDT:USDT"):
        with pytest.raises(UnknownSymbol):
            _ = market[text]
    with pytest.raises(UnknownSymbol, match="no venue okx here, only sim, sim-spot"):
        _ = market["okx:BTC/USDT:USDT"]
    unified = [market[text] for text in ("sim:BTC/USDT:USDT", "sim-spot:BTC/USDT", "sim-spot:eth/usdt")]
    assert [(one.venue, one.symbol) for one in unified] == [
        ("sim", "BTCUSDT"), ("sim-spot", "BTCUSDT"), ("sim-spot", "ETHUSDT"),
    ]  # fmt: skip


def test_all_venues_go_back_by_one_clock(market: Market, engine: Engine) -> None:
    names = ("BTCUSDT", "sim-spot:BTCUSDT")
    for name in names:
        _ = market[name].book.df
    folder = engine.settings.data_dir
    # Both books are whole. Four seconds of that are wanted, and what is on disk now may be a second or two behind.
    before_s = max(recorded_lengths_s(folder), default=0.0)
    until(lambda: len(lengths := recorded_lengths_s(folder)) == 2 and lengths[0] > before_s + 6)
    with market.rewind("-3s") as past:
        past.pause()
        assert list(past.venues) == ["sim", "sim-spot"]
        over_venues = past.across("sim:BTCUSDT", "sim-spot:BTCUSDT").book

        def check_shown() -> None:
            """Both venues are where the playhead is; an event may be some milliseconds ahead of its receipt."""
            whole = over_venues.df
            assert set(whole["venue"]) == {"sim", "sim-spot"}
            assert whole.attrs["recorded"]
            assert all(past[name].book.df.attrs["recorded"] for name in names)
            now_us = past.now.timestamp() * 1e6
            assert all(0 <= member["time_us"] - now_us + 1 < 300_000 for member in whole.attrs["members"])

        check_shown()
        stopped = past.now
        # Events of both venues, in the order of time; both books change ten times a second.
        past.step(4)
        assert stopped < past.now
        check_shown()
        past.step(-4)
        assert past.now <= stopped
        past.seek("-1s")
        check_shown()
        past.play()
        until(lambda: past.now > stopped)
        past.pause()
        check_shown()
    of_spot = market.venues["sim-spot"].rewind("-1s")
    assert (of_spot.venue, list(of_spot.venues)) == ("sim-spot", ["sim-spot", "sim"])
    of_spot.close()


def test_a_venue_of_which_nothing_is_recorded_is_named(tmp_path: Path) -> None:
    source = "sim?symbols=1,sim?market=spot&symbols=1"
    settings = load_settings(
        ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="", ORDERFOX_RECORDING="1", data_dir=tmp_path
    )
    engine = Engine(settings).start()
    try:
        with Market(engine) as market:
            _ = market["BTCUSDT"].book.df
            until(lambda: recorded_s(tmp_path) > 0)
            with market.rewind("-1s") as past:
                assert list(past.venues) == ["sim"]
                with pytest.raises(NoPast, match="sim-spot: nothing is recorded yet"):
                    _ = past["sim-spot:BTCUSDT"]
                with pytest.raises(NoPast, match="sim-spot: nothing is recorded yet"):
                    past.across("sim:BTCUSDT", "sim-spot:BTCUSDT")
    finally:
        engine.stop()


def test_an_asset_is_found_on_every_venue(market: Market) -> None:
    found = market.find("btc")
    assert set(found.index) == {("sim", "BTCUSDT"), ("sim-spot", "BTCUSDT")}
    assert dict(found["name"]) == {("sim", "BTCUSDT"): "BTC/USDT:USDT", ("sim-spot", "BTCUSDT"): "BTC/USDT"}
    assert found.attrs["problems"] == {}
    assert list(market.find("ETH-USDT").index) == [("sim-spot", "ETHUSDT")]
    assert market.find("nothing").empty


def test_widgets_read_and_draw_the_venue_that_they_show(
    engine: Engine, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_data, "kernel_market", lambda: market)
    monkeypatch.setattr("orderfox_nb.engine.shared_engine", lambda _: engine)
    book = OrderBook(symbol="BTCUSDT", venue="sim-spot")
    assert book.df.attrs["venue"] == "sim-spot"
    assert len(SymbolPicker(venue="sim-spot").df) == 2
    assert "SIMULATED · sim-spot:BTCUSDT" in book.to_static().alt
    assert stills.fetch_frame("ETHUSDT", "ticker", venue="sim-spot")["symbol"] == "ETHUSDT"
    book.venue = "okx"
    with pytest.raises(BadValue, match="one of sim, sim-spot"):
        _ = book.df


def test_a_dashboard_shows_venues_side_by_side() -> None:
    desk = Dashboard(symbols=["BTCUSDT", "BTCUSDT"], venue=["", "sim-spot"], rounding=[10, 5])
    assert [panel.venue for panel in desk.page_state.panels] == [
        *[""] * 6,
        *["sim-spot"] * 6,
        *[""] * 2,  # the bots and the rewind of the page have the venue of its first column
    ]
    assert desk.page_state.given == ["venue", "rounding", "symbol"]
    desk.venue = "sim-spot"
    assert {panel.venue for panel in desk.page_state.panels} == {"sim-spot"}
    # A row height belongs to the prices of the venue that it was chosen at.
    assert desk.page_state.roundings == ["auto", "5"]
    assert Dashboard(venue="sim-spot").chart.layer.venue == "sim-spot"
    picker = SymbolPicker(favourites=["btc", "sim-spot:btcusdt", "BTC/USDT:USDT"])
    assert picker.favourites == ["BTC", "sim-spot:BTCUSDT", "BTCUSDT"]


def test_connect_takes_several_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    with connect("sim,sim?market=spot") as market:
        assert list(market.venues) == ["sim", "sim-spot"]
