"""What the chart's menu and Python's calls change, in the data and on the screen."""

from __future__ import annotations

import asyncio
import itertools
import struct
from pathlib import Path

import pytest

from tests.browser.chart.conftest import OpenCharts
from tests.browser.conftest import until, written

pytestmark = pytest.mark.browser


async def test_the_menu_draws_overlays_with_right_values_and_hides_the_rest(open_charts: OpenCharts):
    async with open_charts() as charts:
        await charts.wait_no_ink("overlay2")
        await charts.choose("ema20", True)
        await charts.choose("vwap", True)
        await charts.wait("overlays.includes('EMA 20') && overlays.includes('VWAP')")
        # The day's average needs the day from its start: the bars before the window are loaded.
        await charts.wait("Number(data.first) % 86400 === 0 || !overlays.includes('since')")
        await charts.wait_ink("overlay2", 50)
        await charts.hold()
        bars = (await charts.frame())["bars"]
        await charts.point(bars[0][-40] + 30, 0.3)
        await charts.wait("legend.includes('V ')")
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
        await charts.wait_no_ink("overlay2")
        panes, below = (0.7, 0.92), (0.8, 0.92)
        await charts.wait_ink("warning", 100, rows=panes)
        await charts.choose("show_liquidation_average", False)
        await charts.wait_no_ink("warning", rows=panes)
        await charts.wait_ink("bid ask", 5, rows=below)
        await charts.choose("show_volume", False)
        await charts.choose("show_liquidations", False)
        # What the price has not, nothing has: the lowest part of the plot is empty now.
        await charts.wait_no_ink("line", rows=below)
        await charts.choose("show_liquidations", True)
        await charts.wait_ink("line", 100, rows=below)
        # The day's average lies somewhere between the day's prices, not always near those of the last two hours.
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        for _ in range(20):
            if await charts.ink("overlay1") > 50:
                break
            width = int((await charts.data())["to"]) - int((await charts.data())["from"])
            await charts.page.keyboard.press("-")
            await charts.wait("data.to - data.from > wanted", width)
        await charts.wait_ink("overlay1", 50)
        assert charts.screen.errors == []


async def test_python_adds_a_series_saves_a_picture_and_sets_symbol_and_timeframe(
    open_charts: OpenCharts, picture_path: Path
):
    async with open_charts() as charts:
        await charts.page.click("button >> text=series")
        await charts.wait("overlays.includes('<b>mine</b>')")
        assert await charts.page.locator(".of-overlay-legend b").count() == 0
        line = charts.page.locator(".of-candle-chart .bqplot").first.locator("path.line").first
        await line.wait_for(state="attached")
        inside = """() => {
            const figure = document.querySelector(".of-candle-chart .bqplot");
            const line = figure.querySelector("path.line").getBoundingClientRect();
            const plot = figure.querySelector(".plotarea_background").getBoundingClientRect();
            return plot.left < line.left && line.right <= plot.right + 1
                && plot.top <= line.top && line.top <= plot.bottom;
        }"""
        await until(charts.page, inside)

        await charts.page.click("button >> text=picture")
        data = await asyncio.to_thread(written, picture_path)
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", data[16:24])
        box = await charts.page.locator(".of-candle-chart").first.bounding_box()
        assert box
        assert (width, height) == (round(box["width"]), round(box["height"] + 30))

        await charts.page.click("button >> text=ether")
        await charts.wait("data.symbol === 'ETHUSDT'")
        await charts.wait("data.to - wanted < 10 * 60000 && data.close < 10000", (await charts.window(1))[1] - 10**6)
        await charts.wait_ink("bid", 100, rows=(0, 0.7))
        await charts.wait_ink("bid ask", 400, rows=(0, 0.7))
        await charts.page.click("button >> text=hour")
        await charts.wait("data.interval === '2h' && Number(data.bars) >= 200")
        assert await charts.page.locator(".of-timeframe.of-chosen").first.inner_text() == "2h"
        bars = (await charts.frame("2h"))["bars"]
        assert {after - before for before, after in itertools.pairwise(bars[0])} == {7200}
