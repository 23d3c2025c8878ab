"""A backtest's report: figures of bqplot, and a file that needs nothing from anywhere."""

from __future__ import annotations

import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import bqplot
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfox_nb
from orderfox_nb import Strategy, backtest, sweep
from orderfox_nb.bots.parameters import Size, Ticks
from orderfox_nb.core.events import Status
from orderfox_nb.core.formatting import with_minus
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.report.columns import Curve, columns_of, thinned
from orderfox_nb.market.report.page import report_html
from orderfox_nb.market.report.stored import BotResult
from orderfox_nb.recording.writer import Writer
from orderfox_nb.widgets.report.report import BacktestReport
from tests.desk.scripted import BTC
from tests.market.made_market import market_events, record_market
from tests.recording.made import SECOND_US, START_US, TRADES, head_of

pytestmark = pytest.mark.widgets


class Reporter(Strategy):
    """Quote <b>both</b> sides, & more."""

    size: Size = Decimal("0.010")
    away: Ticks = 1
    note: str = "</style><script>alert(1)</script>"

    def on_start(self, desk: Any) -> None:
        desk.every("1s")

    def on_timer(self, timer: Any, desk: Any) -> None:
        desk.cancel_all()
        if desk.position.lots <= 0:
            desk.buy(self.size, at=desk.book.best_bid - (self.away - 1) * desk.tick)
        if desk.position.lots >= 0:
            desk.sell(self.size, at=desk.book.best_ask + (self.away - 1) * desk.tick)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_market(tmp_path_factory.mktemp("recordings") / "minute", 30)


@pytest.fixture(scope="module")
def report(folder: Path) -> BacktestReport:
    return backtest(Reporter(), orderfox_nb.open_recording(folder))


def test_the_plot_has_price_with_fills_equity_band_drawdown_and_position(report: BacktestReport):
    legend, price, equity, drawdown, position = report.plot().children
    assert all(name in legend.value for name in ("risk averse", "log", "power"))
    assert all(isinstance(figure, bqplot.Figure) for figure in (price, equity, drawdown, position))
    fills = report.fills
    drawn = fills[fills["model"] == "risk_averse"]
    marks = [mark for mark in price.marks if isinstance(mark, bqplot.Scatter)]
    assert sum(len(mark.x) for mark in marks) == len(drawn) > 0
    assert sorted(np.concatenate([mark.y for mark in marks])) == sorted(drawn["price"])
    band, *lines = equity.marks
    assert band.fill == "between"
    assert (band.y[0] <= band.y[1]).all()
    assert [line.labels for line in lines] == [["risk averse"], ["log"], ["power"]]
    assert lines[0].y[-1] == report.equity["risk_averse"].iloc[-1]
    assert max(mark.y.max() for mark in drawdown.marks) <= 0
    assert position.marks[0].y[-1] == report.positions["risk_averse"].iloc[-1]
    # One time for all: who zooms one zooms the others.
    scales = {figure.marks[0].scales["x"] for figure in (price, equity, drawdown, position)}
    assert len(scales) == 1


