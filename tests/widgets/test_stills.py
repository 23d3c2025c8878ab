from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from nbconvert import HTMLExporter

from orderfox_nb import widgets
from orderfox_nb.core.symbols import canonical
from orderfox_nb.engine import Engine
from orderfox_nb.market.svg.axis import price_ticks
from orderfox_nb.market.svg.pieces import colours_of
from orderfox_nb.widgets import CandleChart, Dashboard, DepthChart, Liquidations, OrderBook
from orderfox_nb.widgets.kernel.base import FALLBACK, with_fallback
from orderfox_nb.widgets.still import still
from orderfox_nb.widgets.still.overlays import overlays_of
from orderfox_nb.widgets.still.still import Fetch, Sketch, Still
from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets

NBCONVERT = Path(__file__).parents[2] / "orderfox_nb" / "nbconvert"
NASTY = '<script>alert("x")</script>&'
QUALITY = {"state": "live", "coverage": "complete", "since": 0}
BOOK = {
    "symbol": NASTY, "rounding": "0.5", "rows": 10, "price_digits": 1, "size_digits": 3, "tick_digits": 1,
    "bids": [[1005, 1000], [1500, 2500], [1500, 4000]], "asks": [[1010, 1015], [7, 10], [7, 17]],
    "best_bid": 1007, "best_ask": 1008, "levels": [2, 2],
}  # fmt: skip
FRAMES: dict[str, dict[str, Any]] = {
    "book": BOOK,
    "trades": {
        "symbol": NASTY, "price_digits": 1, "size_digits": 3, "rate": 2.5,
        "trades": [[1, 2, 3], [0, 1000, 2000], [1001, 1002, 1003], [5, 2000, 7], [1, -1, 1]],
    },
    "candles": {
        "symbol": NASTY, "interval": "1m", "price_digits": 1, "size_digits": 3,
        "bars": [[60, 120], [100.0, 101.0], [102.0, 101.5], [99.0, 98.0], [101.0, 98.5], [5.0, 7.0]],
        "liquidations": [[60, 120], [0.0, 50.0], [90.0, 0.0], [30.0, 40.0], [1, 1]],
        "lapses": [["gap", 90_000, 100_000, "cut", 3], ["down", 130_000, 0, "", -1]], "liquidation_lapses": [],
    },
    "liquidations": {
        "symbol": NASTY, "price_digits": 1, "size_digits": 3,
        "orders": [[5000, 4000], [1, -1], [100.5, 99.5], [1.0, 2.0], [100.5, 199.0]],
        "sums": {"1m": [1.0, 2.0], "15m": [3.0, 4.0], "1h": [5000.0, 6000.0]},
    },
    "ticker": {
        "symbol": NASTY, "base_asset": NASTY, "quote": NASTY, "ui_name": NASTY, "price_digits": 1, "last": 100.5,
        "change": -0.0123, "mark": None, "funding": 0.0001, "open_interest": None, "volume_quote": 1.2e9,
    },
    "depth": {
        "symbol": NASTY, "range": "5", "price_digits": 1, "size_digits": 3, "base_asset": NASTY, "quote": "USDT",
        "middle": 100.0, "bids": [[999, 990], [1500, 4000], [149, 396]], "asks": [[1001, 1020], [7, 2500], [1, 255]],
        "known": [99.0, 106.0],
    },
    "market": {
        "symbol": "*",
        "orders": [
            [5000, 4000, 3000], [1, -1, 1], [100.5, 0.1234, 7.0], [1.0, 2000.0, 1.0], [100.5, 246.8, 7.0],
            [NASTY, "DOGEUSDT", "NEWUSDT"], [1, 5, None],
        ],
        "sums": {"1h": [5000.0, 6000.0]},
    },
    "symbols": {"symbols": [["A"], [NASTY], [1e6], [0.1], [None], [0.00001]], "demo": True},
}  # fmt: skip
SYMBOL = canonical(NASTY)
OPTIONS: dict[str, Any] = {"symbol": SYMBOL, "timeframe": "1m", "rounding": "0.5", "rows": 10, "percent": 5}
KINDS = [
    "OrderBook", "DepthChart", "Tape", "Liquidations", "CandleChart", "MarketHeader", "QualityBadge", "SymbolPicker",
]  # fmt: skip


