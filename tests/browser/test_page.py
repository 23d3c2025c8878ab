"""The dashboard as a whole: its view in the address, its keys, its zones, several symbols."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import (
    LINK,
    NOTEBOOKS,
    PANELS,
    PATIENCE_S,
    OpenScreen,
    StartServed,
    settled,
    until,
)

pytestmark = pytest.mark.browser


SHEETS = """() => {
    const tokens = [...document.querySelectorAll("style")].filter((one) => one.textContent.includes("--of-bg:"));
    const own = [...document.querySelectorAll('style[id^="orderfox_nb."]')];
    const isBefore = (one) => tokens[0].compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
    return [tokens.map((one) => one.id).join(), own.length > 5 && own.every(isBefore)];
}"""
"""The style sheets with the tokens, and whether those of the widgets come after them."""


async def test_a_link_reproduces_the_view(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("chart", "book")
        await screen.page.keyboard.press("3")
        await screen.wait_data("chart", interval="15m")
        await screen.page.click(".of-menu-button")
        await screen.page.select_option(".of-layout-select", "book")
        await screen.page.select_option(".of-theme-select", "light")
        assert await screen.page.evaluate(SHEETS) == ["orderfox-theme", True]
        await screen.page.select_option(".of-palette-select", "safe")
        await screen.page.select_option(".of-zone-select", "utc")
        await screen.page.keyboard.press("Escape")
        await screen.page.select_option(".of-rows-select", "10")
        await screen.wait_data("book", rows="10")
        await until(screen.page, "['rows=10', 'layout=book'].every((part) => location.search.includes(part))")
        link = await screen.page.evaluate("location.href")
        code = await screen.page.evaluate("document.querySelector('.of-code').value")
        assert code == ""
        await screen.page.click(".of-menu-button")
        await screen.page.click("text=Copy as code")
        code = await screen.page.input_value(".of-code")
        assert code.splitlines()[-1] == ('Dashboard(symbol="BTCUSDT", timeframe="15m", rows=10, layout="book")')
        screen.check_clean()
    async with open_screen(link) as screen:
        await screen.wait_live("book", "tape")
        await screen.wait_data("book", rows="10")
        root = await screen.page.evaluate("({...document.documentElement.dataset})")
        assert (root["ofTheme"], root["ofPalette"], root["ofZone"]) == ("light", "safe", "utc")
        assert await screen.page.locator(PANELS["chart"]).is_visible() is False
        assert await screen.page.locator(PANELS["book"]).is_visible()
        colour = await screen.page.evaluate("getComputedStyle(document.querySelector('.of-bids .of-price')).color")
        red, _, blue = (int(part) for part in re.findall(r"\d+", colour))
        assert blue > 150 > red, "bids are blue"
        # A link is for this page alone: it changes nothing of what its reader chose for others.
        assert await screen.page.evaluate("localStorage.getItem('orderfox.theme.v1')") is None
        # A hidden panel receives no frames.
        await until(screen.page, f"![...{LINK.strip()}.byKey.keys()].some((key) => key.includes('candles'))")
        await screen.page.keyboard.press("l")
        await screen.wait_data("chart", interval="15m")
        await screen.wait_live("chart")


SHOWN = """
import json
print(json.dumps({
    "symbol": desk.symbol, "rounding": desk.book.rounding, "timeframe": desk.chart.timeframe, "rows": desk.book.rows,
    "overlays": desk.chart.overlays, "show_volume": desk.chart.show_volume, "percent": desk.depth.percent,
    "minimum_notional": desk.tape.minimum_notional, "whole_market": desk.liquidations.whole_market,
    "span": desk.liquidations.span, "layout": desk.arrangement,
}))
"""
SHOWN_ON_PAGE = f"""async () => {{
    const manager = ({LINK.strip()}).sessions.pump.widget_manager;
    const models = await Promise.all(Object.values(manager._models ?? {{}}));
    const shown = {{}};
    const names = ["symbol", "rounding", "timeframe", "rows", "overlays", "show_volume", "percent", "minimum_notional"];
    for (const name of [...names, "whole_market", "span"]) {{
        const values = new Set(models.filter((one) => one.get("_anywidget_id") && one.get("arrangement") === undefined)
            .map((one) => one.get(name)).filter((one) => one !== undefined).map((one) => JSON.stringify(one)));
        if (values.size !== 1) throw new Error(`${{name}}: ${{[...values]}}`);
        shown[name] = JSON.parse([...values][0]);
    }}
    shown.layout = document.querySelector("[data-layout]").dataset.layout;
    return shown;
}}"""


async def shown_by_kernel(code: str) -> dict[str, Any]:
    """Run a cell in a kernel of its own and return the traits of its dashboard's panels."""
    cell = code.replace("Dashboard(", "desk = Dashboard(") + SHOWN
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "jupyter", "run", stdin=pipe, stdout=pipe)
    printed, _ = await asyncio.wait_for(process.communicate(cell.encode()), PATIENCE_S)
    return json.loads(printed)


