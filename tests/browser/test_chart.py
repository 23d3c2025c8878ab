"""The candle chart alone in a notebook: what each control does, in the data and on the screen."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import LINK, OpenScreen, Screen, until
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

CELL = """
import time
import numpy as np
from ipywidgets import Button, HBox, VBox
from orderfox_nb.widgets import CandleChart

chart = CandleChart(bars=200, layout={{"height": "400px"}})
other = CandleChart(timeframe="5m", bars=200, layout={{"height": "400px"}})
times = np.arange(time.time() - 3600, time.time(), 60)

def button(name, act):
    one = Button(description=name)
    one.on_click(lambda _: act())
    return one

def mark():
    middle = 0.5 * (chart.layer.y_scale.min or 0) + 0.5 * (chart.layer.y_scale.max or 0)
    price = float(chart.df.close.iloc[-1])
    chart.add_series(times, np.full(len(times), price), name="<b>mine</b>", colour="#ff00ff", stroke_width=3)

VBox([chart, other, HBox([
    button("picture", lambda: chart.save_png("{path}")),
    button("ether", lambda: setattr(chart, "symbol", "eth/usdt")),
    button("series", mark),
    button("hour", lambda: setattr(chart, "timeframe", "2h")),
])])
"""

CHARTS = "document.querySelectorAll('.of-chart')"
FRAME = f"""(interval) => {{
    const link = {LINK.strip()};
    const wanted = ({{ request }}) => request.stream === "candles" && request.parameters.interval === interval;
    return [...link.entries.values()].find(wanted).frame;
}}"""


@pytest.fixture(scope="module")
def picture_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("picture") / "chart.png"


@pytest.fixture(scope="module")
def charts(chromium: str, picture_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of two charts of one market, 1m and 5m, on the embedded exchange."""
    folder = tmp_path_factory.mktemp("charts")
    cell = {"id": "cell", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = {
        "cells": [{**cell, "source": CELL.format(path=picture_path)}],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "charts.ipynb").write_text(json.dumps(notebook))
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=3", "--notebook", str(folder / "charts.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", folder / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.end()


class Charts:
    """Both charts on a page: the first has one minute a bar, the second five."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.page = screen.page

    async def data(self, chart: int = 0) -> dict[str, str]:
        return await self.page.evaluate(f"(at) => ({{...{CHARTS}[at].dataset}})", chart)

    async def window(self, chart: int = 0) -> tuple[int, int]:
        data = await self.data(chart)
        return int(data["from"]), int(data["to"])

    async def wait(self, condition: str, argument: object = None, chart: int = 0) -> None:
        """Wait until a condition of a chart's ``data``, ``legend``, ``overlays``, ``tip`` or ``progress`` is true."""
        await until(
            self.page,
            f"""([at, wanted]) => {{
                const panel = {CHARTS}[at];
                if (!panel) return false;
                const box = panel.closest(".of-candle-chart");
                const text = (name) => box.querySelector(name)?.textContent ?? "";
                const data = panel.dataset;
                const [legend, overlays] = [text(".of-legend"), text(".of-overlay-legend")];
                const tip = box.querySelector(".of-chart-tip")?.hidden === false ? text(".of-chart-tip") : "";
                const progress = box.querySelector(".of-progress")?.hidden === false ? text(".of-progress") : "";
                return {condition};
            }}""",
            [chart, argument],
        )

    async def text(self, name: str, chart: int = 0) -> str:
        return await self.page.evaluate(
            "([name, at]) => document.querySelectorAll('.of-candle-chart')[at].querySelector(name).textContent",
            [name, chart],
        )

    async def frame(self, interval: str = "1m") -> dict[str, Any]:
        return await self.page.evaluate(FRAME, interval)

    async def plot(self, chart: int = 0) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a chart's plot on the page."""
        box = await self.page.locator(".of-candle-chart .bqplot").nth(chart).bounding_box()
        assert box
        return box["x"], box["y"] + 8, box["width"] - 70, box["height"] - 34

    async def point(self, time_s: float, share: float, chart: int = 0) -> None:
        """Move the mouse to a time and a share of the plot's height."""
        left, top, width, height = await self.plot(chart)
        start, end = await self.window(chart)
        await self.page.mouse.move(left + (time_s * 1000 - start) / (end - start) * width, top + height * share)

    async def choose(self, name: str, wanted: bool) -> None:
        """Set a box of the first chart's menu."""
        button = self.page.locator(".of-menu-button").first
        await button.click()
        box = self.page.locator(f".of-menu-popup:visible input[data-name={name}]")
        await box.set_checked(wanted)
        await self.page.keyboard.press("Escape")
        assert await button.get_attribute("aria-expanded") == "false"

    async def ink(self, token: str, chart: int = 0, canvas: str = "under", rows: tuple[float, float] = (0, 1)) -> int:
        """Return how many pixels of a canvas are nearly of a token's colour, between two shares of its height."""
        return await self.page.evaluate(
            """([token, at, which, [from, to]]) => {
                const box = document.querySelectorAll(".of-candle-chart")[at];
                const canvas = box.querySelector(`.of-canvas-${which}`);
                const style = getComputedStyle(box.querySelector(".of-chart"));
                const wanted = parseInt(style.getPropertyValue(`--of-${token}`).trim().slice(1), 16);
                const colour = [wanted >> 16, (wanted >> 8) & 255, wanted & 255];
                const [top, high] = [Math.round(canvas.height * from), Math.round(canvas.height * (to - from))];
                const { data } = canvas.getContext("2d").getImageData(0, top, canvas.width, high);
                let found = 0;
                for (let at = 0; at < data.length; at += 4) {
                    const near = colour.every((value, part) => Math.abs(data[at + part] - value) < 12);
                    if (near && data[at + 3] > 150) found++;
                }
                return found;
            }""",
            [token, chart, canvas, list(rows)],
        )


def written(path: Path, timeout_s: float = 20) -> bytes:
    """Wait until a file is whole and return what it holds."""
    deadline = time.monotonic() + timeout_s
    while not path.exists() or not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.05)
    return path.read_bytes()