def scripted(symbol: str, stream: str, **parameters: object) -> dict[str, Any]:
    """Give the frames above instead of a market's."""
    assert symbol == SYMBOL or (symbol == "*" and stream in {"symbols", "liquidations"})
    assert all(str(value) for value in parameters.values())
    if stream == "depth":
        assert parameters == {"range": FRAMES["depth"]["range"]}
    if (symbol, stream) == ("*", "liquidations"):
        stream = "market"
    return {"time": 1_700_000_000_000, "quality": QUALITY, **FRAMES[stream]}


def still_of(
    kind: str, options: dict[str, Any], *, theme: str = "dark", palette: str = "standard", fetch: Fetch = scripted
) -> Still:
    """Return the still of a widget with those of the options that it has."""
    made: Any = getattr(widgets, kind)
    widget = made(**{name: value for name, value in options.items() if name in made.class_trait_names()})
    return widget.still(Sketch(theme=theme, palette=palette, fetch=fetch))


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_is_one_svg_with_escaped_texts_and_nothing_from_elsewhere(kind: str):
    drawn = still_of(kind, OPTIONS)
    root = ElementTree.fromstring(drawn.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<script" not in drawn.svg.lower()
    addresses = set(re.findall(r"https?://[^\"']+", drawn.svg))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert any("2023-11-14 22:13:20 UTC" in text for text in texts(drawn.svg))
    assert NASTY in "".join(texts(drawn.svg))
    assert drawn._repr_svg_() == str(drawn) == drawn.svg


def test_the_ladder_of_a_still_shows_the_frame_digit_by_digit():
    shown = texts(still_of("OrderBook", OPTIONS).svg)
    for wanted in ("100.5", "100.0", "101.0", "101.5", "1.500", "0.007", "4.000", "100.75", "spread 0.1 · 9.93 bp"):
        assert wanted in shown


def test_the_trades_of_a_still_are_newest_first_and_filtered_by_value():
    shown = texts(still_of("Tape", OPTIONS).svg)
    prices = [text for text in shown if re.fullmatch(r"100\.\d", text)]
    assert prices == ["100.3", "100.2", "100.1"]
    filtered = texts(still_of("Tape", {**OPTIONS, "minimum_notional": 100}).svg)
    assert [text for text in filtered if re.fullmatch(r"100\.\d", text)] == ["100.2"]


def test_the_sums_of_liquidations_are_those_of_the_span_that_was_asked_for():
    shown = texts(still_of("Liquidations", {**OPTIONS, "span": "15m"}).svg)
    assert "15m longs 4.00" in shown
    assert "shorts 3.00" in shown


def test_liquidations_of_the_whole_market_have_symbols_and_each_its_digits():
    by_trait = still_of("Liquidations", {**OPTIONS, "whole_market": True})
    by_symbol = still_of("Liquidations", {**OPTIONS, "symbol": "*"})
    assert by_trait == by_symbol
    shown = texts(by_trait.svg)
    for wanted in (f"short {NASTY}", "100.5", "long DOGEUSDT", "0.12340", "247 $", "short NEWUSDT", "7"):
        assert wanted in shown
    assert any(text.startswith("SIMULATED · all symbols · ") for text in shown)


def test_the_still_of_the_depth_reaches_as_far_as_was_asked_and_says_from_where_on_levels_are_missing():
    svg = still_of("DepthChart", OPTIONS).svg
    shown = texts(svg)
    assert shown.count("known in part") == 1
    for wanted in ("95.0", "100.0", "105.0", f"4.00 bids · 2.50 asks {NASTY}"):
        assert wanted in shown
    # The best bid, 1 of 50 pixels a percent below the middle of 640, and the edge that the range names.
    bids = next(shape for shape in re.findall(r'<path d="([^"]*)"', svg) if shape.startswith("M313.6 "))
    assert bids.count("L") == 6
    assert bids.split("L")[-1].split() == ["0", "294"]


SHADE = 'fill="#e9b949" fill-opacity="0.13"'
VOLUME = 'fill-opacity="0.35"'
AVERAGE = 'stroke="#e9b949" fill="none"'


@pytest.mark.parametrize(
    ("trait", "drawn", "times"),
    [
        ("show_volume", VOLUME, 2),
        ("show_liquidations", "Liquidations, shorts − longs", 1),
        ("show_liquidations", AVERAGE, 1),
        ("show_liquidation_average", AVERAGE, 1),
        ("show_lapses", SHADE, 2),
    ],
)
def test_the_still_of_a_chart_leaves_out_what_the_chart_does(trait: str, drawn: str, times: int):
    shown = {name: True for name in CandleChart.class_trait_names() if name.startswith("show_")}
    assert trait in shown
    assert still_of("CandleChart", {**OPTIONS, **shown}).svg.count(drawn) == times
    assert drawn not in still_of("CandleChart", {**OPTIONS, **shown, trait: False}).svg


@pytest.mark.parametrize("log", [False, True])
def test_the_axes_of_a_still_have_round_labels_and_the_scales_of_all_panes(run_module: RunModule, log: bool):
    times = [1_700_000_000 // 60 * 60 + 60 * at for at in range(200)]
    closes = [61_000 * 1.004**at for at in range(200)]
    bars = [times, closes, closes, closes, closes, [float(at % 50) for at in range(200)]]
    liquidations = [times, [1e6 * (at % 7 == 0) for at in range(200)], [0.0] * 200, [5e4] * 200, [1] * 200]
    frame = {**scripted(SYMBOL, "candles"), "bars": bars, "liquidations": liquidations}
    svg = still_of("CandleChart", {**OPTIONS, "log_scale": log}, fetch=lambda *_, **__: frame).svg
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', svg)
    beside = [(float(y), label) for x, y, label in texts if float(x) > 680 and float(y) > 35]
    prices = [(y, float(label.replace(",", ""))) for y, label in beside if re.fullmatch(r"[\d,]{5,}(\.0+)?", label)]
    assert len(prices) >= 5
    places = sorted(y for y, _ in beside)
    assert all(after - before >= 12 for before, after in itertools.pairwise(places)), "no label covers another"
    shown = [label for _, label in beside]
    assert {"40", "0", "1M", "−1M", "UTC"} <= set(shown)
    first, middle, *_, last = sorted(prices, reverse=True)
    scale = math.log if log else float
    share = (scale(middle[1]) - scale(first[1])) / (scale(last[1]) - scale(first[1]))
    assert (first[0] - middle[0]) / (first[0] - last[0]) == pytest.approx(share, abs=0.01)
    printed = run_module(
        f"""import {{ priceTicks }} from "./chart/ticks.js";
        console.log(JSON.stringify(priceTicks([61_000, 135_000], 330, 1, {str(log).lower()})));"""
    )
    ticks, digits = price_ticks(61_000, 135_000, 330, 1, log=log)
    assert json.loads(printed)["ticks"] == pytest.approx(ticks)
    assert json.loads(printed)["digits"] == digits


def test_a_lapse_is_shaded_where_its_bars_are_and_one_that_lasts_to_the_end():
    svg = still_of("CandleChart", OPTIONS).svg
    boxes = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" ' + SHADE, svg)
    assert boxes == [("3", "3"), ("7", "5")]


@pytest.mark.parametrize(("first", "vwap"), [(0, "VWAP"), (147, "VWAP since Nov 21 01:00 UTC")])
def test_the_overlays_of_a_still_are_those_that_the_page_computes(run_module: RunModule, first: int, vwap: str):
    noise = random.Random(11)
    times = [1_700_000_000 // 3600 * 3600 + 3600 * at for at in range(150)]
    closes = [68_000 + noise.uniform(-300, 300) for _ in times]
    highs, lows = [close + 20 for close in closes], [close - 30 for close in closes]
    bars = [column[first:] for column in (times, closes, highs, lows, closes, [noise.choice((0, 3)) for _ in times])]
    names = ["vwap", "ema20", "bollinger20", "ema5"]
    printed = run_module(
        f"""import {{ overlayLines, overlayText }} from "./chart/candle_lines.js";
        const found = overlayLines({names}, {bars}, 3600);
        console.log(JSON.stringify(found.map((one) => [
            one.title, one.ink, one.lines.map((line) => [...line]), [...(one.begins ?? [])],
            overlayText(one, {149 - first}, 1),
        ])));""",
        zone="UTC",
    )
    colours = colours_of("light", "safe")
    drawn = overlays_of(names, bars, 3600, colours)
    for one, (title, ink, lines, begins, legend) in zip(drawn, json.loads(printed), strict=True):
        assert one.title.removesuffix(" UTC") == title
        assert one.ink == getattr(colours, ink)
        assert sorted(one.begins) == begins
        assert one.legend(1).replace(" UTC", "") == legend
        for mine, page in zip(one.lines, lines, strict=True):
            assert mine == pytest.approx([math.nan if value is None else value for value in page], nan_ok=True)
    assert drawn[0].title == vwap


def test_the_still_of_a_chart_has_its_overlays_and_names_them():
    svg = still_of("CandleChart", {**OPTIONS, "overlays": ["ema2", "vwap", "ema20"]}).svg
    shown = texts(svg)
    assert "EMA 20 –" in shown
    assert "EMA 2 99.3" in shown
    inks = re.findall(r'<path d="[^"]*" stroke="(#\w+)" fill="none"', svg)
    assert inks == ["#4f9cf9", "#c58af9", "#e9b949"]


def test_frames_without_rows_make_a_still_all_the_same():
    empty = {
        "book": {"bids": [[], [], []], "asks": [[], [], []], "best_bid": None, "best_ask": None},
        "depth": {"bids": [[], [], []], "asks": [[], [], []], "middle": None, "known": [None, None]},
        "trades": {"trades": [[], [], [], [], []], "rate": 0.0},
        "candles": {"bars": [[]] * 6, "liquidations": [[]] * 5},
        "liquidations": {"orders": [[]] * 5, "sums": {}},
    }

    def fetch(symbol: str, stream: str, **parameters: object) -> dict[str, Any]:
        return {**scripted(symbol, stream, **parameters), **empty.get(stream, {})}

    for kind in KINDS:
        ElementTree.fromstring(still_of(kind, OPTIONS, fetch=fetch).svg)


def test_the_still_of_a_dashboard_holds_every_market():
    svg = Dashboard(symbols=[SYMBOL, SYMBOL]).still(Sketch(fetch=scripted)).svg
    assert texts(svg).count("Order book") == 2
    assert texts(svg).count("Candles") == 2
    assert "Depth" not in texts(svg), "nor has the dashboard, of several"
    alone = Dashboard(symbol=SYMBOL, depth_percent=5).still(Sketch(fetch=scripted))
    assert "Depth" in texts(alone.svg)
    assert alone.alt.startswith(f"SIMULATED · {SYMBOL} · 2023-11-14")


def test_a_display_carries_the_last_still_as_an_image_and_the_sentence():
    drawn = still_of("OrderBook", OPTIONS)
    html = with_fallback({"text/plain": ""}, drawn)["text/html"]
    assert html.startswith("<img alt=")
    assert html.endswith(FALLBACK)
    assert "<script" not in html.lower()
    assert 'src="data:image/svg+xml;base64,' in html


def test_a_widget_draws_what_its_market_is_now(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    # The engine of this process stands for the kernel's: no setting of this machine is read.
    monkeypatch.setattr("orderfox_nb.engine.shared_engine", lambda _settings: engine)
    book = OrderBook(symbol="btc/usdt", rounding=10, rows=10)
    shown = texts(book.to_static().svg)
    prices = [float(text.replace(",", "")) for text in shown if re.fullmatch(r"\d+,\d{3}", text)]
    assert len(prices) == 20
    assert all(price % 10 == 0 for price in prices)
    assert any("by 10 · live" in text for text in shown)
    data = book._repr_mimebundle_()
    bundle = data[0] if isinstance(data, tuple) else data
    assert "<img" in bundle["text/html"]


def test_a_dashboard_draws_itself(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orderfox_nb.engine.shared_engine", lambda _settings: engine)
    shown = texts(Dashboard(timeframe="5m").to_static().svg)
    assert any("SIMULATED" in text for text in shown)
    assert any("5m · live" in text for text in shown)
    assert any("± 1 %" in text for text in shown)
    chosen = Dashboard(overlays=["ema20"], depth_percent=5, whole_market=True, show_liquidations=False)
    shown = texts(chosen.to_static().svg)
    assert any(re.fullmatch(r"EMA 20 [\d,.]+", text) for text in shown)
    assert any("± 5 %" in text for text in shown)
    assert any(text.startswith("all symbols · ") for text in shown)
    assert not any(text.startswith("Liquidations, ") for text in shown)
    assert still.origin_text() == "SIMULATED"
    assert any("Depth" in text for text in texts(DepthChart().to_static().svg))
    assert any("± 10 %" in text for text in texts(DepthChart(percent=10).to_static().svg))
    for liquidations in (Liquidations(symbol="*"), Liquidations(whole_market=True)):
        assert any(text.startswith("all symbols · ") for text in texts(liquidations.to_static().svg))
    chart = CandleChart(timeframe="15m", overlays=["ema20"], show_liquidations=False)
    shown = texts(chart.to_static().svg)
    assert any("15m · live" in text for text in shown)
    assert any(re.fullmatch(r"EMA 20 [\d,.]+", text) for text in shown)
    assert not any(text.startswith("Liquidations") for text in shown)
    assert "<img" in chart._repr_mimebundle_()["text/html"]


def test_a_notebook_that_a_program_runs_shows_what_is_true_without_a_kernel(tmp_path: Path):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "id": "one", "source": "from orderfox_nb.widgets import OrderBook\nOrderBook(rows=10)"}]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = tmp_path / "still.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    settings = {"ORDERFOX_SOURCE": "sim?seed=7&symbols=3", "ORDERFOX_URL": "", "ORDERFOX_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--execute", "--to", "notebook", "--stdout", str(notebook)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOILA_")}
    done = subprocess.run(
        command, env={**environment, **settings}, capture_output=True, text=True, timeout=120, check=True
    )
    (output,) = json.loads(done.stdout)["cells"][0]["outputs"]
    html = "".join(output["data"]["text/html"])
    assert html.startswith('<img alt="SIMULATED · BTCUSDT · ')
    assert "run the cell" in html
    assert "application/vnd.jupyter.widget-view+json" not in output["data"]
    # As a page of our template it holds all that it shows: what is loaded or linked is inside it.
    executed = tmp_path / "executed.ipynb"
    executed.write_text(done.stdout)
    exporter = HTMLExporter(template_name="orderfox", extra_template_basedirs=[str(NBCONVERT)])
    page, _ = exporter.from_filename(str(executed))
    assert "SIMULATED · BTCUSDT · " in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)|import\(|url\(["']?(?:https?:)?//|<script src""", page) == []
