"""The dashboard of a server with two venues, one of futures and one of spot."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import LINK, OpenScreen, StartServed, settled, until

pytestmark = pytest.mark.browser

KEYS = """[...new Set([...link.byKey.keys()].filter((key) => !key.includes("*"))
    .map((key) => key.split("/").slice(0, 2).join("/")))].sort()"""
SHOWN = """[...document.querySelectorAll(".of-picker-popup .of-row")].filter((one) => one.checkVisibility())
    .map((one) => one.children[1].textContent).sort()"""


async def test_markets_of_two_venues_are_searched_shown_and_named(start_served: StartServed, open_screen: OpenScreen):
    _, url = start_served("--port", "0", "--source", "sim?seed=7&symbols=2,sim?market=spot&seed=7&symbols=2")
    async with open_screen(url) as screen:
        page = screen.page
        await screen.wait_live("market", "chart", "book", "tape")
        assert await screen.link(KEYS) == ["sim/BTCUSDT"]
        await settled(page, "document.querySelector('.of-picker-kind').textContent", "Perpetual · sim ▾")

        # The picker has the symbols of both, with their venues; what is typed may name one.
        await page.click(".of-picker-button")
        wanted = ["BTC/USDT · sim", "BTC/USDT · sim-spot", "ETH/USDT · sim", "ETH/USDT · sim-spot"]
        await settled(page, SHOWN, wanted)
        await page.fill(".of-picker-popup .of-search", "sim-spot:btc")
        await settled(page, SHOWN, ["BTC/USDT · sim-spot"])
        await page.click(".of-picker-popup .of-row button.of-star")
        await page.press(".of-picker-popup .of-search", "Enter")
        await settled(page, "document.querySelector('.of-picker-kind').textContent", "Spot · sim-spot ▾")
        await screen.wait_live("market", "chart", "book", "tape")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim-spot/BTCUSDT"])
        await screen.wait_data("liquidations", state="absent")
        assert await page.evaluate("localStorage.getItem('orderfox.favourites.v1')") == '["sim-spot:BTCUSDT"]'
        await page.hover(".of-badge")
        await until(page, "document.querySelector('.of-quality-tip').textContent.includes('market=spot')")

        # The same symbol of both, side by side; the address and the code say which is which.
        await page.click(".of-markets-button")
        await page.fill(".of-markets .of-search", "btc")
        await page.click(".of-markets-found button:has-text('BTC/USDT · sim')")
        await until(page, "document.querySelectorAll('.of-column').length === 2")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim-spot/BTCUSDT", "sim/BTCUSDT"])
        assert await page.title() == "BTCUSDT sim-spot, BTCUSDT sim · OrderFox"
        query = parse_qs(urlsplit(page.url).query)
        assert (query["symbol"], query["venue"]) == (["BTCUSDT,BTCUSDT"], ["sim-spot,sim"])
        await page.click(".of-theme.of-menu-button")
        await page.click("text=Copy as code")
        code = await page.input_value("textarea.of-code")
        assert 'symbols=["BTCUSDT", "BTCUSDT"], venue=["sim-spot", "sim"]' in code
        screen.check_clean()
