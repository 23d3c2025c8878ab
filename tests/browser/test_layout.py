"""Where things stand on the page: every panel can be reached at every size, and each widget has room in any box."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.conftest import OpenScreen, eventually, until
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser


CONTROLS = {
    ".of-timeframe:not(.of-seldom), .of-timeframe-list": ("5m", "15m", "1h"),
    ".of-range-select": ("0.5", "2", "5"),
    ".of-rounding-select": ("100", "50", "10"),
    ".of-tape .of-field": ("1001", "2002", "3003"),
    ".of-span": ("1 m", "15 m", "1 m"),
}
"""One control of each panel, and what is chosen after each way to it."""
PLACE = """(control) => {
    const shown = [...document.querySelectorAll(control)].filter((one) => one.checkVisibility());
    const boxes = shown.map((one) => one.getBoundingClientRect());
    const seen = boxes.length > 0 && boxes.every(({ top, bottom }) => top >= 0 && bottom <= innerHeight);
    return [scrollY, seen ? 0 : boxes.some(({ top }) => top < 0) ? -1 : 1];
}"""
"""How far the page is scrolled, and the way to a control: down, up, or none where it is in view."""


async def use(page: Page, control: str, value: str) -> None:
    """Choose a value of a control that is in view, and wait until the page's address says so."""
    part = page.locator(control).locator("visible=true")
    kind = await part.first.evaluate("(one) => one.tagName")
    if kind == "SELECT":
        await part.first.select_option(value)
    elif kind == "INPUT":
        await part.first.fill(value)
        await part.first.press("Enter")
    else:
        await part.get_by_text(value, exact=True).click()
    said = "(value) => [...new URLSearchParams(location.search).values()].includes(value)"
    await until(page, said, value.replace(" ", ""))
    # A key scrolls the page, and not a list that was chosen from.
    await page.evaluate("document.activeElement.blur()")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1024, 768)])
async def test_the_page_scrolls_by_wheel_by_key_and_by_finger_down_to_its_last_panel(
    served: str, open_screen: OpenScreen, width: int, height: int
):
    async with open_screen(served, width=width, height=height, has_touch=True) as screen:
        page = screen.page
        await screen.wait_live("chart", "liquidations")
        touch = await page.context.new_cdp_session(page)

        async def finger(way: int) -> None:
            # With times of its own: moves that a busy page receives at once would be a fling, which goes on for pages.
            start = time.time()
            for at in range(6):
                point = {"x": width / 2, "y": height / 2 - 30 * at * way}
                event = {"type": "touchMove" if at else "touchStart", "touchPoints": [point]}
                await touch.send("Input.dispatchTouchEvent", {**event, "timestamp": start + at / 20})
            event = {"type": "touchEnd", "touchPoints": []}
            await touch.send("Input.dispatchTouchEvent", {**event, "timestamp": start + 1 / 2})

        async def wheel(way: int) -> None:
            await page.mouse.wheel(0, height / 4 * way)

        async def key(way: int) -> None:
            await page.keyboard.press("PageDown" if way > 0 else "PageUp")

        await page.mouse.move(width / 2, height / 2)  # over the panels, of which none holds the page
        for turn, move in enumerate((wheel, key, finger)):
            await page.evaluate("scrollTo(0, 0)")
            await until(page, "scrollY === 0")
            for control, values in CONTROLS.items():
                for _ in range(24):
                    before, way = await page.evaluate(PLACE, control)
                    if way == 0:
                        break
                    await move(way)
                    # A gesture that a busy page did not handle is made again, as a person does. Where the page was
                    # only late both of them lead too far, and one of the other way leads back.
                    with contextlib.suppress(TimeoutError):
                        await until(page, "(before) => scrollY !== before", before, timeout_s=5)
                else:
                    pytest.fail(f"{move.__name__} does not lead to {control}")
                await use(page, control, values[turn])
        assert await page.evaluate("document.scrollingElement.scrollWidth") <= width
        # The longest that the badge says, which a fast machine does not.
        long = "live · 12.3 s · this browser cannot keep up · through the kernel"
        wide = """(text) => {
            document.querySelector(".of-badge-text").textContent = text;
            return document.scrollingElement.scrollWidth;
        }"""
        assert await page.evaluate(wide, long) <= width


async def test_the_wheel_zooms_a_chart_where_that_does_not_hold_the_page(served: str, open_screen: OpenScreen):
    async with open_screen(served, width=1440, height=900) as screen:
        page = screen.page
        await screen.wait_live("chart")
        data = "document.querySelector('.of-chart').dataset"
        await until(page, f"{data}.from !== undefined")

        async def span() -> int:
            return await page.evaluate(f"{data}.to - {data}.from")

        async def turn() -> None:
            box = await page.locator(".of-candle-chart .bqplot").bounding_box()
            assert box
            await page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
            await page.mouse.wheel(0, -240)

        # The whole dashboard fits: there is nothing to scroll.
        before = await span()
        await turn()
        await until(page, f"(before) => {data}.to - {data}.from < before * 0.95", before)
        # It does not any more: the page goes on until the viewer says that the chart is meant.
        await page.set_viewport_size({"width": 768, "height": 600})
        await page.evaluate("document.activeElement.blur()")
        await until(page, "document.scrollingElement.scrollHeight > 1500")
        await page.evaluate("scrollTo(0, 200)")
        await turn()
        await until(page, "scrollY < 200")
        await page.locator(".of-candle-chart .bqplot").focus()
        place, before = await page.evaluate("scrollY"), await span()
        await turn()
        await until(page, f"(before) => {data}.to - {data}.from < before * 0.95", before)
        assert await page.evaluate("scrollY") == place


