# pandas has no stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Several venues as one market in a notebook: two embedded exchanges of different kinds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from traitlets import TraitError

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, FeedError, UnknownSymbol
from orderfox_nb.market.connection import Market
from orderfox_nb.widgets import Liquidations, OrderBook, Tape

pytestmark = pytest.mark.widgets

PERPETUAL, SPOT = "sim:BTCUSDT", "sim-spot:BTCUSDT"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    source = "sim?symbols=2&liquidation_rate=60,sim?market=spot&symbols=2"
    folder = tmp_path_factory.mktemp("consolidated")
    settings = load_settings(ORDERFOX_SOURCE=source, ORDERFOX_URL="", BACKEND_URL="", data_dir=folder)
    engine = Engine(settings).start()
    yield engine
    engine.stop()


@pytest.fixture
def market(engine: Engine) -> Iterator[Market]:
    with Market(engine) as market:
        yield market


def with_venues(read: Callable[[], Any], *without: str) -> Any:
    """Return a DataFrame over venues once none is left out but some: a busy machine may be late with one."""
    deadline = time.monotonic() + 120
    while [*(found := read()).attrs["dropped"]] != [*without] and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_one_book_has_every_level_of_both_venues_with_its_venue(market: Market) -> None:
    both = market.across("sim:BTC/USDT:USDT", "sim-spot:btc")
    assert both.markets == (PERPETUAL, SPOT)
    frame = with_venues(lambda: both.book.df)
    assert list(frame.columns) == ["quote", "side", "price", "size", "cumulative", "venue", "symbol"]
    assert set(frame["venue"]) == {"sim", "sim-spot"}
    assert set(frame["quote"]) == {"USDT"}
    asks, bids = (frame[frame["side"] == side] for side in ("ask", "bid"))
    assert asks["price"].is_monotonic_decreasing
    assert bids["price"].is_monotonic_decreasing
    assert bids["cumulative"].iloc[-1] == pytest.approx(bids["size"].sum())
    assert asks["cumulative"].iloc[0] == pytest.approx(asks["size"].sum())
    attributes = frame.attrs
    assert (attributes["dropped"], attributes["quality"]["state"]) == ({}, "live")
    assert [(one["market"], one["kind"]) for one in attributes["members"]] == [(PERPETUAL, "swap"), (SPOT, "spot")]
    assert attributes["best"]["USDT"]["bid"] == bids["price"].iloc[0]
    crossing = attributes["crossing"]["USDT"]
    assert crossing is None or crossing["kind"] == "basis"


def test_one_tape_and_one_list_of_liquidations_say_the_market_of_each_row(market: Market) -> None:
    both = market.across(PERPETUAL, SPOT)
    trades = with_venues(lambda: both.trades.df)
    assert trades.index.is_monotonic_increasing
    assert set(trades["venue"]) == {"sim", "sim-spot"}
    assert abs(trades.attrs["members"][0]["clock_offset_us"]) < 60_000_000
    orders = with_venues(lambda: both.liquidations.df, SPOT)
    assert set(orders["venue"]) <= {"sim"}
    assert (orders["side"] == "sell").equals(orders["liquidated"] == "long")
    assert orders.attrs["dropped"] == {SPOT: "no liquidations in this market"}
    hour = orders.attrs["sums"]["1h"]
    assert hour[PERPETUAL]["coverage"].startswith("sampled")
    assert hour[SPOT] == {"shorts": 0.0, "longs": 0.0, "coverage": "none reported", "since_us": 0}


def test_a_unified_name_means_every_venue_that_lists_it(market: Market) -> None:
    with pytest.raises(BadValue, match="only sim:BTCUSDT"):
        market.across("BTC/USDT:USDT")
    with pytest.raises(UnknownSymbol):
        market.across("NOPE/USDT:USDT")
    with pytest.raises(BadValue, match="one of sim, sim-spot"):
        market.across(PERPETUAL, "okx:BTCUSDT")
    with pytest.raises(BadValue, match="markets of one base asset"):
        market.across(PERPETUAL, "sim-spot:ETHUSDT")
    with pytest.raises(BadValue, match="apart, joined"):
        market.across(PERPETUAL, SPOT, currency="?")


def test_a_view_over_venues_is_no_part_of_a_frozen_market(market: Market) -> None:
    both = market.across(PERPETUAL, SPOT)
    assert len(market["sim:BTCUSDT"].book.df)
    with market.freeze(), pytest.raises(FeedError, match="cannot be frozen"):
        _ = both.book.df


def test_widgets_show_read_and_draw_several_venues(
    engine: Engine, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderfox_nb.widgets.kernel.data.kernel_market", lambda: market)
    monkeypatch.setattr("orderfox_nb.engine.shared_engine", lambda _: engine)
    both = [PERPETUAL, SPOT]
    book = OrderBook(symbols=both)
    assert set(with_venues(lambda: book.df)["venue"]) == {"sim", "sim-spot"}
    assert "sim:BTCUSDT, sim-spot:BTCUSDT" in book.to_static().alt
    tape = Tape(symbols=both, minimum_notional=1.0)
    assert set(with_venues(lambda: tape.df)["venue"]) == {"sim", "sim-spot"}
    assert "Trades" in tape.to_static().svg
    liquidations = Liquidations(symbols=both)
    found = with_venues(lambda: liquidations.df, SPOT)
    assert found.attrs["dropped"] == {SPOT: "no liquidations in this market"}
    assert "Liquidations" in liquidations.to_static().svg
    book.symbols = []
    assert book.df.attrs["venue"] == "sim"
    for wrong in ("BTCUSDT", ["BTCUSDT", "ETHUSDT"], [PERPETUAL], [1, 2]):
        with pytest.raises(TraitError, match="symbols"):
            OrderBook(symbols=wrong)