@pytest.fixture
def open_charts(charts: str, open_screen: OpenScreen) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_charts(
        route: Callable[[WebSocketRoute], None] | None = None, **options: Any
    ) -> AsyncIterator[Charts]:
        async with open_screen("about:blank", width=1200, height=950, **options) as screen:
            if route is not None:
                await screen.page.route_web_socket("**/ws/live", route)
            await screen.page.goto(charts)
            await until(screen.page, "() => document.querySelectorAll('.of-candle-chart .of-ready').length === 2")
            both = Charts(screen)
            for chart in (0, 1):
                await both.wait("data.state === 'live' && data.from !== undefined", chart=chart)
            yield both

    return open_charts


async def test_the_menu_draws_overlays_with_right_values_and_hides_the_rest(open_charts: Any):
    async with open_charts() as charts:
        assert await charts.ink("overlay2") == 0
        await charts.choose("ema20", True)
        await charts.choose("vwap", True)
        await charts.wait("overlays.includes('EMA 20') && overlays.includes('VWAP')")
        # The day's average needs the day from its start: the bars before the window are loaded.
        await charts.wait("Number(data.first) % 86400 === 0 || !overlays.includes('since')")
        assert await charts.ink("overlay1") > 50
        assert await charts.ink("overlay2") > 50
        bars = (await charts.frame())["bars"]
        await charts.point(bars[0][-40] + 30, 0.3)
        shown, computed = await charts.page.evaluate(
            """([time]) => {
                const texts = [...document.querySelectorAll(".of-overlay-legend")[0].children];
                return [texts.map((one) => one.textContent), time];
            }""",
            [bars[0][-40]],
        )
        value = float(next(text for text in shown if text.startswith("EMA 20")).split()[-1].replace(",", ""))
        average = bars[4][0]
        for close in bars[4][: bars[0].index(computed) + 1]:
            average += (close - average) * 2 / 21
        # Older bars that the page has as well weigh less than the last digit after 160 bars.
        assert value == pytest.approx(average, abs=0.11)
        await charts.choose("ema20", False)
        await charts.wait("!overlays.includes('EMA')")
        assert await charts.ink("overlay2") == 0

        below = (0.8, 0.92)
        assert await charts.ink("warning", rows=below) > 100
        await charts.choose("show_liquidation_average", False)
        assert await charts.ink("warning", rows=below) == 0
        assert await charts.ink("bid", rows=below) + await charts.ink("ask", rows=below) > 5
        await charts.choose("show_volume", False)
        await charts.choose("show_liquidations", False)
        # What the price has not, nothing has: the lowest part of the plot is empty now.
        assert await charts.ink("line", rows=below) == 0
        await charts.choose("show_liquidations", True)
        assert await charts.ink("line", rows=below) > 100
        assert charts.screen.errors == []


