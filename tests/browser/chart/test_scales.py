"""The scales of a candle chart: what the viewer does to them, and what stands beside them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.chart.conftest import Charts, OpenCharts
from tests.browser.conftest import until

pytestmark = pytest.mark.browser

LABELS = """(at) => {
    const box = document.querySelectorAll(".of-candle-chart")[at];
    const axes = [...box.querySelectorAll(".bqplot .axis")].filter((one) => one.checkVisibility(
        { visibilityProperty: true, opacityProperty: true }));
    const plot = box.querySelector(".plotarea_background").getBoundingClientRect();
    const canvas = box.querySelector(".of-canvas-over");
    const { top, left, height } = canvas.getBoundingClientRect();
    const scale = canvas.height / height;
    // Tags are boxes of one colour each that begin beside the plot: what is opaque there is a tag.
    const column = Math.round((plot.right + 4 - left) * scale);
    const { data } = canvas.getContext("2d").getImageData(column, 0, 1, canvas.height);
    const rows = [...Array(canvas.height).keys()].filter((row) => data[4 * row + 3] > 200);
    const ticks = axes.flatMap((axis) => [...axis.querySelectorAll(".tick text")]);
    // Labels of a vertical axis stand at its own x; the volume's scale is on the other side.
    return ticks.filter((one) => one.closest(".tick").getAttribute("transform").startsWith("translate(0"))
        .map((one) => ({ one, text: one.textContent, frame: one.getBoundingClientRect() }))
        .filter(({ frame }) => frame.left >= plot.right)
        .map(({ one, text, frame }) => {
            const y = (frame.top + frame.bottom) / 2;
            const away = Math.min(...rows.map((row) => Math.abs(top + (row + 0.5) / scale - y)));
            return { text, y, away, shown: one.style.visibility !== "hidden" };
        });
}"""
"""The labels of a price axis: what each says, where, how far from the nearest tag, and whether it is shown."""
MADE_ROOM = """(labels) => labels.some(({ shown }) => shown)
    && labels.every(({ shown, away }) => (away > 4 || !shown) && (away < 10 || shown))"""
"""Whether a label is hidden exactly where a tag covers it; between the two bounds pixels are rounded."""
TIMEFRAMES = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]


async def wait_labels(charts: Charts, condition: str = "true", argument: object = None) -> None:
    """Wait until the first chart's labels make room for its tags, and a condition of these ``labels`` is true."""
    await until(
        charts.page,
        f"(wanted) => {{ const labels = ({LABELS})(0); return ({MADE_ROOM})(labels) && ({condition}); }}",
        argument,
    )


async def prices(charts: Charts) -> tuple[float, float]:
    data = await charts.data()
    return float(data["low"]), float(data["high"])