CELLS = (
    """\
from ipywidgets import Accordion, Box, GridBox, HBox, Layout, Tab, VBox
from orderfox_nb.widgets import *
HBox([OrderBook(), Tape(), Liquidations()])""",
    """\
GridBox([CandleChart(symbol="ETHUSDT"), DepthChart(), OrderBook(), Tape(), Liquidations(), QualityBadge()],
    layout=Layout(grid_template_columns="repeat(2, 1fr)"))""",
    'VBox([MarketHeader(), DepthChart(), Tape(symbol="ETHUSDT"), OrderBook()], layout=Layout(height="1000px"))',
    "HBox([CandleChart(), OrderBook()])",
    "Box([OrderBook(), Tape(), DepthChart()], layout=Layout(flex_flow='row wrap'))",
    'Tab([Tape(), CandleChart(), DepthChart()], titles=["trades", "candles", "depth"])',
    'Accordion([CandleChart(), DepthChart(), OrderBook()], titles=["bars", "sums", "ladder"])',
)
PANEL = ".of-panel, .of-candle-chart, .of-depth-chart"
SHOWN = f"""(cell) => [...document.querySelectorAll(".jp-OutputArea-output")[cell].querySelectorAll("{PANEL}")]
    .filter((one) => !one.parentElement.closest(".of-candle-chart, .of-depth-chart"))"""
SIZES = f"""(cell) => ({SHOWN})(cell).map((one) => {{
    const {{ width, height }} = one.getBoundingClientRect();
    return [Math.round(width), Math.round(height)];
}})"""
DRAWN = """([cell, kind]) => {
    const area = document.querySelectorAll(".jp-OutputArea-output")[cell];
    return area.querySelector(`.of-${kind}-chart .bqplot.of-ready`)?.checkVisibility();
}"""
# bqplot draws what is in the window.
READY = """(count) => {
    const shown = [...document.querySelectorAll(".bqplot")].filter((one) => one.checkVisibility());
    shown.find((one) => !one.classList.contains("of-ready"))?.scrollIntoView();
    return document.querySelectorAll(".bqplot.of-ready").length >= count;
}"""


@pytest.fixture(scope="module")
def boxes(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with panels in every kind of ipywidgets' boxes."""
    del chromium
    folder = tmp_path_factory.mktemp("boxes")
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**cell, "id": f"cell{at}", "source": source} for at, source in enumerate(CELLS)]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = folder / "boxes.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=4", "--notebook", str(notebook)]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", Path(folder) / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.leave()


NAMES = """() => [0, 1, 2].map((cell) => {
    const area = document.querySelectorAll(".jp-OutputArea-output")[cell];
    return [...area.querySelectorAll(".of-symbol, .of-scope-select")]
        .filter((one) => one.checkVisibility()).map((one) => one.value ?? one.innerText)
        .filter(Boolean);
})"""


def roomy(sizes: list[list[int]], count: int) -> None:
    """Check that so many panels are shown, and that none of them is too small to be read."""
    assert len(sizes) == count
    assert min(wide for wide, _ in sizes) >= 260, sizes
    assert min(high for _, high in sizes) >= 160, sizes


def named(names: list[list[str]]) -> None:
    """Check that each panel names its symbol."""
    assert names == [
        ["BTCUSDT", "BTCUSDT", "symbol"],
        ["ETHUSDT", "BTCUSDT", "BTCUSDT", "BTCUSDT", "symbol", "BTCUSDT"],
        ["BTCUSDT", "BTCUSDT", "ETHUSDT", "BTCUSDT"],
    ]


async def test_a_panel_in_any_box_has_room_and_its_symbol_and_waits_for_a_closed_tab(
    boxes: str, open_screen: OpenScreen
):
    async with open_screen(boxes, width=1440, height=900) as screen:
        page = screen.page
        # Two in the grid and one in each box with a chart; those in closed tabs have no figure yet.
        for count in range(1, 6):
            await until(page, READY, count)
        assert await page.locator(".bqplot.of-ready").count() == 5
        for cell, count in enumerate((3, 5, 3, 2, 3)):
            # A row has its size once what stands in it has come.
            await eventually(
                lambda cell=cell: page.evaluate(SIZES, cell), lambda sizes, count=count: roomy(sizes, count)
            )
        for cell in (0, 3):  # they grow to the whole of a row
            await until(page, f"(cell) => ({SIZES})(cell).reduce((sum, [wide]) => sum + wide, 0) >= 1340", cell)
        await eventually(lambda: page.evaluate(NAMES), named)
        for cell, title, kind in (
            (5, "candles", "candle"),
            (5, "depth", "depth"),
            (6, "bars", "candle"),
            (6, "sums", "depth"),
        ):
            area = page.locator(".jp-OutputArea-output").nth(cell)
            await area.get_by_text(title, exact=True).click()
            # bqplot draws what is in the window.
            await area.locator(f".of-{kind}-chart:visible").scroll_into_view_if_needed()
            await until(page, DRAWN, [cell, kind])
        screen.check_clean()