async def test_a_pointer_shows_its_bar_in_every_chart_and_what_was_liquidated_in_it(open_charts: Any):
    async with open_charts() as charts:
        bars, fives = (await charts.frame())["bars"], (await charts.frame("5m"))["bars"]
        moment = fives[0][-5] + 120
        minute = bars[0].index(moment)
        await charts.point(moment + 30, 0.3)
        await charts.wait("legend.includes('V ')")
        await charts.wait("legend.includes('V ')", chart=1)
        for chart, columns, at in ((0, bars, minute), (1, fives, len(fives[0]) - 5)):
            prices = [f"{letter} {columns[number][at]:,.1f}" for number, letter in enumerate("OHLC", 1)]
            assert (await charts.text(".of-legend", chart)).startswith(" ".join(prices))
            assert await charts.ink("muted", chart, "over") > 20, "the crosshair"
        await charts.page.mouse.move(5, 5)
        await charts.wait("legend.includes('closes in')", chart=1)
        assert await charts.ink("muted", 1, "over", rows=(0.8, 0.9)) == 0

        start, end = await charts.window()
        times, shorts, longs, _, counts = (await charts.frame())["liquidations"]
        at = max(
            (row for row in range(len(times) - 3) if start < times[row] * 1000 < end - 10**6),
            key=lambda row: shorts[row] + longs[row],
        )
        total = shorts[at] + longs[at]
        assert total > 0
        await charts.point(times[at] + 30, 0.9)
        await charts.wait("tip.startsWith('Liquidated')")
        tip = await charts.text(".of-chart-tip")
        for part in (shorts[at], longs[at]):
            assert f"· {part / total * 100:.1f} %" in tip
        assert tip.endswith(f"orders{counts[at]}")
        await charts.point(times[at] + 30, 0.4)
        await charts.wait("tip === ''")


