"""Links to a dashboard: what they say is shown, or the page says why not; markets side by side chosen on the page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.async_api import Page

from tests.browser.conftest import NOTEBOOKS, OpenScreen, Screen, until
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

LIFE = "币安人生USDT"
IN_ROWS = """() => {
    const boxes = [...document.querySelectorAll(".of-column")].map((one) => one.getBoundingClientRect());
    const [first, second, third] = boxes;
    return boxes.length === 3 && boxes.every(({ width, height }) => width >= 440 && height >= 600)
        && first.top === second.top && third.top >= first.bottom
        && document.scrollingElement.scrollHeight > innerHeight;
}"""

LEVEL = """() => {
    const name = document.querySelector(".of-column .of-picker-name");
    const before = name.textContent;
    name.textContent = "1000000MOG/USDT-261225-100000-C";
    const tops = [...document.querySelectorAll(".of-column > .of-candle-chart")].map((one) => {
        return Math.round(one.getBoundingClientRect().top);
    });
    const { scrollWidth, clientWidth } = name.closest(".of-head");
    name.textContent = before;
    return tops.length === 3 && new Set(tops).size === 1 && scrollWidth <= clientWidth;
}"""
"""Whether the charts of three columns begin at one height beside a long symbol, which is no wider than its column."""

CHARTS_ONLY = """() => {
    const columns = [...document.querySelectorAll(".of-column")];
    return columns.length === 2 && columns.every((column) => {
        const parts = [column, column.querySelector(".of-candle-chart")];
        const [whole, chart] = parts.map((one) => one.getBoundingClientRect());
        return chart.height >= 400 && Math.abs(whole.bottom - chart.bottom) <= 1
            && getComputedStyle(column.querySelector(".of-lower")).display === "none";
    });
}"""


@pytest.fixture
def address(chromium: str, tmp_path: Path) -> Iterator[str]:
    """``orderfox serve`` on the embedded exchange, with a symbol that is not ASCII."""
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=23", "--notebook", str(NOTEBOOKS / "dashboard.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(tmp_path), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", tmp_path / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.leave()


async def choose_layout(page: Page, name: str) -> None:
    """Choose a layout in the page's menu."""
    await page.get_by_role("button", name="View: layout").click()
    await page.select_option(".of-layout-select", name)
    await page.keyboard.press("Escape")


def said(screen: Screen) -> dict[str, str]:
    """Return what the page's address says."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(screen.page.url).query).items()}


async def wait_markets(screen: Screen, *symbols: str) -> None:
    """Wait until the tapes, live, the tab's title and the address are those of markets in this order."""
    tapes = "[...document.querySelectorAll('.of-tape')].map((one) => one.dataset.state + one.dataset.symbol).join()"
    wanted = ",".join(f"live{symbol}" for symbol in symbols)
    try:
        await until(screen.page, f"(wanted) => {tapes} === wanted", wanted, timeout_s=120)
    except TimeoutError:
        raise AssertionError(f"{await screen.page.evaluate(tapes)} is not {wanted}") from None
    await until(screen.page, "(title) => document.title === title", f"{', '.join(symbols)} · OrderFox")
    assert said(screen)["symbol"] == ",".join(symbols)


async def check_change_while_leaving(screen: Screen) -> None:
    """A page that is just being left has no connection to a kernel, and what it does until it ends is no error.

    Voila closes that connection when the page begins to be left. A server that is slow to answer with the next page
    leaves this one time to finish a change that is under way.
    """
    page = screen.page

    async def add() -> None:
        await page.locator(".of-markets-button").click()
        await page.locator(".of-markets .of-search").fill("sol")
        await page.get_by_role("button", name="Add SOL/USDT").click()
        await wait_markets(screen, "BTCUSDT", "SOLUSDT")

    await add()
    await page.locator(".of-column:nth-child(2) .of-markets-button").click()
    await page.get_by_role("button", name="Remove SOLUSDT").evaluate(
        """(button) => {
            button.click();
            dispatchEvent(new Event("beforeunload"));
        }"""
    )
    await wait_markets(screen, "BTCUSDT")
    await until(page, "!document.querySelector('.of-column')")
    # What the page brings to its kernel: the view, and a trait of a panel.
    await page.select_option(".of-book select >> nth=-1", "1")
    await until(page, "new URLSearchParams(location.search).get('rounding') === '1'")
    # Another column is only made when the removed one is closed.
    await add()


