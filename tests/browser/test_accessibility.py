from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import OpenScreen, Screen

pytestmark = pytest.mark.browser


async def serious(screen: Screen, part: str | None = None) -> dict[str, list[str]]:
    """Return the rules that axe-core finds broken in a way that hinders people, on the page or in a part of it."""
    found = (await Axe().run(screen.page, part)).response["violations"]
    return {
        rule["id"]: [" ".join(str(part) for part in node["target"]) for node in rule["nodes"]]
        for rule in found
        if rule["impact"] in {"serious", "critical"}
    }


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_nothing_serious(served: str, open_screen: OpenScreen, theme: Literal["dark", "light"]):
    async with open_screen("about:blank") as screen:
        await screen.page.emulate_media(color_scheme=theme)
        await screen.page.goto(served)
        await screen.wait_live("market", "chart", "book", "tape", "liquidations")
        assert await screen.page.evaluate("document.documentElement.dataset.ofTheme") == theme
        assert await serious(screen) == {}
        await screen.page.click(".of-picker-button")
        await screen.page.wait_for_selector(".of-picker-popup .of-row")
        assert await serious(screen, ".of-picker-popup:popover-open") == {}
        await screen.page.keyboard.press("Escape")
        await screen.page.click(".of-chart .of-menu-button")
        await screen.page.wait_for_selector(".of-menu-popup:visible")
        assert await serious(screen, ".of-menu-popup:not([hidden])") == {}
        await screen.page.keyboard.press("Escape")
        await screen.page.click(".of-theme.of-menu-button")
        await screen.page.select_option(".of-palette-select", "safe")
        assert await serious(screen) == {}


async def test_axe_finds_nothing_serious_on_a_phone(served: str, open_screen: OpenScreen):
    async with open_screen(served, width=360, height=740, has_touch=True) as screen:
        await screen.wait_live("market", "chart", "book", "tape")
        width = await screen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, "nothing has to be scrolled sideways"
        assert await serious(screen) == {}


async def test_the_keyboard_reaches_every_control_and_shows_where_it_is(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("chart", "book")
        controls = await screen.page.evaluate("""() => {
            const all = [...document.querySelectorAll(".of button, .of select, .of input")];
            return all.filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0).length;
        }""")
        assert controls > 10
        reached = await screen.page.evaluate("(globalThis.ofReached = new Set()).size")
        for _ in range(4 * controls):
            await screen.page.keyboard.press("Tab")
            outline, reached = await screen.page.evaluate("""() => {
                const one = document.activeElement;
                if (!one.matches(".of button, .of select, .of input")) return ["", ofReached.size];
                ofReached.add(one);
                return [getComputedStyle(one).outlineStyle, ofReached.size];
            }""")
            assert outline != "none"
            if reached >= controls:
                break
        assert reached >= controls


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1440, "light")])
async def test_the_start_page_is_for_everybody(
    served: str, open_screen: OpenScreen, width: int, theme: Literal["dark", "light"]
):
    async with open_screen("about:blank", width=width) as screen:
        page = screen.page
        await page.emulate_media(color_scheme=theme)
        await page.goto(f"{served}pages/")
        assert await page.evaluate("document.documentElement.dataset.ofTheme") == theme
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await serious(screen) == {}
        # Each card is one stop of the keyboard.
        links = page.locator(".card a")
        assert await links.count() == 2
        await page.locator("nav a").focus()
        for at in range(2):
            await page.keyboard.press("Tab")
            await expect(links.nth(at)).to_be_focused()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/pages/bot_dashboard*", wait_until="commit")
        await page.go_back(wait_until="commit")
        await page.locator(".card h3", has_text="Dashboard").first.click(position={"x": 2, "y": 2})
        await page.wait_for_url(f"{served}*", wait_until="commit")
        assert "/pages/" not in page.url
        screen.check_clean()