async def test_keys_do_what_the_mouse_does_and_a_new_tick_disturbs_nothing(open_charts: Any):
    async with open_charts(reduced_motion="reduce") as charts:
        start = await charts.window()
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        for _ in range(5):
            await charts.page.keyboard.press("ArrowLeft")
        await charts.wait("Number(data.to) < wanted", start[1] - (start[1] - start[0]) * 0.4)
        moved = await charts.window()
        assert moved[1] - moved[0] == pytest.approx(start[1] - start[0], abs=5)
        frames = int((await charts.data())["frames"])
        await charts.wait("Number(data.frames) >= wanted", frames + 10)
        assert await charts.window() == moved
        await charts.page.keyboard.press("-")
        await charts.wait("data.to - data.from > wanted", (moved[1] - moved[0]) * 1.2)
        await charts.page.keyboard.press("+")
        await charts.wait("data.to - data.from < wanted", (moved[1] - moved[0]) * 1.01)
        await charts.page.keyboard.press("Home")
        await charts.wait("Math.abs(data.from - data.first * 1000) < 61000 || data.from < wanted", moved[0] - 10**7)
        await charts.page.keyboard.press("End")
        await charts.wait("Number(data.to) >= wanted", start[1])
        await charts.page.keyboard.press("Shift+ArrowLeft")
        await charts.wait("legend.includes('V ')")
        await charts.page.keyboard.press("Escape")
        await charts.wait("legend.includes('closes in')")

        figure = charts.page.locator(".of-candle-chart .bqplot").first
        assert await figure.get_attribute("tabindex") == "0"
        label = await figure.get_attribute("aria-label")
        assert label
        assert label.startswith("Candles of BTCUSDT, 1m.")
        transition = await figure.evaluate("(element) => getComputedStyle(element).transitionDuration")
        assert transition in {"0s", ""}
        button = charts.page.locator(".of-menu-button").first
        await button.focus()
        await charts.page.keyboard.press("Enter")
        await charts.page.wait_for_selector(".of-menu-popup:visible")
        await charts.page.keyboard.press("ArrowDown")
        await charts.page.keyboard.press("Space")
        await charts.wait("overlays.includes('EMA 20')")
        await charts.page.keyboard.press("Escape")
        focused = await charts.page.evaluate("document.activeElement.className")
        assert "of-menu-button" in focused


async def test_python_adds_a_series_takes_a_picture_and_sets_symbol_and_timeframe(open_charts: Any, picture_path: Path):
    async with open_charts() as charts:
        await charts.page.click("button >> text=series")
        await charts.wait("overlays.includes('<b>mine</b>')")
        assert await charts.page.locator(".of-overlay-legend b").count() == 0
        line = charts.page.locator(".of-candle-chart .bqplot").first.locator("path.line").first
        await line.wait_for(state="attached")
        box = await line.bounding_box()
        left, top, width, height = await charts.plot()
        assert box
        assert left < box["x"]
        assert box["x"] + box["width"] <= left + width + 1
        assert top <= box["y"] <= top + height

        await charts.page.click("button >> text=picture")
        data = await asyncio.to_thread(written, picture_path)
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", data[16:24])
        box = await charts.page.locator(".of-candle-chart .bqplot").first.bounding_box()
        assert box
        assert (width, height) == (round(box["width"]), round(box["height"] + 30))

        await charts.page.click("button >> text=ether")
        await charts.wait("data.symbol === 'ETHUSDT'")
        await charts.wait("data.to - wanted < 10 * 60000 && data.close < 10000", (await charts.window(1))[1] - 10**6)
        assert await charts.ink("bid", rows=(0, 0.7)) > 100
        assert await charts.ink("bid", rows=(0, 0.7)) + await charts.ink("ask", rows=(0, 0.7)) > 400
        await charts.page.click("button >> text=hour")
        await charts.wait("data.interval === '2h' && Number(data.bars) >= 200")
        assert await charts.page.locator(".of-timeframe.of-chosen").first.inner_text() == "2h"
        bars = (await charts.frame("2h"))["bars"]
        assert {after - before for before, after in itertools.pairwise(bars[0])} == {7200}


async def test_older_bars_are_loaded_when_panned_left_and_the_progress_is_shown(open_charts: Any):
    held: list[Callable[[], None]] = []
    holding = False

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def from_server(text: str | bytes) -> None:
            if holding and json.loads(text)["type"] == "response":
                held.append(lambda: socket.send(text))
            else:
                socket.send(text)

        server.on_message(from_server)

    async with open_charts(route) as charts:
        # The window is nearly as wide as the live bars: those before them were asked for at once.
        await charts.wait("Number(data.bars) >= 1200 && progress === ''")
        known = int((await charts.data())["bars"])
        holding = True
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        await charts.page.keyboard.press("Home")
        await charts.wait("progress.includes('loading older candles')")
        window = await charts.window()
        holding = False
        for one in held:
            one()
        await charts.wait("Number(data.bars) >= wanted", known + 900)
        await charts.wait("progress === ''")
        assert await charts.window() == window, "what was on the screen stays there"