class ReportPage(HTMLParser):
    """Collects what a page would load, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in {"src", "href", "data", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("theme", ["auto", "dark", "light"])
def test_the_file_needs_no_network_and_runs_no_script(report: BacktestReport, tmp_path: Path, theme: str):
    path = report.to_html(tmp_path / "report.html", theme=theme)
    text = path.read_text(encoding="utf-8")
    page = ReportPage()
    page.feed(text)
    assert not page.loads
    assert not {"script", "link", "iframe", "img", "object"} & set(page.tags)
    assert not re.search(r"url\(|@import", text)
    assert page.tags.count("svg") == 1
    assert "Quote <b>both</b> sides, & more." in page.texts
    assert any("</style><script>alert(1)</script>" in one for one in page.texts)
    shown = " ".join(page.texts)
    assert f"Profit {with_minus(report.band_text)}" in shown
    # One sign for what is below zero, the panel's: in the figures, the trades and beside the charts.
    assert sum(bool(re.match(r"−[0-9]", one)) for one in page.texts) > 3
    assert not [one for one in page.texts if re.match(r"-[0-9.]", one)]
    assert report.data_digest in shown
    assert report.code_digest in shown
    for note in report.notes:
        assert note in page.texts
    closed = sum(len(run.trips) for run in report.runs)
    assert page.tags.count("tr") == 9 + 3 + closed


def test_a_profit_that_is_the_same_in_all_models_is_one_amount(report: BacktestReport):
    alone = msgspec.structs.replace(report, runs=report.runs[:1])
    assert alone.band_text == f"{report.runs[0].metrics.profit:,.2f} USDT"
    assert f">Profit {with_minus(alone.band_text)}<" in report_html(alone)


def test_the_price_of_a_stored_run_goes_through_its_fills(report: BacktestReport):
    first = report.runs[0]
    fields: dict[str, Any] = {name: getattr(report, name) for name in BacktestResult.__struct_fields__}
    stored = BotResult(**{**fields, "runs": [first]}, low=first.curve.equity, high=first.curve.equity)
    price = columns_of(stored).price
    assert (np.diff(price.time_us) >= 0).all()
    drawn = set(zip(price.time_us.tolist(), price.value.tolist(), strict=True))
    assert {(fill.time_us, report.instrument.price(fill.ticks)) for fill in first.bookings} <= drawn


def test_a_report_without_a_theme_has_the_colours_of_the_page_that_shows_it(report: BacktestReport):
    text = report._repr_html_()
    named = set(re.findall(r"var\((--of-report-\w+)", text))
    rules = dict(re.findall(r"([^{}]*\.of-report[^{}]*)\{(--of-report[^}]*)\}", text))
    assert len(rules) == 6
    assert all(named <= set(re.findall(r"--of-report-\w+", rule)) for rule in rules.values())
    light, dark = (rules[f'[data-jp-theme-light="{value}"] .of-report'] for value in ("true", "false"))
    assert light != dark
    assert [rules[f':root[data-of-theme="{theme}"] .of-report'] for theme in ("light", "dark")] == [light, dark]
    # Outside of its own rules no colour is fixed.
    assert not re.search(r"#[0-9a-f]{6}", re.sub(r"var\([^)]*\)|--of-report-[^}]*", "", text))


def test_an_unknown_theme_is_refused(report: BacktestReport, tmp_path: Path):
    with pytest.raises(ValueError, match="neither auto, dark nor light"):
        report.to_html(tmp_path / "report.html", theme="blue")
    with pytest.raises(ValueError, match="neither auto, dark nor light"):
        report.plot(theme="blue")


def test_a_notebook_shows_the_charts_also_without_a_kernel(report: BacktestReport):
    text = report._repr_html_()
    assert "<svg" in text
    assert "<details" not in text


def test_a_strategy_that_never_started_has_a_report_without_charts(tmp_path: Path):
    folder = tmp_path / "unfinished"
    folder.mkdir()
    writer = Writer(folder, head_of(folder))
    writer.opened(TRADES, BTC, START_US)
    # No status says that the prelude is over.
    for topic, event in market_events(1):
        if topic == TRADES and not isinstance(event, Status):
            writer.event(topic, BTC, event, event.time_us + 1)
    writer.written(writer.cut(START_US + 2 * SECOND_US).write())
    report = backtest(Reporter(), folder)
    assert any("never complete" in note for note in report.notes)
    assert any("No order book" in note for note in report.notes)
    assert report.runs[0].metrics.profit == 0
    text = report.to_html(tmp_path / "empty.html").read_text(encoding="utf-8")
    assert "<svg" not in text
    assert "never complete" in text
    assert len(report.plot().children) == 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(8, 60))
def test_a_thinned_line_keeps_its_extremes_and_its_ends(values: list[float], count: int):
    curve = Curve(np.arange(len(values), dtype=np.int64), np.array(values))
    found = thinned(curve, count)
    assert len(found.time_us) <= max(count, 8)
    assert (found.value.min(), found.value.max()) == (min(values), max(values))
    assert (found.value[0], found.value[-1]) == (values[0], values[-1])
    assert np.all(np.diff(found.time_us) > 0)


def test_a_heat_map_has_a_cell_for_each_pair_and_zero_in_the_middle(folder: Path):
    found = sweep(Reporter, {"away": [1, 2, 3], "size": ["0.01", "0.02"]}, folder, workers=1)
    figure = found.heatmap("away", "size")
    (mark,) = figure.marks
    assert mark.color.shape == (2, 3)
    table = found.pivot("away", "size")
    assert mark.color[1, 2] == table.loc[Decimal("0.02"), 3]
    scale = mark.scales["color"]
    assert scale.min == -scale.max
    assert scale.mid == 0