async def test_a_link_opens_its_markets_and_the_page_chooses_others(address: str, open_screen: OpenScreen):
    async with open_screen(f"{address}?symbol=btc,{quote('币安人生/USDT')}&timeframe=7m&rounding=0.01") as screen:
        page = screen.page
        await wait_markets(screen, "BTCUSDT", LIFE)
        notices = page.locator(".of-notice")
        await until(page, "document.querySelectorAll('.of-notice').length === 2")
        texts = await notices.all_inner_texts()
        assert texts[0].startswith("The link says timeframe=7m: expected 1m, 3m,")
        assert texts[1].startswith("The link says rounding=0.01: prices of BTCUSDT go in steps of 0.1.")
        await until(page, "new URLSearchParams(location.search).get('rounding') === '0.1,auto'")
        assert said(screen) == {"symbol": f"BTCUSDT,{LIFE}", "timeframe": "1m", "rounding": "0.1,auto", "rows": "fit"}
        await notices.nth(0).get_by_role("button", name="5m", exact=True).click()
        await screen.wait_data("chart", interval="5m")
        await notices.get_by_role("button", name="Dismiss").click()
        await notices.first.wait_for(state="detached")
        # One more beside them, and the middle one away: the others keep their panels.
        await page.locator(".of-markets-button").click()
        await page.locator(".of-markets .of-search").fill("sol")
        await page.get_by_role("button", name="Add SOL/USDT").wait_for()
        await page.keyboard.press("Enter")
        await wait_markets(screen, "BTCUSDT", LIFE, "SOLUSDT")
        # In a narrower window the third one has no room beside the others. It is as large as they are and below them.
        await page.set_viewport_size({"width": 1200, "height": 800})
        await until(page, IN_ROWS)
        await page.set_viewport_size({"width": 1440, "height": 900})
        await until(page, LEVEL)
        await page.evaluate("document.querySelector('.of-chart').dataset.mine = 'yes'")
        # The menu stands in the last column's head, and goes there with it.
        await page.locator(".of-column:nth-child(3) .of-markets-button").click()
        await page.get_by_role("button", name=f"Remove {LIFE}").click()
        await wait_markets(screen, "BTCUSDT", "SOLUSDT")
        await until(page, "new URLSearchParams(location.search).get('rounding') === '0.1,auto'")
        await until(page, "document.querySelectorAll('.of-column').length === 2")
        assert (await screen.data("chart"))["mine"] == "yes"
        await page.reload()
        await wait_markets(screen, "BTCUSDT", "SOLUSDT")
        # A page of columns below each other has no room without panels where only the charts are shown.
        await page.set_viewport_size({"width": 1000, "height": 900})
        await choose_layout(page, "chart")
        await until(page, CHARTS_ONLY)
        await choose_layout(page, "default")
        await page.set_viewport_size({"width": 1440, "height": 900})
        # Down to one: the depth and the liquidations have their room again.
        await page.locator(".of-column:nth-child(2) .of-markets-button").click()
        await page.get_by_role("button", name="Remove BTCUSDT").click()
        await wait_markets(screen, "SOLUSDT")
        await screen.wait_live()
        await until(page, "new URLSearchParams(location.search).get('rounding') === 'auto'")
        # What is remembered comes back without a link; another symbol's link brings none of it along.
        await page.select_option(".of-book select >> nth=-1", "0.01")
        await until(page, "location.search.includes('rounding=0.01')")
        await page.goto(address)
        await wait_markets(screen, "SOLUSDT")
        await until(page, "new URLSearchParams(location.search).get('rounding') === '0.01'")
        await page.goto(f"{address}?symbol=BTCUSD")
        await notices.first.wait_for()
        assert (await notices.first.inner_text()).startswith(
            "Symbol BTCUSD not found. Did you mean: BTCUSDT? Shown: SOLUSDT."
        )
        await wait_markets(screen, "SOLUSDT")
        await notices.get_by_role("button", name="BTCUSDT", exact=True).click()
        await wait_markets(screen, "BTCUSDT")
        await until(page, "new URLSearchParams(location.search).get('rounding') === 'auto'")
        await check_change_while_leaving(screen)
        screen.check_clean()
