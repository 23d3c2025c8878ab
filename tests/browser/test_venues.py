"""The dashboard of a server with two venues, one of futures and one of spot."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import LINK, OpenScreen, StartServed, settled, until
from tests.browser.test_accessibility import serious

pytestmark = pytest.mark.browser

KEYS = """[...new Set([...link.byKey.keys()].filter((key) => !key.includes("*"))
    .map((key) => key.split("/").slice(0, 2).join("/")))].sort()"""
SHOWN = """[...document.querySelectorAll(".of-picker-popup .of-row")].filter((one) => one.checkVisibility())
    .map((one) => one.children[1].textContent).sort()"""

PATIENT = """(() => {
    const { setTimeout } = globalThis;
    const waits = new Map([[4_000, 300_000], [8_000, 300_000]]);
    globalThis.setTimeout = (work, wait, ...rest) => setTimeout(work, waits.get(wait) ?? wait, ...rest);
})()"""
"""The list of venues waits 4 s for an answer and shows its note for 8 s, which a busy machine may need: longer here."""

VENUES = "[...document.querySelector('.of-venue').options].map((one) => one.textContent)"


async def test_markets_of_two_venues_are_searched_shown_and_named(start_served: StartServed, open_screen: OpenScreen):
    _, url = start_served("--port", "0", "--source", "sim?seed=7&symbols=2,sim?market=spot&seed=7&symbols=2")
    async with open_screen(url) as screen:
        page = screen.page
        await screen.wait_live("market", "chart", "book", "tape")
        assert await screen.link(KEYS) == ["sim/BTCUSDT"]
        await settled(page, "document.querySelector('.of-picker-kind').textContent", "Perpetual ▾")

        await settled(page, VENUES, ["sim", "sim-spot", "All venues"])

        # The picker has the symbols of both, with their venues; what is typed may name one.
        await page.click(".of-picker-button")
        wanted = ["BTC/USDT · sim", "BTC/USDT · sim-spot", "ETH/USDT · sim", "ETH/USDT · sim-spot"]
        await settled(page, SHOWN, wanted)
        await page.fill(".of-picker-popup .of-search", "sim-spot:btc")
        await settled(page, SHOWN, ["BTC/USDT · sim-spot"])
        await page.click(".of-picker-popup .of-row button.of-star")
        await page.press(".of-picker-popup .of-search", "Enter")
        await settled(page, "document.querySelector('.of-picker-kind').textContent", "Spot ▾")
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


async def test_a_venue_is_chosen_by_keyboard_and_the_market_stays_the_same(
    start_served: StartServed, open_screen: OpenScreen
):
    source = "sim?seed=7&symbols=3,sim?name=b&seed=7&symbols=2&spread_bp=5&lag_ms=200,binance-spot"
    nowhere = {"BINANCE_SPOT_API_BASE_URL": "http://127.0.0.1:9", "BINANCE_SPOT_WS_BASE_URL": "ws://127.0.0.1:9"}
    _, url = start_served("--port", "0", "--source", source, **nowhere)
    async with open_screen("about:blank") as screen:
        page = screen.page
        await page.add_init_script(PATIENT)
        await page.goto(f"{url}?symbol=eth")
        await screen.wait_live("market", "chart", "book", "tape")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim/ETHUSDT"])
        await settled(page, VENUES, ["sim", "sim-b", "binance-spot", "All venues"])

        assert await serious(screen, ".of-picker") == {}

        # The key goes to the list, whose own keys choose; the market is the same one there.
        await page.locator("body").press("v")
        await until(page, "document.activeElement.classList.contains('of-venue')")
        assert await page.evaluate("document.activeElement.ariaLabel") == "Venue"
        await page.keyboard.press("ArrowDown")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim-b/ETHUSDT"])
        await screen.wait_live("market", "chart", "book", "tape")
        query = parse_qs(urlsplit(page.url).query)
        assert (query["symbol"], query["venue"]) == (["ETHUSDT"], ["sim-b"])
        await page.click(".of-theme.of-menu-button")
        await page.click("text=Copy as code")
        assert 'symbol="ETHUSDT", venue="sim-b"' in await page.input_value("textarea.of-code")
        await page.keyboard.press("Escape")

        # It is remembered where the address says nothing.
        await page.goto(url)
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim-b/ETHUSDT"])
        await settled(page, "document.querySelector('.of-venue').value", "sim-b")

        # A venue without the asset shows its largest market, and says so.
        await page.goto(f"{url}?symbol=sol&venue=sim")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim/SOLUSDT"])
        await settled(page, "document.querySelector('.of-picker-name').textContent", "SOL/USDT")
        await page.select_option(".of-venue", "sim-b")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim-b/BTCUSDT"])
        await settled(
            page,
            "document.querySelector('.of-venue-note').textContent",
            "sim-b does not list SOL/USDT: BTCUSDT is shown.",
        )
        await page.click(".of-venue-note")
        await until(page, "!document.querySelector('.of-venue-note').matches(':popover-open')")

        # One that is down is named, and the others go on.
        await page.select_option(".of-venue", "binance-spot")
        await settled(page, VENUES, ["sim", "sim-b", "binance-spot – down", "All venues"])
        await until(page, "document.querySelector('.of-venue').classList.contains('of-venue-down')")
        await until(page, "document.querySelector('.of-venue').title.includes('binance-spot')")
        await page.select_option(".of-venue", "")
        await screen.wait_live("market", "chart", "book", "tape")
        await settled(page, f"((link) => {KEYS})({LINK.strip()})", ["sim/BTCUSDT"])
        await settled(page, VENUES, ["sim", "sim-b", "binance-spot – down", "All venues"])
