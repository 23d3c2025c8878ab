"""Panels and a dashboard over two venues: levels of both, a venue that freezes named as left out, and its return."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from tests.browser.conftest import PATIENCE_S, OpenScreen, Screen, StartServed, eventually, settled, until
from tests.browser.test_accessibility import serious
from tests.browser.test_venues import VENUES

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
        await settled(screen.page, f"(wanted) => {coverage}", 2, ", sampled")
        meaning = await screen.page.get_attribute(".of-coverage", "title") or ""
        assert meaning.count("sampled: at most one order per contract and second") == 2

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


async def wait_lists(screen: Screen, address: str, *venues: str) -> None:
    """Wait until the lists of venues are at hand: an exchange starts with the first question, and that takes a while.

    A view over all venues waits eight seconds for a list, and shows a venue without one as down.
    """

    async def states() -> list[str]:
        urls = [f"{address}api/v1/symbols?venue={venue}" for venue in venues]
        answers = [await screen.page.request.get(url, timeout=PATIENCE_S * 1000) for url in urls]
        return [json.loads(answer.headers["x-quality"])["state"] for answer in answers]

    def are_live(seen: list[str]) -> None:
        assert seen == ["live"] * len(venues)

    await eventually(states, are_live)


async def test_a_dashboard_shows_its_symbol_over_all_venues_and_its_link_and_code_say_so(
    start_served: StartServed, open_screen: OpenScreen
):
    _, address = start_served("--port", "0", "--source", f"{SOURCE},sim?name=c&market=spot&seed=7&symbols=1")
    async with open_screen(address) as screen:
        page = screen.page
        await screen.wait_live("market", "chart", "book", "tape", "liquidations")
        await wait_lists(screen, address, "sim-b", "sim-spot-c")
        await settled(page, VENUES, ["sim", "sim-b", "sim-spot-c", "All venues"])
        # The last of the list, by its keys; the market of spot is another one.
        await page.locator("body").press("v")
        await until(page, "document.activeElement.classList.contains('of-venue')")
        await page.keyboard.press("End")
        await settled(page, "document.querySelector('.of-venue').selectedOptions[0].textContent", "All venues")

        def is_over_both(seen: dict[str, object]) -> None:
            assert seen, "no frame over both venues yet"
            assert seen["members"] == [{"name": "sim", "out": False}, {"name": "sim-b", "out": False}]
            assert (seen["dropped"], seen["text"]) == ("", "Without sim-spot-c: does not list it")
            assert seen["parts"] == ["--of-venue-0", "--of-venue-1"]

        await eventually(lambda: page.evaluate(LADDER), is_over_both)
        await screen.wait_live("market", "chart", "book", "tape", "liquidations")
        await until(page, """() => new Set([...document.querySelectorAll(".of-tape .of-row > .of-name")]
            .map((one) => one.textContent)).size === 2""")  # fmt: skip
        named = """(kind) => [...document.querySelectorAll(`.of-${kind} .of-symbol`)]
            .filter((one) => one.checkVisibility()).map((one) => one.textContent).join()"""
        for kind in ("chart", "depth-chart", "badge"):
            await settled(page, named, "BTCUSDT · sim", kind)
        assert await serious(screen, ".of-dashboard") == {}

        await settled(page, "document.title", "BTCUSDT all venues · OrderFox")
        link = await page.evaluate("location.href")
        query = parse_qs(urlsplit(link).query)
        assert (query["symbol"], query["venue"], query["all_venues"]) == (["BTCUSDT"], ["sim"], ["true"])
        await page.click(".of-theme.of-menu-button")
        await page.click("text=Copy as code")
        code = await page.input_value("textarea.of-code")
        assert 'symbol="BTCUSDT", venue="sim", all_venues=True' in code
        await page.keyboard.press("Escape")

        # The link shows the same on a phone; a venue of the list is that venue alone again.
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(link.replace("venue=sim&", "venue=sim-b&"))
        await settled(page, "document.querySelector('.of-venue').value", "*")
        await until(page, """() => document.querySelectorAll(".of-book .of-member").length === 2""")
        await settled(page, named, "BTCUSDT · sim-b", "chart")
        await page.select_option(".of-venue", label="sim-b")
        await until(page, "document.querySelector('.of-book .of-across').hidden")
        await screen.wait_live("market", "chart", "book", "tape")
        said = """() => [...new URLSearchParams(location.search)].filter(([name]) => name.includes("venue")).join()"""
        await settled(page, said, "venue,sim-b")
        screen.check_clean()