async def test_a_time_that_was_not_live_is_shaded_and_told_under_the_pointer(open_charts: Any):
    state = "live"
    began: list[int] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def from_server(text: str | bytes) -> None:
            message = json.loads(text)
            if message["type"] == "frame" and "/candles?" in message["key"] and state != "live":
                if not began:
                    began.append(message["time"] - 600_000)
                lapse = [state, began[0], began[0] + 300_000, "<i>the line was cut</i>", 12]
                message["lapses"] = [lapse]
                socket.send(json.dumps(message))
            else:
                socket.send(text)

        server.on_message(from_server)

    async with open_charts(route) as charts:
        await charts.wait("data.lapses === '0'")
        assert await charts.ink("warning", rows=(0, 0.05)) == 0
        state = "gap"
        await charts.wait("data.lapses === '1'")
        assert await charts.ink("warning", rows=(0, 0.05)) > 10
        await charts.point(began[0] / 1000 + 150, 0.3)
        await charts.wait("tip.startsWith('gap')")
        tip = await charts.text(".of-chart-tip")
        assert "5 min" in tip
        assert "<i>the line was cut</i>" in tip
        assert "12 events are missing" in tip
        await charts.choose("show_lapses", False)
        await charts.wait("data.lapses === '0'")
        assert await charts.ink("warning", rows=(0, 0.05)) == 0


async def test_a_lost_connection_is_shaded_while_it_lasts_and_leaves_no_hole(open_charts: Any):
    sockets: list[WebSocketRoute] = []
    cut = False

    def route(socket: WebSocketRoute) -> None:
        if not cut:
            sockets.append(socket)
            socket.connect_to_server()

    async with open_charts(route) as charts:
        cut = True
        await sockets[0].close()
        await charts.wait("data.state === 'reconnecting'")
        await charts.wait("data.lapses === '1'")
        cut = False
        await charts.page.evaluate(f"() => {{ const link = {LINK.strip()}; link.lost(); }}")
        await charts.wait("data.state === 'live' && data.lapses === '0'")
        times = (await charts.frame())["bars"][0]
        assert {after - before for before, after in itertools.pairwise(times)} == {60}


async def test_two_fingers_zoom_one_moves_sideways_and_leaves_scrolling_to_the_page(open_charts: Any):
    async with open_charts(has_touch=True) as charts:
        touch = await charts.page.context.new_cdp_session(charts.page)
        left, top, width, height = await charts.plot()
        middle, line = left + width / 2, top + height / 3

        async def fingers(kind: str, *points: tuple[float, float]) -> None:
            places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        start = await charts.window()
        await fingers("touchStart", (middle - 50, line), (middle + 50, line))
        await fingers("touchMove", (middle - 100, line), (middle + 100, line))
        await charts.wait("data.to - data.from < wanted", (start[1] - start[0]) * 0.55)
        await fingers("touchEnd")
        near = await charts.window()
        assert sum(near) / 2 == pytest.approx(sum(start) / 2, abs=2 * 60_000), "the time between the fingers stays"

        await fingers("touchStart", (middle, line))
        for moved in (20, 60, 120):
            await fingers("touchMove", (middle + moved, line))
        await charts.wait("Number(data.from) < wanted", near[0] - 60_000)
        await fingers("touchEnd")

        there = await charts.window()
        await fingers("touchStart", (middle, line))
        for moved in (20, 60, 120):
            await fingers("touchMove", (middle, line - moved))
        await fingers("touchEnd")
        frames = int((await charts.data())["frames"])
        await charts.wait("Number(data.frames) >= wanted", frames + 3)
        assert await charts.window() == there
