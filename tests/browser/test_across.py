"""Panels over two venues: levels of both, a venue that freezes named as left out, and its return."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import OpenScreen, StartServed, eventually, settled, until

pytestmark = pytest.mark.browser

SOURCE = "sim?seed=7&symbols=1&liquidation_rate=20,sim?name=b&seed=7&symbols=1&spread_bp=3&lag_ms=200"
CELL = """
from ipywidgets import GridBox, Layout
from orderfox_nb import Liquidations, OrderBook, Tape
both = ["sim:BTCUSDT", "sim-b:BTCUSDT"]
panels = [OrderBook(symbols=both), Tape(symbols=both), Liquidations(symbols=both)]
GridBox(panels, layout=Layout(grid_template_columns="repeat(auto-fit, minmax(300px, 1fr))", grid_gap="8px"))
"""

LADDER = """() => {
    const across = document.querySelector(".of-book .of-across");
    return across && !across.hidden && {
        members: [...across.querySelectorAll(".of-member")].map((one) => ({
            name: one.children[1].textContent, out: one.classList.contains("of-out"),
        })),
        dropped: across.dataset.dropped,
        text: across.querySelector(".of-left-out").textContent,
        opportunity: across.dataset.opportunity,
        crossing: across.querySelector(".of-crossing").textContent,
        parts: [...new Set([...document.querySelectorAll(".of-book .of-parts")]
            .flatMap(({ style }) => style.backgroundImage.match(/--of-venue-\\d/g) ?? []))].sort(),
        state: document.querySelector(".of-book").dataset.state,
    };
}"""


def notebook_of(folder: Path, source: str) -> Path:
    cell = {"id": "a", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    path = folder / "across.ipynb"
    path.write_text(json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


def exchange_of(server: psutil.Process, spread_bp: str) -> psutil.Process:
    """Return the embedded exchange that was started with a spread."""
    lines: dict[psutil.Process, list[str]] = {}
    for one in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            lines[one] = one.cmdline()
    (found,) = (
        one for one, line in lines.items() if "--spread-bp" in line and line[line.index("--spread-bp") + 1] == spread_bp
    )
    return found


async def test_a_venue_that_freezes_is_named_as_left_out_and_comes_back(
    start_served: StartServed, open_screen: OpenScreen, tmp_path: Path
):
    child, address = start_served("--port", "0", "--source", SOURCE, notebook=notebook_of(tmp_path, CELL))
    async with open_screen(address, width=1440) as screen:
        await screen.wait_live("book", "tape", "liquidations")

        def is_whole(seen: dict[str, object]) -> None:
            assert seen, "no frame over both venues yet"
            assert seen["members"] == [{"name": "sim", "out": False}, {"name": "sim-b", "out": False}]
            assert seen["dropped"] == seen["text"] == ""
            assert seen["parts"] == ["--of-venue-0", "--of-venue-1"]

        await eventually(lambda: screen.page.evaluate(LADDER), is_whole)
        # The tape says the venue of each trade, the liquidations the coverage of each beside its sums.
        await until(screen.page, """() => new Set([...document.querySelectorAll(".of-tape .of-row > .of-name")]
            .map((one) => one.textContent)).size === 2""")  # fmt: skip
        coverage = "document.querySelector('.of-liquidations .of-coverage').textContent.split(wanted).length - 1"
        said = "sampled: at most one order per contract and second"
        await settled(screen.page, f"(wanted) => {coverage}", 2, said)

        exchange = exchange_of(child.ps, "3")
        exchange.suspend()
        try:

            def is_without(seen: dict[str, object]) -> None:
                assert seen, "no frame over both venues"
                assert seen["members"] == [{"name": "sim", "out": False}, {"name": "sim-b", "out": True}]
                assert seen["dropped"] == "sim-b:BTCUSDT"
                assert str(seen["text"]).startswith("Without sim-b: ")
                assert (seen["opportunity"], seen["state"]) == ("false", "live")
                assert seen["parts"] == ["--of-venue-0"]

            await eventually(lambda: screen.page.evaluate(LADDER), is_without)
        finally:
            exchange.resume()
        await eventually(lambda: screen.page.evaluate(LADDER), is_whole)
