"""Take the pictures of docs/images and of the notebooks' cards from the running product, on the embedded exchange.

python -m benchmarks.screenshots [name …]
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as NotYet

from benchmarks.stage import ROOT, TOKEN, chromium, dashboard, lab, page_of, wait_live, write_notebook

IMAGES = ROOT / "docs" / "images"
PAGES = {
    "dashboard-dark": (1440, 900, "dark"),
    "dashboard-light": (1440, 900, "light"),
}
TWO_VENUES = "sim?seed=7&symbols=24,sim?seed=7&symbols=24&name=b&spread_bp=3&lag_ms=200"
# What is made, its size, what is pictured, and the panel that must be live before.
WIDGETS = {
    "candle-chart": ('CandleChart(symbol="BTCUSDT", timeframe="5m")', 960, 520, ".of-candle-chart", "candles"),
    "order-book": ('OrderBook(symbol="BTCUSDT", rounding=1)', 340, 660, ".of-book", "book"),
    "depth-chart": ('DepthChart(symbol="BTCUSDT")', 640, 360, ".of-depth-chart", "depth"),
    "tape": ('Tape(symbol="BTCUSDT")', 320, 480, ".of-tape", "tape"),
    "liquidations": ('Liquidations(symbol="BTCUSDT")', 340, 480, ".of-liquidations", "liquidations"),
    "market-header": ('MarketHeader(symbol="BTCUSDT")', 860, 60, ".of-market", "header"),
    "quality-badge": ('QualityBadge(symbol="BTCUSDT")', 340, 60, ".of-badge-box", ""),
    "symbol-picker": ('SymbolPicker(symbol="BTCUSDT")', 420, 60, ".of-picker-popup", ""),
}
CARDS = ROOT / "notebooks" / "pictures"
# What the card of each notebook shows of its page: the first of some elements, or a later one.
CARD_PARTS = {
    "dashboard": (".of-dashboard", 0),
    "00_tour": (".of-candle-chart", 0),
    "01_order_book": (".of-book", 0),
    "02_trades_and_candles": (".bqplot", 1),
    "03_liquidations": (".of-candle-chart", 0),
    "04_record_and_replay": (".bqplot", 0),
    "05_bots": ("#rendered_cells svg", 0),
    "06_any_venue": (".of-book", 0),
    "07_endpoints": (".highlight", 0),
    "08_your_own_widget": (".of-candle-chart", 0),
    "bot_dashboard": (".of-dashboard", 0),  # the last one: its bots have traded by then
}
CARD_WIDTH = 640
BOTS = [
    {"name": "Fade BTC", "symbol": "BTCUSDT", "strategy": "LiquidationFade"},
    {"name": "Maker BTC", "symbol": "BTCUSDT", "strategy": "ImbalanceMaker"},
    {"name": "Grid ETH", "symbol": "ETHUSDT", "strategy": "GridMaker"},
    {"name": "Cross SOL", "symbol": "SOLUSDT", "strategy": "EmaCross"},
]
BLOCKED = (
    'from orderfox_nb.widgets import Dashboard\n\nDashboard(symbol="BTCUSDT")',
    "import time\n\ntime.sleep(300)  # the kernel is busy; the dashboard goes on",
)


def wanted(name: str) -> bool:
    return not sys.argv[1:] or name in sys.argv[1:]


async def save_pages(browser: Browser) -> None:
    with dashboard() as server:
        for name, (width, height, scheme) in PAGES.items():
            if not wanted(name):
                continue
            async with page_of(browser, f"{server.url}?rounding=1", width=width, height=height, scheme=scheme) as page:
                await wait_live(page, "liquidations")
                await wait_live(page, "candles", "book", "tape", frames=30)
                await page.screenshot(path=IMAGES / f"{name}.png")


async def save_venues(browser: Browser) -> None:
    views = {
        "two-venues-dark": "symbol=BTCUSDT,BTCUSDT&venue=sim,sim-b",
        "all-venues-dark": "symbol=BTCUSDT&venue=sim&all_venues=true",
    }
    if not any(map(wanted, views)):
        return
    with dashboard(source=TWO_VENUES) as server:
        for name, view in views.items():
            if not wanted(name):
                continue
            async with page_of(browser, f"{server.url}?{view}", width=1440, height=900) as page:
                await wait_live(page, "candles", "book", "tape", frames=30)
                await page.screenshot(path=IMAGES / f"{name}.png")


async def save_widgets(browser: Browser) -> None:
    chosen = {name: one for name, one in WIDGETS.items() if wanted(name)}
    if not chosen:
        return
    lines = [
        "from ipywidgets import Box, Layout, VBox",
        "from orderfox_nb.widgets import *",
        "",
        "def framed(one, width, height):",
    ]
    lines += ["    one.layout = Layout(width='100%', height='100%')"]
    lines += ["    return Box([one], layout=Layout(width=f'{width}px', height=f'{height}px', flex='none'))", ""]
    made = [f"framed({code}, {width}, {height})" for code, width, height, *_ in chosen.values()]
    lines.append(f"VBox([{', '.join(made)}])")
    height = sum(one[2] for one in chosen.values()) + 700
    with tempfile.TemporaryDirectory() as folder:
        notebook = write_notebook(Path(folder) / "widgets.ipynb", "\n".join(lines))
        with dashboard(notebook=notebook, preheat=0) as server:
            async with page_of(browser, server.url, width=1000, height=height, scale=1.5) as page:
                for name, (_, _, _, selector, panel) in chosen.items():
                    if panel:
                        await wait_live(page, panel, frames=1 if panel == "liquidations" else 5)
                    if name == "symbol-picker":
                        await page.click(".of-picker-button")
                        await page.wait_for_selector(".of-picker-popup .of-row")
                    if name == "quality-badge":
                        await page.wait_for_selector('.of-badge[data-state="live"]')
                    await settled(page)
                    await page.locator(selector).first.screenshot(path=IMAGES / f"{name}.png")


async def save_rewind(browser: Browser) -> None:
    if not wanted("rewind"):
        return
    with dashboard(source="sim?seed=7&symbols=4&liquidation_rate=20&speed=20") as server:
        async with page_of(browser, server.url, width=1000, height=900, scale=1.5) as page:
            await wait_live(page, "candles", "book", "tape", frames=5)
            # Half an hour is recorded in a minute and a half.
            recorded = "document.querySelector('.of-rewind').dataset.recorded >= 1800000"
            while not await page.evaluate(recorded):  # noqa: ASYNC110 - only the page knows
                await asyncio.sleep(1)
            strip = page.locator(".of-rewind-strip")
            await strip.click(position={"x": 600, "y": 12})
            await page.wait_for_selector(".of-book[data-past][data-state='live']")
            await settled(page)
            await page.locator(".of-rewind").screenshot(path=IMAGES / "rewind.png")


async def save_lab(browser: Browser) -> None:
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
            await page.mouse.move(2, 2)
            await page.locator(".of-dashboard").scroll_into_view_if_needed()
            await page.wait_for_selector(busy)
            await settled(page)
            await page.screenshot(path=IMAGES / "jupyterlab-busy.png")


async def save_cards(browser: Browser) -> None:
    chosen = {name: part for name, part in CARD_PARTS.items() if wanted(name)}
    if not chosen:
        return
    CARDS.mkdir(exist_ok=True)
    with dashboard("--notebooks", str(ROOT / "notebooks"), source="sim?seed=7&symbols=24&liquidation_rate=5") as server:
        if "bot_dashboard" in chosen:
            start_bots(server.url)
        for name, (selector, number) in chosen.items():
            for scheme in ("light", "dark"):
                address = f"{server.url}pages/{name}"
                width, height = (1440, 900) if selector == ".of-dashboard" else (1120, 700)
                async with page_of(browser, address, width=width, height=height, scheme=scheme) as page:
                    await page.wait_for_selector("#rendered_cells:visible", timeout=180_000)
                    part = page.locator(selector).nth(number)
                    await part.wait_for(timeout=120_000)
                    await part.evaluate("(part) => scrollTo(0, part.getBoundingClientRect().top + scrollY - 24)")
                    await asyncio.sleep(5)
                    await settled(page)
                    await save_webp(page, CARDS / f"{name}-{scheme}.webp")


async def save_webp(page: Page, path: Path) -> None:
    """Save what the window shows, in the width of a card."""
    size = page.viewport_size
    assert size is not None
    left, top = await page.evaluate("[scrollX, scrollY]")
    clip = {"x": left, "y": top, **size, "scale": CARD_WIDTH / size["width"]}
    session = await page.context.new_cdp_session(page)
    taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": 80, "clip": clip})
    await asyncio.to_thread(path.write_bytes, base64.b64decode(taken["data"]))


def start_bots(address: str) -> None:
    """Run some bots, so that there is something to see."""
    for bot in BOTS:
        made = request(f"{address}api/v1/bots", "POST", bot)
        request(f"{address}api/v1/bots/{made['id']}/status?is_active=true", "PATCH")


def request(address: str, method: str, body: object = None) -> Any:
    """Ask the server with its token."""
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method)) as answer:
        return json.load(answer)


async def settled(page: Page) -> None:
    """Wait until fonts are there and the page was painted with them."""
    await page.evaluate("document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(done)))")
    await asyncio.sleep(1)


async def save_all() -> None:
    IMAGES.mkdir(exist_ok=True)
    async with chromium() as browser:
        await save_pages(browser)
        await save_venues(browser)
        await save_widgets(browser)
        await save_rewind(browser)
        await save_lab(browser)
        await save_cards(browser)


if __name__ == "__main__":
    asyncio.run(save_all())
