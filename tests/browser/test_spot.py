"""The dashboard of a spot market, which has no mark price, funding, open interest and liquidations."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenScreen, StartServed, settled, until

pytestmark = pytest.mark.browser


async def test_what_a_spot_market_does_not_have_is_not_shown_as_unknown(
    start_served: StartServed, open_screen: OpenScreen
):
    _, url = start_served("--port", "0", "--source", "sim?market=spot&seed=7&symbols=4")
    async with open_screen(url) as screen:
        page = screen.page
        await screen.wait_live("market", "chart", "book", "tape")
        await screen.wait_data("liquidations", state="absent")
        await until(page, "document.querySelector('.of-picker-kind').textContent === 'Spot ▾'")
        labels = """[...document.querySelectorAll(".of-figure > span")]
            .filter((one) => one.checkVisibility()).map((one) => one.textContent)"""
        await settled(page, labels, ["24 h", "Volume, USDT"])
        assert await page.inner_text(".of-liquidations .of-message") == "This market has no liquidations."
        assert not await page.locator(".of-liquidations .of-totals").is_visible()
        await screen.wait_data("chart", panes="volume")
        # Controls of what is absent are not offered either.
        await page.click(".of-candle-chart .of-menu-button")
        offered = await page.locator(".of-menu-popup:visible").inner_text()
        assert "Traded volume" in offered
        assert "iquidations" not in offered
        await page.keyboard.press("Escape")
        await page.click(".of-picker-button")
        await page.wait_for_selector(".of-picker-popup .of-row")
        shown = await page.evaluate("""() => [...document.querySelectorAll(".of-picker-popup .of-sort")]
            .filter((one) => one.checkVisibility()).map((one) => one.textContent.split(" ")[0])""")
        assert "Volume" in shown
        assert "Funding" not in shown
        await page.keyboard.press("Escape")
        await screen.wait_data("badge", worst="live")
        # A server that reads another one may learn only later what its market has.
        for absent, panes in ((["mark"], "volume liquidations"), (["mark", "liquidations"], "volume")):
            await screen.link(
                f"(link.venues.originOf('').absent = {absent}) && link.status({{ message: '' }}) === undefined"
            )
            await screen.wait_data("chart", panes=panes)
        await screen.wait_data("liquidations", state="absent")
        screen.check_clean()
