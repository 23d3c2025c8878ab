from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import traitlets
from ipywidgets import Widget

from orderfox_nb import widgets
from orderfox_nb.widgets import CandleChart, Dashboard, Liquidations, OrderBook, SymbolPicker, Tape
from orderfox_nb.widgets.chart.charts import import_bqplot
from orderfox_nb.widgets.kernel.pump import page_pump

pytestmark = pytest.mark.widgets


def loaded_by(code: str) -> set[str]:
    """Return which of the expensive modules a fresh interpreter has after some code."""
    ask = f"{code}\nimport sys\nprint(*[name for name in ('ccxt', 'pandas', 'bqplot') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_neither_ccxt_nor_pandas_nor_widgets():
    assert loaded_by("import orderfox_nb") == set()


def test_a_dashboard_kernel_loads_neither_ccxt_nor_pandas():
    assert loaded_by("from orderfox_nb.widgets import Dashboard; Dashboard(symbol='ETHUSDT')") == {"bqplot"}


def test_pandas_is_the_real_one_on_first_use():
    code = """
from orderfox_nb.widgets import CandleChart
import bqplot, numpy, pandas
scales = {"x": bqplot.LinearScale(), "y": bqplot.LinearScale()}
chart = CandleChart(marks=[bqplot.Lines(x=[1, 2], y=[3, 4], scales=scales)])
assert pandas.DataFrame({"a": [1]}).shape == (1, 1)
assert bqplot.Radar(data=pandas.DataFrame({"a": [1, 2]})).data.shape == (2, 1)
line = chart.figure.marks[0]
line.x = pandas.Series([5, 6])
assert list(line.x) == [5, 6]
"""
    assert loaded_by(code) == {"bqplot", "pandas"}


def test_a_symbol_is_accepted_as_people_write_it():
    tape = Tape(symbol="eth/usdt")
    assert tape.symbol == "ETHUSDT"
    tape.symbol = "sol/usdt:usdt"
    assert tape.symbol == "SOLUSDT"


@pytest.mark.parametrize(
    ("given", "wire"), [(0.5, "0.5"), (10, "10"), ("0.250", "0.25"), (1e-7, "0.0000001"), ("auto", "auto")]
)
def test_a_rounding_is_an_exact_decimal_on_the_wire(given: object, wire: str):
    book = OrderBook(rounding=given)
    assert book.rounding == wire
    book.rounding = "auto"
    book.rounding = given
    assert book.rounding == wire


@pytest.mark.parametrize("bad", [0, -1, "nan", "inf", "ten", None])
def test_a_rounding_that_is_no_positive_decimal_is_refused(bad: object):
    book = OrderBook()
    with pytest.raises(traitlets.TraitError, match="rounding"):
        book.rounding = bad


def test_rows_and_timeframes_are_those_of_the_wire():
    with pytest.raises(traitlets.TraitError):
        OrderBook(rows=30)
    with pytest.raises(traitlets.TraitError):
        CandleChart(timeframe="7m")
    with pytest.raises(traitlets.TraitError):
        Liquidations(span="2h")


def test_the_chart_is_a_bqplot_figure_to_which_marks_can_be_added():
    bqplot = import_bqplot()
    chart = CandleChart(symbol="BTCUSDT", timeframe="5m")
    line = bqplot.Lines(x=[0, 1], y=[1, 2], scales=chart.scales)
    chart.figure.marks = [*chart.figure.marks, line]
    assert isinstance(chart.figure, bqplot.Figure)
    assert chart.figure.marks == [line]
    assert chart.layer.figure is chart.figure


def test_the_chart_and_its_layer_agree_in_both_directions():
    chart = CandleChart(symbol="ethusdt", timeframe="5m", bars=200)
    assert (chart.symbol, chart.layer.timeframe, chart.layer.bars) == ("ETHUSDT", "5m", 200)
    chart.timeframe = "1h"
    assert chart.layer.timeframe == "1h"
    chart.layer.symbol = "SOLUSDT"
    assert chart.symbol == "SOLUSDT"
    chart.show_liquidations = False
    assert chart.layer.show_liquidations is False


def test_the_dashboard_passes_its_page_the_arguments_given_by_name():
    dashboard = Dashboard(symbol="eth/usdt", rounding=0.5)
    state = dashboard.page_state
    assert (state.symbols, state.roundings, state.timeframe) == (["ETHUSDT"], ["0.5"], "1m")
    assert sorted(state.given) == ["rounding", "symbol"]
    assert dashboard.book.rounding == "0.5"
    assert {type(panel).__name__ for panel in state.panels} >= {"CandleLayer", "OrderBook", "Tape", "Liquidations"}


