"""Widgets of a market of the kernel: one that was rewound there, beside the live one of the page."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
import traitlets

from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.market.connection import Market, RewoundMarket
from orderfox_nb.widgets import CandleChart, DepthChart, Liquidations, OrderBook, Rewind, SymbolPicker, Tape
from orderfox_nb.widgets.kernel.base import LiveWidget
from orderfox_nb.widgets.kernel.pump import Pump, page_pump
from orderfox_nb.widgets.kernel.pumping import Pumping
from tests.recorded_files import recorded_s

pytestmark = pytest.mark.widgets


class PumpedPage:
    """Stands where a pump's comm ends, and keeps what came through it by type."""

    def __init__(self, market: Market) -> None:
        self.comm: object | None = self
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self.pumping = Pumping(self, market.engine)  # type: ignore[arg-type]

    def send(self, content: dict[str, Any]) -> None:
        for text in content["messages"]:
            self.messages.put(json.loads(text))

    def say(self, **message: object) -> None:
        self.pumping.receive(dict(message))

    def next(self, kind: str, **wanted: object) -> dict[str, Any]:
        """Return the next message of a type whose fields have the values."""
        while True:
            message = self.messages.get(timeout=60)
            if message["type"] == kind and all(message.get(name) == value for name, value in wanted.items()):
                return message


def pump_in(widget: LiveWidget) -> Pump:
    pump = widget.pump
    assert isinstance(pump, Pump)
    return pump


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The embedded exchange, with a few seconds of trades on disk."""
    folder = tmp_path_factory.mktemp("data")
    settings = load_settings(
        ORDERFOX_SOURCE="sim?symbols=2&seed=7", ORDERFOX_URL="", data_dir=folder, ORDERFOX_RECORDING="1"
    )
    engine = Engine(settings).start()
    try:
        market = Market(engine)
        assert len(market["BTCUSDT"].trades.df)
        assert len(market["BTCUSDT"].book.df)
        deadline = time.monotonic() + 60
        while recorded_s(folder) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield market
        market.close()
    finally:
        engine.stop()


@pytest.fixture
def past(live: Market) -> Iterator[RewoundMarket]:
    with live.rewind("-2s") as past:
        past.pause()
        yield past


def test_every_widget_of_a_rewound_market_has_its_pump_and_names(past: RewoundMarket):
    btc = past["BTCUSDT"]
    pumps = set[Pump]()
    for kind in (OrderBook, Tape, Liquidations, SymbolPicker, Rewind):
        widget = kind(market=btc)
        pumps.add(pump_in(widget))
        assert (widget.symbol, widget.venue, widget.own_market) == ("BTCUSDT", "sim", True)
        widget.close()
    for chart_kind in (CandleChart, DepthChart):
        chart = chart_kind(market=past, symbol="eth")
        pumps.add(pump_in(chart.layer))
        assert (chart.symbol, chart.layer.symbol, chart.layer.own_market) == ("ETHUSDT", "ETHUSDT", True)
        chart.close()
    (pump,) = pumps
    assert pump is not page_pump()
    assert not OrderBook().own_market


def test_what_python_reads_of_a_bound_widget_is_of_the_past(past: RewoundMarket):
    frame = Tape(market=past["BTCUSDT"]).df
    assert frame.attrs["recorded"]
    assert frame.index[-1] <= past.now
    still = OrderBook(market=past["BTCUSDT"]).to_static()
    assert still.alt.startswith("SIMULATED, RECORDED · ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"market": "BTCUSDT"}, "market 'BTCUSDT' must be a market or a symbol of connect"),
        ({"symbol": "NOSUCH"}, "NOSUCH"),
    ],
)
def test_what_cannot_be_shown_is_refused(past: RewoundMarket, arguments: dict[str, Any], error: str):
    with pytest.raises(traitlets.TraitError, match=error):
        OrderBook(**{"market": past, **arguments})
    with pytest.raises(traitlets.TraitError, match="the market given is that of BTCUSDT"):
        OrderBook(market=past["BTCUSDT"], symbol="ETHUSDT")


def test_a_closed_market_ends_its_widgets_and_takes_no_others(live: Market):
    past = live.rewind("-2s")
    btc = past["BTCUSDT"]
    book = OrderBook(market=btc)
    pump = pump_in(book)
    assert pump.comm is not None
    past.close()
    assert pump.comm is None
    book._repr_mimebundle_()  # opens what was closed, but no market that has ended
    assert pump.comm is None
    with pytest.raises(traitlets.TraitError, match="closed: rewind"):
        OrderBook(market=btc)


def test_a_page_follows_the_playhead_of_the_notebook_and_may_move_it(past: RewoundMarket):
    page = PumpedPage(past)
    page.say(type="hello")
    assert page.next("hello")["origin"]["recorded"]
    first = page.next("playhead")
    assert (first["playing"], first["moved"]) == (False, False)
    assert first["time"] == round(past.now.timestamp() * 1e6) // 1000
    page.say(type="subscribe", key="sim/BTCUSDT/trades?rows=50")
    assert page.next("frame", base=None)["time"] <= first["time"]
    past.seek(first["time"] * 1000 - 500_000)
    assert page.next("playhead", moved=True)["time"] == first["time"] - 500
    # From the page: the notebook's market follows.
    page.say(type="rewind", time=first["time"], speed=2, playing=False)
    assert page.next("playhead", time=first["time"])["speed"] == 2
    assert (past.speed, round(past.now.timestamp() * 1e6) // 1000) == (2, first["time"])
    page.say(type="live")
    assert "stays in the past" in page.next("error")["message"]
    assert page.next("playhead")["time"] == first["time"]
    page.comm = None
