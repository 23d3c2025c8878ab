"""Take the pictures of docs/images from the running product, on the embedded exchange.

python -m benchmarks.screenshots [name …]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as NotYet

from benchmarks.stage import ROOT, chromium, dashboard, lab, page_of, wait_live, write_notebook

IMAGES = ROOT / "docs" / "images"
PAGES = {
    "dashboard-dark": (1440, 900, "dark"),
    "dashboard-light": (1440, 900, "light"),
    "phone-dark": (390, 1500, "dark"),
}
# Name, what makes it, its size, what is pictured, and what must be there before.
WIDGETS = (
    ("candle-chart", 'CandleChart(symbol="BTCUSDT", timeframe="5m")', 960, 520, ".of-candle-chart", "candles"),
    ("order-book", 'OrderBook(symbol="BTCUSDT", rounding=1)', 340, 660, ".of-book", "book"),
    ("depth-chart", 'DepthChart(symbol="BTCUSDT")', 640, 360, ".of-depth-chart", "depth"),
    ("tape", 'Tape(symbol="BTCUSDT")', 320, 480, ".of-tape", "tape"),
    ("liquidations", 'Liquidations(symbol="BTCUSDT")', 340, 480, ".of-liquidations", "liquidations"),
    ("market-header", 'MarketHeader(symbol="BTCUSDT")', 760, 60, ".of-market", "header"),
    ("quality-badge", 'QualityBadge(symbol="BTCUSDT")', 300, 60, ".of-badge-box", ""),
    ("symbol-picker", 'SymbolPicker(symbol="BTCUSDT")', 420, 520, ".of-picker-popup", ""),
)
BLOCKED = (
    'from orderfox_nb.widgets import Dashboard\n\nDashboard(symbol="BTCUSDT")',
    "import time\n\ntime.sleep(300)  # the kernel is busy; the dashboard goes on",
)


def wanted(name: str) -> bool:
    return not sys.argv[1:] or name in sys.argv[1:]


async def take_pages(browser: Browser) -> None:
    with dashboard() as server:
        for name, (width, height, scheme) in PAGES.items():
            if not wanted(name):
                continue
            async with page_of(browser, f"{server.url}?rounding=1", width=width, height=height, scheme=scheme) as page:
                await wait_live(page, "liquidations")
                await wait_live(page, "candles", "book", "tape", frames=30)
                await page.screenshot(path=IMAGES / f"{name}.png")


async def take_widgets(browser: Browser) -> None:
    for name, code, width, height, selector, panel in WIDGETS:
        if not wanted(name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            kind = code.split("(")[0]
            cell = f"from orderfox_nb.widgets import {kind}\n\none = {code}\none.layout.height = '{height}px'\none"
            notebook = write_notebook(Path(folder) / f"{name}.ipynb", cell)
            with dashboard(notebook=notebook, preheat=0) as server:
                async with page_of(browser, server.url, width=width, height=height + 40, scale=1.5) as page:
                    if panel:
                        await wait_live(page, panel, frames=10)
                    if name == "symbol-picker":
                        await page.click(".of-picker-button")
                        await page.wait_for_selector(".of-picker-popup .of-row")
                    if name == "quality-badge":
                        await page.wait_for_selector('.of-badge[data-state="live"]')
                    await settled(page)
                    await page.locator(selector).first.screenshot(path=IMAGES / f"{name}.png")


async def take_lab(browser: Browser) -> None:
    if not wanted("jupyterlab-busy"):
        return
    busy = ".jp-Notebook-ExecutionIndicator[data-status='busy']"
    with lab(*BLOCKED) as url:
        async with page_of(browser, url, width=1600, height=1000) as page:
            await page.wait_for_selector("#jp-main-statusbar >> text=/Python 3 .* Idle/", timeout=60_000)
            # Room for what is to be seen: the file browser is closed.
            await page.keyboard.press("Control+b")
            for _ in range(4):
                # JupyterLab forgets what it is asked in the moment in which its kernel connects.
                await page.click(".lm-MenuBar-itemLabel >> text=Run")
                await page.click("text=Run All Cells >> nth=0")
                with contextlib.suppress(NotYet):
                    await page.wait_for_selector(busy, timeout=4000)
                    break
            await wait_live(page, "candles", "book", "tape", frames=30)
            await page.locator(".of-dashboard").scroll_into_view_if_needed()
            await page.wait_for_selector(busy)
            await settled(page)
            await page.screenshot(path=IMAGES / "jupyterlab-busy.png")


async def settled(page: Page) -> None:
    """Wait until fonts are there and the page was painted with them."""
    await page.evaluate("document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(done)))")
    await asyncio.sleep(1)


async def take() -> None:
    IMAGES.mkdir(exist_ok=True)
    async with chromium() as browser:
        await take_pages(browser)
        await take_widgets(browser)
        await take_lab(browser)


if __name__ == "__main__":
    asyncio.run(take())