async def test_the_cell_of_copy_as_code_shows_what_is_on_the_screen(served: str, open_screen: OpenScreen):
    async with open_screen(served + "?symbol=ETHUSDT&rounding=0.5&overlays=vwap,ema20") as screen:
        page = screen.page
        await screen.wait_live("chart", "book", "tape", "liquidations")
        await page.click(".of-timeframe >> text=5m")
        await page.select_option(".of-rows-select", "10")
        await page.select_option(".of-depth select", "0.25")
        await page.select_option(".of-scope-select", "market")
        await page.click(".of-span >> text=15 m")
        await page.fill(".of-tape .of-field", "1.25k")
        await page.keyboard.press("Enter")
        await page.locator(".of-chart .of-menu-button").click()
        await page.locator(".of-menu-popup:visible input[data-name=show_volume]").uncheck()
        await page.keyboard.press("Escape")
        for part in ("overlays=vwap,ema20", "depth_percent=0.25", "minimum_notional=1250", "show_volume=false"):
            await until(page, "(part) => decodeURIComponent(location.search).includes(part)", part)
        on_page = {
            "symbol": "ETHUSDT", "rounding": "0.5", "timeframe": "5m", "rows": 10, "overlays": ["vwap", "ema20"],
            "show_volume": False, "percent": 0.25, "minimum_notional": 1250, "whole_market": True, "span": "15m",
            "layout": "default",
        }  # fmt: skip
        await settled(page, SHOWN_ON_PAGE, on_page)
        link = await page.evaluate("location.href")
        await page.locator(".of-head").first.focus()
        await page.evaluate("document.activeElement?.blur()")
        await page.keyboard.press("p")
        await until(page, "document.querySelector('.of-code').value !== ''")
        code = await page.input_value(".of-code")
        assert code.startswith("from orderfox_nb.widgets import Dashboard\n\nDashboard(")
        assert await shown_by_kernel(code) == on_page
        screen.check_clean()
    async with open_screen(link) as screen:
        await screen.wait_live("chart", "book")
        await settled(screen.page, SHOWN_ON_PAGE, on_page)


KEYS_LEGIBLE = """() => {
    const sheet = document.querySelector(".of-keys-sheet");
    const { top, bottom, left, right } = sheet.getBoundingClientRect();
    const inside = top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
    const lines = [...sheet.querySelectorAll("dt, dd")];
    // Nothing is cut, and what is below the edge can be scrolled to.
    const whole = lines.every((one) => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight);
    sheet.scrollTop = sheet.scrollHeight;
    const last = lines.every((one) => one.getBoundingClientRect().bottom <= bottom);
    const names = ["Dashboard", "Chart, focused", "Order book and depth, focused"];
    return inside && whole && last && names.every((name) => sheet.textContent.includes(name));
}"""