async def test_the_price_scale_is_dragged_turned_set_back_and_made_logarithmic(open_charts: OpenCharts):
    async with open_charts() as charts:
        page = charts.page
        left, top, width, _ = await charts.plot()

        async def drag_scale(pixels: float) -> None:
            await page.mouse.move(left + width + 30, top + 100)
            await page.mouse.down()
            await page.mouse.move(left + width + 30, top + 100 + pixels, steps=4)

        low, high = await prices(charts)
        await drag_scale(60)
        await charts.wait("data.high - data.low > wanted", (high - low) * 1.3)
        await page.mouse.up()
        # From here on the scale is the viewer's own, whatever the market does.
        await charts.painted()
        low, high = await prices(charts)
        await drag_scale(200)
        await charts.wait("data.high - data.low > wanted", (high - low) * 2)
        await page.mouse.up()
        await charts.painted()
        dragged = await prices(charts)
        assert sum(dragged) / 2 == pytest.approx((low + high) / 2, rel=1e-6), "around its middle"

        # Each label makes room for the tags, and comes back: where the crosshair is, none is seen.
        await page.mouse.move(5, 5)
        await wait_labels(charts, "labels.filter(({ shown }) => shown).length >= 3")
        labels = await page.evaluate(LABELS, 0)
        for label in (labels[len(labels) // 2], labels[len(labels) // 3]):
            await page.mouse.move(left + width / 2, label["y"])
            hidden = "labels.some(({ text, shown }) => text === wanted && !shown)"
            await wait_labels(charts, hidden, label["text"])
        await page.mouse.move(5, 5)
        await charts.wait("legend.includes('closes in')")
        await wait_labels(charts)
        await page.mouse.move(left + width + 30, top + 100)
        frames = int((await charts.data())["frames"])
        await charts.wait("Number(data.frames) >= wanted", frames + 5)
        assert await prices(charts) == dragged, "a scale that was chosen stays"
        await page.mouse.wheel(0, -200)
        await charts.wait("data.high - data.low < wanted", (dragged[1] - dragged[0]) * 0.9)
        turned = await prices(charts)
        # In a scale of one's own the prices are dragged with the time.
        await page.mouse.move(left + width / 2, top + 100)
        await page.mouse.down()
        await page.mouse.move(left + width / 2, top + 140, steps=4)
        await charts.wait("Number(data.high) > wanted", turned[1] + (turned[1] - turned[0]) * 0.05)
        await page.mouse.up()
        await page.mouse.dblclick(left + width + 30, top + 100)
        await charts.wait("data.high - data.low < wanted", (turned[1] - turned[0]) * 0.7)
        assert not await page.locator(".of-menu-popup input[data-name=fixed_scale]:checked").count()

        await page.click("button >> text=series")
        await charts.wait("overlays.includes('mine')")
        await charts.choose("log_scale", True)
        axes = page.locator(".of-candle-chart").first.locator(".axis:visible")
        await expect(axes, "one of the two price axes is seen").to_have_count(2)
        await wait_labels(charts, "labels.filter(({ shown }) => shown).length >= 2")
        # The viewer's own mark stands at its price on the logarithmic scale, as the labels do.
        await charts.choose("fixed_scale", True)
        await page.locator(".of-candle-chart .bqplot").first.focus()
        # As often as the range of these hours needs.
        for _ in range(40):
            low, high = await prices(charts)
            if high / low > 1.1:
                break
            await page.keyboard.press("Shift+ArrowDown")
            await charts.wait("data.high / data.low > wanted", high / low)
        await charts.wait("data.high / data.low > wanted", 1.1)
        # Where the line is, two labels and the logarithm say what it costs, in one moment.
        await until(
            page,
            f"""() => {{
                const line = document.querySelector(".of-candle-chart .bqplot path.line").getBoundingClientRect();
                const {{ low, high, close }} = document.querySelector(".of-chart").dataset;
                const marks = ({LABELS})(0).map(({{ text, y }}) => [y, Number(text.replaceAll(",", ""))]);
                marks.sort(([one], [other]) => one - other);
                const [[above, dear], [below, cheap]] = [marks[0], marks.at(-1)];
                const share = (line.top + line.height / 2 - above) / (below - above);
                const price = Math.exp(Math.log(dear) + share * (Math.log(cheap) - Math.log(dear)));
                return low < price && price < high && Math.abs(price / close - 1) < 0.03;
            }}""",
        )
        assert charts.screen.errors == []


async def test_every_timeframe_is_there_and_a_button_leads_back_to_now(open_charts: OpenCharts):
    async with open_charts() as charts:
        page = charts.page
        buttons = page.locator(".of-candle-chart").first.locator(".of-timeframe:visible")
        assert await buttons.all_inner_texts() == TIMEFRAMES
        now = page.locator(".of-now").first
        assert await now.is_hidden()
        start = await charts.window()
        await page.locator(".of-candle-chart .bqplot").first.focus()
        for _ in range(5):
            await page.keyboard.press("ArrowLeft")
        await now.wait_for(state="visible")
        await charts.wait("Number(data.to) < wanted", start[1] - (start[1] - start[0]) * 0.45)
        await now.click()
        await charts.wait("Number(data.to) >= wanted", start[1])
        await now.wait_for(state="hidden")
        await buttons.filter(has_text="3d").click()
        await charts.wait("data.interval === '3d' && data.state === 'live'")

        await page.set_viewport_size({"width": 390, "height": 844})
        choice = page.locator(".of-candle-chart").first.locator(".of-timeframe-list")
        await choice.wait_for(state="visible")
        assert await choice.locator("option").all_inner_texts() == TIMEFRAMES
        await choice.select_option("1w")
        await charts.wait("data.interval === '1w' && data.state === 'live'")
        # No price of the bar is cut.
        await until(
            page,
            """() => {
            const legend = document.querySelector(".of-ohlc");
            const plot = legend.closest(".bqplot").getBoundingClientRect();
            const range = document.createRange();
            range.selectNodeContents(legend);
            const { left, right } = range.getBoundingClientRect();
            return left >= plot.left && right <= plot.right && legend.scrollWidth <= legend.clientWidth + 1;
        }""",
        )


async def test_a_tap_shows_the_crosshair_and_what_fingers_meet_is_large_enough(open_charts: OpenCharts):
    async with open_charts(has_touch=True, is_mobile=True) as charts:
        page = charts.page
        left, top, width, height = await charts.plot()
        place = (left + width / 2, top + height / 3)
        actions = await page.evaluate(
            """([x, y, right]) => [x, right].map((at) => {
                const found = [];
                const hit = document.elementFromPoint(at, y);
                for (let one = hit; one && !one.matches(".bqplot"); one = one.parentElement) {
                    found.push(getComputedStyle(one).touchAction);
                }
                return found;
            })""",
            [*place, left + width + 30],
        )
        assert actions[0][0] == "pan-y", "a finger that moves up and down scrolls the page"
        assert "none" not in actions[0]
        assert actions[1][0] == "none", "and beside the plot it scales the price"
        await page.touchscreen.tap(*place)
        await charts.wait("legend.includes('V ')")
        await charts.wait_ink("muted", 20, 0, "over")
        await charts.painted()
        assert "V " in await charts.text(".of-ohlc"), "it stays when the finger has gone"
        await page.touchscreen.tap(place[0] + 5, place[1])
        await charts.wait("legend.includes('closes in')")
        await page.locator(".of-menu-button").first.click()
        small = await page.evaluate("""() => {
            const all = document.querySelectorAll(
                ".of-candle-chart :is(button, select, .of-axis-area), .of-menu-popup:not([hidden]) :is(input, label)");
            return [...all].filter((one) => one.checkVisibility()).map((one) => {
                const { width, height } = one.getBoundingClientRect();
                return [one.className, one.textContent, width, height];
            }).filter(([, , width, height]) => Math.min(width, height) < 24);
        }""")
        assert small == []