def test_control_traits_of_the_dashboard_are_set_from_python_and_from_the_page():
    dashboard = Dashboard()
    seen: list[str] = []
    dashboard.observe(lambda change: seen.append(change["new"]), "symbol")
    dashboard.symbol = "ethusdt"
    assert dashboard.page_state.symbols == ["ETHUSDT"]
    dashboard.rounding = 0.25
    assert dashboard.page_state.roundings == ["0.25"]
    dashboard.page_state.symbols = ["SOLUSDT"]
    assert dashboard.symbol == "SOLUSDT"
    assert seen == ["ETHUSDT", "SOLUSDT"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeframe": "7m"}, "timeframe"),
        ({"timeframe": ""}, "timeframe"),
        ({"rounding": 0}, "rounding"),
        ({"rows": 0}, "rows"),
        ({"layout": "wide"}, "arrangement"),
        ({"symbol": ""}, "symbol ''"),
        ({"symbols": "ETH"}, "must be a list"),
        ({"symbols": []}, "not 0"),
        ({"symbols": ["BTCUSDT"] * 7}, "not 7"),
        ({"symbols": ["BTCUSDT", 5]}, "symbol 5"),
        ({"symbol": "BTCUSDT", "symbols": ["ETHUSDT"]}, "one of the two"),
        ({"symbols": ["BTCUSDT", "ETHUSDT"], "rounding": [1]}, "1 for 2 symbols"),
        ({"overlays": ["sma20"]}, "overlay"),
        ({"depth_percent": 3}, "depth_percent"),
        ({"minimum_notional": -1}, "minimum_notionals"),
        ({"minimum_notional": [0.1, 0.2]}, "2 for 1 symbols"),
        ({"whole_market": "yes"}, "whole_market"),
        ({"span": "2h"}, "span"),
    ],
)
def test_a_dashboard_refuses_what_it_cannot_show_and_names_it(options: dict[str, Any], error: str):
    with pytest.raises(traitlets.TraitError, match=error):
        Dashboard(**options)


@pytest.mark.parametrize(("name", "bad"), [("timeframe", "7m"), ("rows", 0), ("rounding", 0), ("symbol", " ")])
def test_a_wrong_value_changes_nothing_of_a_dashboard(name: str, bad: object):
    dashboard = Dashboard()
    before = getattr(dashboard, name)
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(dashboard, name, bad)
    assert getattr(dashboard, name) == before
    assert dashboard.page_state.timeframe == "1m"


def test_what_python_chooses_on_a_dashboard_its_panels_follow_without_a_page():
    dashboard = Dashboard(rounding=10)
    dashboard.symbol, dashboard.timeframe, dashboard.rows = "eth/usdt", "1h", 50
    panels = [dashboard.picker, dashboard.header, dashboard.badge, dashboard.chart, dashboard.book, dashboard.tape]
    assert {panel.symbol for panel in [*panels, dashboard.liquidations, dashboard.depth] if panel} == {"ETHUSDT"}
    assert (dashboard.chart.timeframe, dashboard.book.rows) == ("1h", 50)
    assert dashboard.book.rounding == dashboard.rounding == "auto", "the row height belonged to other prices"
    dashboard.rounding = 0.5
    assert dashboard.book.rounding == "0.5"
    dashboard.overlays, dashboard.depth_percent, dashboard.minimum_notional = ["vwap"], 0.5, 0.1
    dashboard.whole_market, dashboard.span, dashboard.show_volume = True, "1m", False
    assert dashboard.depth is not None
    assert dashboard.liquidations is not None
    assert (dashboard.chart.overlays, dashboard.chart.show_volume, dashboard.depth.percent) == (["vwap"], False, 0.5)
    assert dashboard.tape.minimum_notional == 0.1
    assert (dashboard.liquidations.whole_market, dashboard.liquidations.span) == (True, "1m")
    assert dashboard.page_state.get_state()["overlays"] == ["vwap"]


def test_of_several_columns_the_one_that_python_chooses_follows():
    dashboard = Dashboard(symbols=["BTCUSDT", "ETHUSDT"], rounding=[10, 1])
    dashboard.symbols = ["BTCUSDT", "SOLUSDT"]
    seen = [(panel.symbol, panel.rounding) for panel in dashboard.page_state.panels if isinstance(panel, OrderBook)]
    assert seen == [("BTCUSDT", "10"), ("SOLUSDT", "auto")]
    assert (dashboard.symbol, dashboard.rounding) == ("BTCUSDT", "10")


def test_what_the_page_chooses_it_brings_to_the_panels_itself():
    dashboard = Dashboard()
    dashboard.page_state.set_state({"symbols": ["ETHUSDT"]})
    assert (dashboard.symbol, dashboard.tape.symbol) == ("ETHUSDT", "BTCUSDT")
    for panel in dashboard.page_state.panels:
        panel.set_state({"symbol": "ETHUSDT"})
    assert dashboard.chart.symbol == "ETHUSDT"
    dashboard.symbol = "SOLUSDT"
    assert dashboard.chart.symbol == dashboard.tape.symbol == "SOLUSDT"


