"""Two candle charts alone in a notebook, and what can be asked of them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import LINK, OpenScreen, Screen, eventually, until
from tests.server.conftest import TOKEN, Child

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


@pytest.fixture(scope="package")
def picture_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("picture") / "chart.png"


@pytest.fixture(scope="package")
def charts(chromium: str, picture_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of two charts of one market, 1m and 5m, on the embedded exchange."""
    folder = tmp_path_factory.mktemp("charts")
    cell = {"id": "cell", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = {
        "cells": [{**cell, "source": CELL.format(path=picture_path)}],
        # Its buttons call Python.
        "metadata": {
            "kernelspec": kernel,
            "language_info": {"name": "python"},
            "orderfox": {"kernel_per_viewer": True},
        },
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
    child.leave()


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
                const [legend, overlays] = [text(".of-ohlc"), text(".of-overlay-legend")];
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
        # The margin on the right is as wide as the prices.
        area = self.page.locator(".of-candle-chart .bqplot .plotarea_background").nth(chart)
        width = float(await area.get_attribute("width") or 0)
        assert 0 < width < box["width"]
        return box["x"], box["y"] + 8, width, box["height"] - 34

    async def hold(self) -> None:
        """Move the first chart's window away from the newest bar, so that a new minute does not move it."""
        start, end = await self.window()
        await self.page.locator(".of-candle-chart .bqplot").first.focus()
        await self.page.keyboard.press("ArrowLeft")
        await self.wait("data.to < wanted", end - (end - start) * 0.05)
        await self.painted()

    async def painted(self) -> None:
        """Wait until the first chart shows all that was done to it."""
        frames = int((await self.data())["frames"])
        await self.wait("Number(data.frames) >= wanted", frames + 3)

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

    async def wait_ink(
        self, tokens: str, least: int, chart: int = 0, canvas: str = "under", rows: tuple[float, float] = (0, 1)
    ) -> None:
        """Wait until a canvas has more pixels than some of a colour, or of several together."""

        async def count() -> int:
            return sum([await self.ink(token, chart, canvas, rows) for token in tokens.split()])

        def enough(found: int) -> None:
            assert found > least, (tokens, rows)

        await eventually(count, enough)

    async def wait_no_ink(
        self, token: str, chart: int = 0, canvas: str = "under", rows: tuple[float, float] = (0, 1)
    ) -> None:
        """Wait until a canvas has no pixel of a colour."""

        def none(found: int) -> None:
            assert found == 0, (token, rows)

        await eventually(lambda: self.ink(token, chart, canvas, rows), none)


OpenCharts = Callable[..., AbstractAsyncContextManager[Charts]]


@pytest.fixture
def open_charts(charts: str, open_screen: OpenScreen) -> OpenCharts:
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
