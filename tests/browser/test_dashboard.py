from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.browser.conftest import BARS, CLASSES_WITH, LINK, PANELS, OpenScreen, Screen, eventually, settled, until

pytestmark = pytest.mark.browser


async def prices(screen: Screen) -> tuple[list[float], list[float]]:
    """Return the prices of bids and asks at one moment."""
    texts = await screen.page.evaluate("""() => ["bids", "asks"].map((side) => {
        const cells = [...document.querySelectorAll(`.of-${side} .of-row .of-price`)];
        return cells.map((cell) => cell.textContent);
    })""")
    bids, asks = ([float(text.replace(",", "")) for text in side] for side in texts)
    return bids, asks


async def connections(screen: Screen) -> int:
    return await screen.link("link.counters.connections")


async def test_every_panel_is_live_and_the_page_asks_no_other_host(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live()
        assert await screen.page.inner_text(".of-source") == "SIMULATED"
        # The badge is updated once a second.
        await until(screen.page, "document.querySelector('.of-badge-text').innerText.startsWith('live')")
        await screen.wait_frames("book", 5)
        # Candles, and the average of the liquidations.
        await screen.wait_pixels(bid=500, ask=500, warning=50)
        drawn = (await screen.pixels())["sum"]
        bids, asks = await prices(screen)
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert max(bids) < min(asks)

        def redrawn(pixels: dict[str, Any]) -> None:
            assert pixels["sum"] != drawn, "the chart is redrawn as the market moves"

        await eventually(screen.pixels, redrawn)
        assert await connections(screen) == 1
        screen.check_clean()


async def test_a_refresh_returns_to_the_same_view(served: str, open_screen: OpenScreen):
    async with open_screen(served + "?symbol=ETHUSDT&timeframe=5m&rounding=1&rows=10") as screen:
        for again in (False, True):
            if again:
                await screen.page.reload(wait_until="commit")
            await screen.wait_live()
            await screen.wait_data("chart", symbol="ETHUSDT", interval="5m")
            await screen.wait_data("book", rounding="1", rows="10")


async def test_a_hidden_tab_receives_nothing_and_is_whole_again_when_shown(served: str, open_screen: OpenScreen):
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    async with open_screen(served) as screen:
        await screen.wait_live()
        await screen.page.evaluate(hide, True)
        await until(
            screen.page,
            f"() => {{ const link = {LINK.strip()}; return link.paused && link.byKey.size === 0; }}",
        )
        await screen.page.evaluate(hide, False)
        await screen.wait_frames("book", 3)
        await until(screen.page, f"{LINK.strip()}.byKey.size >= 5")
        assert await connections(screen) == 1


async def test_dark_and_light_can_be_chosen_and_are_remembered(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("chart")
        colour = "getComputedStyle(document.querySelector('.of-book')).backgroundColor"
        assert await screen.page.evaluate(colour) == "rgb(19, 25, 32)"
        await screen.page.click(".of-theme")
        assert await screen.page.evaluate(colour) == "rgb(255, 255, 255)"
        await screen.wait_pixels(bid=200)  # the canvas follows the theme
        await screen.page.reload()
        await screen.wait_live("chart")
        assert await screen.page.evaluate(colour) == "rgb(255, 255, 255)"


async def test_panning_is_not_disturbed_by_new_frames_and_loads_older_bars(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("chart")
        await screen.page.wait_for_selector(".of-ready")
        box = await screen.page.locator(".of-candle-chart .bqplot").bounding_box()
        assert box
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
        await screen.wait_data("chart", bars="400")
        known = int((await screen.data("chart"))["bars"])
        for _ in range(8):
            await screen.page.mouse.move(*middle)
            await screen.page.mouse.down()
            await screen.page.mouse.move(middle[0] + 300, middle[1], steps=3)
            await screen.page.mouse.up()
        await until(
            screen.page,
            "(known) => Number(document.querySelector('.of-chart').dataset.bars) > known",
            argument=known,
        )
        # What was dragged last is painted.
        await screen.wait_frames("chart", 2)
        axis = "[...document.querySelectorAll('.bqplot .axis')][0].textContent"
        shown = await screen.page.evaluate(axis)
        await screen.wait_frames("chart", 10)
        assert await screen.page.evaluate(axis) == shown
        await screen.page.mouse.dblclick(*middle)
        # A double click returns to the newest bar.
        await until(screen.page, f"(shown) => {axis} !== shown", shown)


async def test_controls_change_ladder_and_bars_without_a_new_connection(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("book", "chart")
        options = await screen.page.eval_on_selector_all(
            ".of-rounding-select option", "(options) => options.map((option) => option.value)"
        )
        # As far as the price goes, whatever it is today.
        assert len(options) >= 15
        assert options == [f"{step * 10.0**power:g}" for power in range(-1, 5) for step in (1, 2, 5)][: len(options)]
        await screen.page.select_option(".of-rounding-select", "100")
        await screen.wait_data("book", rounding="100")
        assert all(price % 100 == 0 for price in (await prices(screen))[1])
        await screen.page.select_option(".of-rows-select", "10")
        await screen.wait_data("book", rows="10")
        assert len((await prices(screen))[0]) == 10

        await screen.page.click(".of-timeframe >> text=15m")
        await screen.wait_data("chart", interval="15m", bars="400")
        times = await screen.link(
            "[...link.entries.values()].find((one) => one.request.stream === 'candles').frame.bars[0].slice(-50)"
        )
        assert {after - before for before, after in itertools.pairwise(times)} == {900}
        assert await screen.page.inner_text(".of-timeframe.of-chosen") == "15m"
        await screen.wait_pixels(bid=200)
        assert await connections(screen) == 1
        for kept in ("rounding=100", "rows=10", "timeframe=15m"):
            await until(screen.page, "(kept) => location.search.includes(kept)", kept)


CHOOSE = f"""async (symbol) => {{
    const models = await Promise.all(Object.values(({LINK.strip()}).sessions.pump.widget_manager._models));
    models.find((one) => one.get("arrangement") !== undefined && one.get("panels")).set("symbols", [symbol]);
}}"""


async def test_an_unknown_symbol_is_reported_and_a_chosen_one_reaches_every_panel(served: str, open_screen: OpenScreen):
    async with open_screen(served + "?symbol=NOSUCHUSDT&rounding=100") as screen:
        await screen.page.wait_for_selector(".of-notice")
        notice = await screen.page.inner_text(".of-notice-text")
        assert notice.startswith("Symbol NOSUCHUSDT not found.")
        assert notice.endswith("Shown: BTCUSDT.")
        await screen.page.click(".of-notice-close")
        # One that Python, or a venue that no longer lists it, brings to the panels.
        await screen.page.evaluate(CHOOSE, "NOSUCHUSDT")
        for panel in ("chart", "book", "tape", "liquidations"):
            await screen.wait_data(panel, state="gone")
        await screen.page.wait_for_selector(".of-problem:visible")
        classes = await screen.page.evaluate(CLASSES_WITH, "NOSUCHUSDT")
        assert [name for name in classes if name != "of-picker-name"] == ["of-problem"], "once, and not in every panel"
        for panel in ("chart", "book", "tape", "liquidations"):
            note = screen.page.locator(f"{PANELS[panel]} .of-state")
            assert await note.evaluate("(one) => one.scrollWidth <= one.clientWidth"), "what a panel says is not cut"
        assert await screen.page.evaluate(BARS) == 0, "no bar where there are no data"
        await screen.page.click(".of-picker-button")
        await screen.page.wait_for_selector(".of-picker-popup .of-row")
        await screen.page.keyboard.type("eth")
        await screen.page.keyboard.press("Enter")
        for panel in ("market", "chart", "book", "tape", "liquidations"):
            await screen.wait_data(panel, symbol="ETHUSDT")
        await settled(screen.page, "document.querySelector('.of-picker-name').innerText", "ETH/USDT")
        await until(screen.page, "location.search.includes('symbol=ETHUSDT')")
        # A row height belongs to one symbol's prices.
        assert (await screen.data("book"))["rounding"] != "100"
        assert await connections(screen) == 1
        screen.check_clean()


async def test_the_view_is_remembered_and_a_url_written_by_anybody_does_no_harm(served: str, open_screen: OpenScreen):
    nasty = "?symbol=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&timeframe=9x&rounding=-1&rows=7"
    async with open_screen(served) as screen:
        await screen.wait_live("chart")
        await screen.page.click(".of-timeframe >> text=1h")
        await screen.wait_data("chart", interval="1h")
        # Kept once the server has said which symbols are meant.
        await until(screen.page, "location.search.includes('timeframe=1h')")
        await screen.page.goto(served + nasty)
        await screen.wait_live("book", "chart")
        await screen.wait_data("chart", symbol="BTCUSDT", interval="1h")
        assert await screen.page.input_value(".of-rows-select") == "fit"
        assert await screen.page.locator(".of img").count() == 0


async def test_a_phone_has_one_column_and_nothing_sticks_out(served: str, open_screen: OpenScreen):
    async with open_screen(served, width=390, height=844) as screen:
        await screen.wait_live("chart", "book")
        lefts = "wanted.map((where) => document.querySelector(where).getBoundingClientRect().left)"
        one_column = f"(wanted) => {{ const lefts = {lefts}; return Math.max(...lefts) - Math.min(...lefts) <= 1; }}"
        await until(screen.page, one_column, [PANELS[name] for name in ("chart", "book", "tape")])
        await until(screen.page, "document.scrollingElement.scrollWidth <= 390")


async def test_header_ladder_and_chart_show_one_last_price_in_one_colour(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        # The ticker alone does not know the move of its price: the trades do.
        await screen.wait_live("market", "chart", "book", "tape")
        await screen.page.evaluate("""() => {
            const side = (one) => ["of-bid", "of-ask"].find((name) => one.classList.contains(name)) ?? "";
            const look = () => {
                const [last, mid] = [".of-last", ".of-mid"].map((where) => document.querySelector(where));
                const chart = document.querySelector(".of-chart").dataset;
                return [[last.textContent, side(last)], [mid.textContent, side(mid)], [chart.last, chart.move]];
            };
            globalThis.looks = { count: 0, prices: new Set(), apart: [] };
            setInterval(() => {
                const [header, ladder, chart] = look().map((one) => one.join(" "));
                const equal = header === ladder && header === chart;
                if (!equal && !looks.count) return; // the first one of all three
                looks.count++;
                looks.prices.add(header);
                if (!equal) looks.apart.push([header, ladder, chart]);
            }, 5);
        }""")
        await until(screen.page, "() => looks.count >= 200 && looks.prices.size >= 8 || looks.apart.length > 0")
        assert await screen.page.evaluate("looks.apart") == []
        assert await screen.page.evaluate("[...looks.prices].every((one) => / of-(bid|ask)$/.test(one))")
        screen.check_clean()