def test_a_page_hears_of_symbol_and_row_height_at_once_and_of_the_panels_after_that(monkeypatch: pytest.MonkeyPatch):
    dashboard = Dashboard(rounding=10)
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(self: Widget, msg: dict[str, Any], buffers: object = None) -> None:
        sent.append((type(self).__name__, msg["state"]))

    monkeypatch.setattr(Widget, "_send", note)
    dashboard.symbol = "ETHUSDT"
    assert sent[0] == ("PageState", {"symbols": ["ETHUSDT"], "roundings": ["auto"]})
    assert sorted(name for name, _ in sent[1:]) == sorted(
        ["OrderBook", *(type(panel).__name__ for panel in dashboard.page_state.panels)]
    ), "a ladder hears of its row height too"


@pytest.mark.parametrize("name", widgets.__all__)
async def test_every_widget_gives_its_data_and_its_picture(name: str):
    widget = getattr(widgets, name)()
    assert isinstance(type(widget).df, property)
    picture = widget.save_png()
    asked = widget.page_state if name == "Dashboard" else getattr(widget, "layer", widget)
    asked._handle_custom_msg({"type": "png", "id": 1}, [memoryview(b"a picture")])
    assert await picture == b"a picture"


def test_a_page_without_a_kernel_shows_a_sentence_and_not_an_empty_box():
    for widget in (OrderBook(), CandleChart(), Dashboard()):
        bundle = widget._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        assert "run the cell" in data["text/html"]
        assert "application/vnd.jupyter.widget-view+json" in data


def test_all_widgets_of_a_kernel_share_one_pump():
    assert SymbolPicker().pump is Tape().pump is page_pump()


@pytest.mark.parametrize("name", widgets.__all__)
def test_the_page_of_the_widgets_has_a_picture_and_a_cell_that_names_each(name: str):
    page = Path(__file__).parents[2] / "docs" / "widgets.md"
    _, _, section = page.read_text(encoding="utf-8").partition(f"\n## {name}\n")
    section = section.partition("\n## ")[0]
    picture = re.search(r"!\[[^]]+\]\((images/[^)]+)\)", section)
    assert picture
    assert (page.parent / picture[1]).is_file()
    cell = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert cell
    assert f"{name}(" in cell[1]
    compile(cell[1], str(page), "exec")


def test_another_number_of_symbols_makes_columns_and_closes_those_that_go():
    dashboard = Dashboard(symbol="BTCUSDT", rounding=10, minimum_notional=500)
    alone = [dashboard.depth, dashboard.liquidations]
    chart = dashboard.chart
    dashboard.symbols = ["BTCUSDT", "eth/usdt", "SOLUSDT"]
    state = dashboard.page_state
    assert (state.symbols, state.roundings) == (["BTCUSDT", "ETHUSDT", "SOLUSDT"], ["10", "auto", "auto"])
    assert state.minimum_notionals == [500, 0, 0]
    assert dashboard.chart is chart, "what a chart has loaded stays"
    assert dashboard.depth is dashboard.liquidations is None
    assert [one.comm for one in alone if one] == [None, None]
    assert "of-columns-3" in dashboard._dom_classes
    columns: Any = dashboard.children
    first, second, third, *below = columns
    assert below == [dashboard.rewind, dashboard.bots]
    assert {panel.symbol for panel, at in zip(state.panels, state.columns, strict=True) if at == 2} == {"SOLUSDT"}
    # The page removes the middle one: the other two keep their panels.
    lists = {"venues": ["", ""], "roundings": ["10", "auto"], "minimum_notionals": [500, 0]}
    lists |= {"all_venues_each": [False, False], "currencies": ["apart", "apart"]}
    state.set_state({"symbols": ["BTCUSDT", "SOLUSDT"], **lists})
    assert dashboard.symbols == ["BTCUSDT", "SOLUSDT"]
    assert dashboard.children == (first, third, *below)
    assert second.comm is None
    assert third.comm is not None
    assert set(state.columns) == {0, 1}
    assert state in third.children[0].children
    dashboard.symbols = ["SOLUSDT"]
    assert (dashboard.chart.symbol, dashboard.symbol) == ("SOLUSDT", "SOLUSDT")
    assert dashboard.depth is not None
    assert dashboard.depth.symbol == "SOLUSDT"
    assert not {"of-side-by-side", "of-columns-2", "of-columns-3"} & set(dashboard._dom_classes)
    with pytest.raises(traitlets.TraitError, match="1 to 6 fit side by side, not 7"):
        dashboard.symbols = ["BTCUSDT"] * 7
    assert dashboard.symbols == ["SOLUSDT"]
