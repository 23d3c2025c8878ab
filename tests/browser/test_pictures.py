"""Pictures of widgets as Python asks for them, compared with what is on the screen."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import OpenScreen, until, written
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

CELL = """\
from ipywidgets import Button, HBox, Layout, VBox
from orderfox_nb.widgets import DepthChart, OrderBook

shown = {{"book": OrderBook(rows=10, layout=Layout(width="330px", height="600px")), "depth": DepthChart()}}

def button(name):
    one = Button(description=f"picture of {{name}}")
    one.on_click(lambda _: shown[name].save_png(f"{folder}/{{name}}.png"))
    return one

VBox([*shown.values(), HBox([button(name) for name in shown])])
"""

COUNT = """async ([data, prices]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const style = getComputedStyle(document.documentElement);
    // The heights at which pixels of a colour stand, one per pixel, from top to bottom.
    const heights = (token, from = 0, to = image.height) => {
        const wanted = parseInt(style.getPropertyValue(`--of-${token}`).trim().slice(1), 16);
        const pixels = context.getImageData(0, from, image.width, to - from).data;
        const found = [];
        for (let at = 0; at < pixels.length; at += 4) {
            const part = (shift, byte) => Math.abs(pixels[at + byte] - ((wanted >> shift) & 255));
            const near = Math.max(part(16, 0), part(8, 1), part(0, 2)) < 12;
            if (near) found.push(from + Math.floor(at / 4 / image.width));
        }
        return found;
    };
    return {
        width: image.width, height: image.height, warning: heights("warning", 0, 30).length,
        text: heights("text", 60).length, bids: heights("bid", ...prices), asks: heights("ask", ...prices),
    };
}"""

# Where the picture of a widget shows prices: the rows of a ladder, else all of it. Its title is 30 px high.
PRICES = """(where) => {
    const widget = document.querySelector(where);
    const prices = (widget.querySelector(".of-steps") ?? widget).getBoundingClientRect();
    return [prices.top, prices.bottom].map((edge) => Math.round(edge - widget.getBoundingClientRect().top) + 30);
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def pictured(chromium: str, folder: Path) -> Iterator[str]:
    """The address of a page with a ladder and a depth chart, and a button for the picture of each."""
    cell = {"id": "a", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    # Its buttons call Python.
    wishes = {"kernel_per_viewer": True}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "orderfox": wishes}
    cells = [{**cell, "source": CELL.format(folder=folder)}]
    notebook = folder / "pictures.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=3", "--notebook", str(notebook)]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", folder / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.leave()


async def test_a_picture_shows_what_the_screen_does_of_a_panel_and_of_a_chart(
    pictured: str, folder: Path, open_screen: OpenScreen
):
    async with open_screen(pictured, height=1100, reduced_motion="reduce") as screen:
        await screen.wait_live("book")
        await until(screen.page, "document.querySelector('.of-depth[data-state=live]') !== null")
        await until(screen.page, "document.querySelectorAll('.of-depth-chart .of-ready').length === 1")
        seen = {}
        for name, where in {"book": ".of-book", "depth": ".of-depth-chart"}.items():
            await screen.page.click(f"button >> text=picture of {name}")
            data = await asyncio.to_thread(written, folder / f"{name}.png")
            box = await screen.page.locator(where).bounding_box()
            assert box
            prices = await screen.page.evaluate(PRICES, where)
            seen[name] = await screen.page.evaluate(COUNT, [base64.b64encode(data).decode(), prices])
            assert abs(seen[name]["width"] - box["width"]) <= 1
            assert abs(seen[name]["height"] - box["height"] - 30) <= 1
            assert seen[name]["warning"] > 20, "it says that the market is simulated"
        book = seen["book"]
        assert book["text"] > 300
        for side in ("asks", "bids"):
            assert min(len(book[side]), len(seen["depth"][side])) > 100
        # The middle price between them has the colour of either.
        assert book["asks"][-1] < book["bids"][0], "asks stand above, bids below"
        screen.check_clean()