async def test_keys_search_choose_and_explain_but_not_in_a_text_field(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        page = screen.page
        await screen.wait_live("chart")
        await page.keyboard.press("/")
        await until(page, "document.activeElement?.classList.contains('of-search')")
        await page.keyboard.type("5")
        assert await page.input_value(".of-search") == "5"
        # In a search field with text the first Escape clears the field.
        await page.fill(".of-search", "")
        await page.keyboard.press("Escape")
        await until(page, "!document.querySelector('.of-picker-popup:popover-open')")
        await page.keyboard.press("?")
        assert "timeframe 1h" in await page.inner_text(".of-keys-sheet")
        for width, height in ((1440, 900), (1024, 768), (390, 844), (844, 390)):
            await page.set_viewport_size({"width": width, "height": height})
            await until(page, KEYS_LEGIBLE)
        await page.set_viewport_size({"width": 1440, "height": 900})
        await page.keyboard.press("Escape")
        await until(page, "!document.querySelector('.of-keys-sheet:popover-open')")
        await until(page, "!document.activeElement?.closest('input, select, textarea')")
        await page.keyboard.press("5")
        await screen.wait_data("chart", interval="1h")
        # The axes are muted, as other scales beside them.
        ink = "getComputedStyle(document.querySelector('.of-candle-chart .axis .tick text')).fill"
        await settled(page, ink, "rgb(138, 150, 162)")
        zone = "document.documentElement.dataset.ofZone"
        await page.keyboard.press("U")  # with Caps Lock
        await settled(page, zone, "utc")
        await page.keyboard.press("u")
        await settled(page, zone, "local")
        theme = "document.documentElement.dataset.ofTheme"
        await page.keyboard.press("t")
        assert await page.evaluate(theme) == "light"
        # Every tab of the address follows at once, a page without widgets too.
        other = await page.context.new_page()
        await other.goto(await page.evaluate("new URL(document.body.dataset.pagesUrl, location.href).href"))
        await settled(other, theme, "light")
        await page.keyboard.press("t")
        await settled(other, theme, "dark")
        await other.evaluate("localStorage.setItem('orderfox.theme.v1', 'light')")
        await settled(page, theme, "light")
        await settled(page, "new URLSearchParams(location.search).get('theme')", "light")
        await other.close()


JUST_BELOW = """([button, popup]) => {
    const [above, below] = [button, `${popup}:popover-open`].map((where) => document.querySelector(where));
    const gap = below.getBoundingClientRect().top - above.getBoundingClientRect().bottom;
    return gap >= 0 && gap < 10;
}"""


async def test_a_popup_is_closed_by_the_button_that_opened_it(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        page = screen.page
        await screen.wait_live("chart")
        for button, popup in ((".of-picker-button", ".of-picker-popup"), (".of-theme.of-menu-button", ".of-sheet")):
            for _ in range(2):
                await page.click(button)
                await page.wait_for_selector(f"{popup}:popover-open")
                await page.wait_for_selector(f"{button}[aria-expanded='true']")
                await until(page, JUST_BELOW, [button, popup])
                await page.click(button)
                await page.wait_for_selector(f"{button}[aria-expanded='false']")
                assert await page.locator(f"{popup}:popover-open").count() == 0
        screen.check_clean()


# The newest row of each panel is that of the newest frame, in a zone so many minutes east of UTC: read in one moment.
IN_ZONE = f"""(offset) => [["tape", "trades", 1], ["liquidations", "orders", 0]].every(([panel, column, at]) => {{
    const shown = document.querySelector(`.of-${{panel}} .of-row .of-time`)?.textContent.slice(0, 5);
    const frames = [...({LINK.strip()}).entries.values()].map(({{ frame }}) => frame).filter((one) => one?.[column]);
    return frames.some((one) => {{
        const newest = Math.max(...one[column][at]) + offset * 60_000;
        return Number.isFinite(newest) && shown === new Date(newest).toISOString().slice(11, 16);
    }});
}})"""


async def test_times_of_every_panel_follow_the_zone(served: str, open_screen: OpenScreen):
    async with open_screen(served, timezone_id="Asia/Kolkata") as screen:
        await screen.wait_live("tape", "liquidations")
        await until(screen.page, IN_ZONE, 330)
        await screen.page.keyboard.press("u")
        await until(screen.page, IN_ZONE, 0)


async def test_several_symbols_stand_side_by_side_over_one_socket(
    start_served: StartServed, open_screen: OpenScreen, tmp_path: Path
):
    notebook = json.loads((NOTEBOOKS / "dashboard.ipynb").read_text())
    source = 'from orderfox_nb.widgets import Dashboard\nDashboard(symbols=["BTCUSDT", "ETHUSDT"])'
    notebook["cells"] = [{**notebook["cells"][0], "source": source}]
    path = tmp_path / "two.ipynb"
    path.write_text(json.dumps(notebook))
    _, address = start_served("--port", "0", "--source", "sim?seed=7&symbols=3", notebook=path)
    async with open_screen(address + "?symbol=ETHUSDT,BTCUSDT&rounding=1,100&timeframe=5m") as screen:
        books = (
            "[...document.querySelectorAll('.of-book')].map((one) => `${one.dataset.symbol} ${one.dataset.rounding}`)"
        )
        wanted = ["ETHUSDT 1", "BTCUSDT 100"]
        await until(screen.page, f"{books}.join() === '{','.join(wanted)}'")
        await until(
            screen.page,
            "[...document.querySelectorAll('.of-candle-chart')].map((one) => Math.round(one.getBoundingClientRect().y))"
            ".every((y, at, all) => all.length === 2 && y === all[0])",
        )
        assert await screen.link("link.counters.connections") == 1
        # Beside a price that takes the whole line a figure is left out, and none is cut.
        cut = """() => [...document.querySelectorAll(".of-market")].flatMap((market) => {
            market.querySelector(".of-last").style.minWidth = "90%";
            const { top, bottom } = market.getBoundingClientRect();
            return [...market.querySelectorAll(".of-last, .of-figure")]
                .filter((one) => one.checkVisibility())
                .map((one) => one.getBoundingClientRect())
                .filter((one) => one.top < bottom - 1 && (one.top < top - 1 || one.bottom > bottom + 1));
        }).length"""
        await settled(screen.page, cut, 0)
        # Timeframes are chosen for all of them, symbols one by one.
        await screen.page.keyboard.press("6")
        charts = "[...document.querySelectorAll('.of-chart')].map((one) => one.dataset.interval).join()"
        await until(screen.page, f"{charts} === '4h,4h'")
        await screen.page.locator(".of-picker-button").nth(1).click()
        await screen.page.locator(".of-picker-popup:popover-open .of-row").first.wait_for()
        await screen.page.keyboard.type("sol")
        await screen.page.keyboard.press("Enter")
        await until(screen.page, f"{books}[0] === 'ETHUSDT 1' && {books}[1].startsWith('SOLUSDT ')")
        for part in ("symbol=ETHUSDT,SOLUSDT&", "rounding=1,auto&"):
            await until(screen.page, "(part) => decodeURIComponent(location.search).includes(part)", part)
        screen.check_clean()


async def test_a_reader_who_prefers_reduced_motion_gets_none(served: str, open_screen: OpenScreen):
    async with open_screen(served, reduced_motion="reduce") as screen:
        await screen.wait_live("book")
        style = "getComputedStyle(document.querySelector('.of-book .of-body')).transitionDuration"
        assert await screen.page.evaluate(style) in ("0s", "1e-05s")
        moving = "document.getAnimations().filter((one) => one.effect.target?.closest('.of')).length"
        for _ in range(5):
            await screen.wait_frames("book", 1)
            assert await screen.page.evaluate(moving) == 0
