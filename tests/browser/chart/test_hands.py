"""Mouse, keys and fingers on a candle chart."""

from __future__ import annotations

import pytest

from tests.browser.chart.conftest import OpenCharts
from tests.browser.conftest import eventually

pytestmark = pytest.mark.browser


async def test_a_pointer_shows_its_bar_in_every_chart_and_what_was_liquidated_in_it(open_charts: OpenCharts):
    async with open_charts() as charts:
        await charts.hold()
        bars, fives = (await charts.frame())["bars"], (await charts.frame("5m"))["bars"]
        moment = fives[0][-10] + 120
        minute = bars[0].index(moment)
        await charts.point(moment + 30, 0.3)
        await charts.wait("legend.includes('V ')")
        await charts.wait("legend.includes('V ')", chart=1)
        for chart, columns, at in ((0, bars, minute), (1, fives, len(fives[0]) - 10)):
            prices = [f"{letter} {columns[number][at]:,.1f}" for number, letter in enumerate("OHLC", 1)]
            assert (await charts.text(".of-ohlc", chart)).startswith(" ".join(prices))
            await charts.wait_ink("muted", 20, chart, "over")  # the crosshair
        await charts.page.mouse.move(5, 5)
        await charts.wait("legend.includes('closes in')", chart=1)
        await charts.wait_no_ink("muted", 1, "over", rows=(0.8, 0.9))

        start, end = await charts.window()
        times, shorts, longs, _, counts = (await charts.frame())["liquidations"]
        at = max(
            (row for row in range(len(times) - 3) if start < times[row] * 1000 < end - 10**6),
            key=lambda row: shorts[row] + longs[row],
        )
        total = shorts[at] + longs[at]
        assert total > 0
        await charts.point(times[at] + 30, 0.9)
        await charts.wait("tip.startsWith('Liquidated')")
        tip = await charts.text(".of-chart-tip")
        for part in (shorts[at], longs[at]):
            assert f"· {part / total * 100:.1f} %" in tip
        assert tip.endswith(f"orders{counts[at]}")
        await charts.point(times[at] + 30, 0.4)
        await charts.wait("tip === ''")


async def test_keys_do_what_the_mouse_does_and_a_new_tick_disturbs_nothing(open_charts: OpenCharts):
    async with open_charts(reduced_motion="reduce") as charts:
        start = await charts.window()
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        for _ in range(5):
            await charts.page.keyboard.press("ArrowLeft")
        # A tenth of the window each: it stands still after the fifth.
        await charts.wait("Number(data.to) < wanted", start[1] - (start[1] - start[0]) * 0.45)
        await charts.painted()
        moved = await charts.window()
        assert moved[1] - moved[0] == pytest.approx(start[1] - start[0], abs=5)
        frames = int((await charts.data())["frames"])
        await charts.wait("Number(data.frames) >= wanted", frames + 10)
        assert await charts.window() == moved
        await charts.page.keyboard.press("-")
        await charts.wait("data.to - data.from > wanted", (moved[1] - moved[0]) * 1.2)
        await charts.page.keyboard.press("+")
        await charts.wait("data.to - data.from < wanted", (moved[1] - moved[0]) * 1.01)
        await charts.page.keyboard.press("Home")
        await charts.wait("Math.abs(data.from - data.first * 1000) < 61000 || data.from < wanted", moved[0] - 10**7)
        await charts.page.keyboard.press("End")
        await charts.wait("Number(data.to) >= wanted", start[1])
        await charts.page.keyboard.press("Shift+ArrowLeft")
        await charts.wait("legend.includes('V ')")
        await charts.page.keyboard.press("Escape")
        await charts.wait("legend.includes('closes in')")

        figure = charts.page.locator(".of-candle-chart .bqplot").first
        assert await figure.get_attribute("tabindex") == "0"
        label = await figure.get_attribute("aria-label")
        assert label
        assert label.startswith("Candles of BTCUSDT, 1m.")
        transition = await figure.evaluate("(element) => getComputedStyle(element).transitionDuration")
        assert transition in {"0s", ""}
        button = charts.page.locator(".of-menu-button").first
        await button.focus()
        await charts.page.keyboard.press("Enter")
        await charts.page.wait_for_selector(".of-menu-popup:visible")
        await charts.page.keyboard.press("ArrowDown")
        await charts.page.keyboard.press("Space")
        await charts.wait("overlays.includes('EMA 20')")
        await charts.page.keyboard.press("Escape")
        focused = await charts.page.evaluate("document.activeElement.className")
        assert "of-menu-button" in focused


async def test_a_resize_of_the_page_leaves_the_window_where_the_viewer_put_it(open_charts: OpenCharts):
    async with open_charts() as charts:
        first, newest = await charts.window(), await charts.window(1)
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        for _ in range(5):
            await charts.page.keyboard.press("ArrowLeft")
        # A tenth of the window each: it stands still after the fifth.
        await charts.wait("Number(data.to) < wanted", first[1] - (first[1] - first[0]) * 0.45)
        await charts.painted()
        start, end = await charts.window()
        width = (await charts.plot())[2]
        await charts.page.set_viewport_size({"width": 800, "height": 950})
        await charts.wait("data.to - data.from < wanted", (end - start) * 0.9)

        async def seen() -> tuple[tuple[int, int], float]:
            return await charts.window(), (await charts.plot())[2]

        def stays(seen: tuple[tuple[int, int], float]) -> None:
            (first, last), wide = seen
            assert last == pytest.approx(end, abs=5)
            assert (last - first) / wide == pytest.approx((end - start) / width, rel=0.01)

        await eventually(seen, stays)
        await charts.wait("data.to - data.from < wanted", (newest[1] - newest[0]) * 0.9, chart=1)
        assert (await charts.window(1))[1] >= newest[1], "one that nobody moved stays at the newest bar"


async def test_two_fingers_zoom_one_moves_sideways_and_leaves_scrolling_to_the_page(open_charts: OpenCharts):
    async with open_charts(has_touch=True) as charts:
        touch = await charts.page.context.new_cdp_session(charts.page)
        left, top, width, height = await charts.plot()
        middle, line = left + width / 2, top + height / 3

        async def fingers(kind: str, *points: tuple[float, float]) -> None:
            places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        start = await charts.window()
        await fingers("touchStart", (middle - 50, line), (middle + 50, line))
        await fingers("touchMove", (middle - 100, line), (middle + 100, line))
        await charts.wait("data.to - data.from < wanted", (start[1] - start[0]) * 0.55)
        await fingers("touchEnd")
        await charts.painted()
        near = await charts.window()
        assert sum(near) / 2 == pytest.approx(sum(start) / 2, abs=2 * 60_000), "the time between the fingers stays"

        await fingers("touchStart", (middle, line))
        for moved in (20, 60, 120):
            await fingers("touchMove", (middle + moved, line))
        await charts.wait("Number(data.from) < wanted", near[0] - 60_000)
        await fingers("touchEnd")

        await charts.painted()
        there = await charts.window()
        await fingers("touchStart", (middle, line))
        for moved in (20, 60, 120):
            await fingers("touchMove", (middle, line - moved))
        await fingers("touchEnd")
        await charts.painted()
        assert await charts.window() == there
