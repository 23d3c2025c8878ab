from __future__ import annotations

import asyncio

import pytest

from tests.browser.lab.conftest import DASHBOARD, OpenNotebook

pytestmark = pytest.mark.browser


BLOCKED = """\
import time
from pathlib import Path

while not Path("end").exists():
    time.sleep(0.05)
"""


async def test_everything_goes_on_for_ten_seconds_while_the_kernel_is_blocked(open_notebook: OpenNotebook):
    async with open_notebook(DASHBOARD, BLOCKED, height=1000) as notebook:
        screen, page = notebook.screen, notebook.page
        end = notebook.lab.root / "end"
        busy = ".jp-Notebook-ExecutionIndicator[data-status='busy']"
        await notebook.run(0)
        await screen.wait_live("chart", "book", "tape")
        await notebook.start(1)
        await page.wait_for_selector(busy)

        before = await screen.frames("chart", "book", "tape")
        drawn, ladders, trades = set(), set(), set()
        seconds = 0
        # The time itself is what is tested: ten seconds and more in which the kernel does nothing for the page. In a
        # calm market trades are seconds apart, and the chart may look the same until the next minute begins.
        while seconds < 10 or min(len(ladders), len(trades)) < 5 or len(drawn) < 2:
            await asyncio.sleep(1)
            seconds += 1
            drawn.add((await screen.pixels())["sum"])
            ladders.add(await page.inner_text(".of-ladder"))
            trades.add((await screen.data("tape"))["last"])
            assert await page.locator(busy).count() == 1, "the kernel was blocked all the time"
        after = await screen.frames("chart", "book", "tape")
        assert {panel: after[panel] - before[panel] >= 4 for panel in after} == dict.fromkeys(after, True)

        # What the reader chooses happens in the browser, whatever the kernel does.
        await page.click(".of-timeframe >> text=5m")
        await screen.wait_data("chart", interval="5m")
        await page.select_option(".of-rounding-select", "100")
        await screen.wait_data("book", rounding="100")
        assert await page.locator(busy).count() == 1
        assert await page.evaluate("document.documentElement.dataset.ofHost") == "lab"
        screen.check_clean()
        # One that is still blocked is given five seconds to end by itself.
        end.touch()
        await page.locator(busy).wait_for(state="detached")
