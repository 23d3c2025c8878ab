"""Tape, liquidations, depth, symbols and badge, each alone on a page."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import LINK, OpenScreen, until
from tests.browser.panels import frame, number, wait_for

pytestmark = pytest.mark.browser


TAPE_HEADS = """(widths) => {
    const tape = document.querySelector(".of-tape");
    const box = tape.parentElement;
    const before = box.getAttribute("style") ?? "";
    return widths.map((width) => {
        box.setAttribute("style", `${before}; flex: none; min-width: 0; width: ${width}px`);
        const edge = tape.querySelector(".of-header").getBoundingClientRect();
        const isWhole = ([name, least]) => {
            const { left, right, top, bottom } = tape.querySelector(name).getBoundingClientRect();
            return left > edge.left + 11 && right < edge.right - 11 && top >= edge.top && bottom <= edge.bottom
                && right - left >= least;
        };
        const found = [[".of-field", 76], [".of-paused", 38]].every(isWhole) && Math.round(edge.width) <= width;
        box.setAttribute("style", before);
        return found;
    });
}"""
"""Whether the field and the pause of the tape are whole in a panel of each width, all in one moment."""


async def test_the_tape_filters_by_value_and_stands_still_under_the_pointer(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("tape")
        await screen.page.fill(".of-tape .of-field", "15k")
        await screen.page.keyboard.press("Enter")
        # To the last digit: prices and sizes on the screen are exact.
        worth = """[...document.querySelectorAll('.of-tape .of-row')].map((row) => [".of-price", ".of-size"]
            .map((cell) => Number(row.querySelector(cell).textContent.replaceAll(",", ""))).reduce((a, b) => a * b))"""
        await wait_for(
            screen, f"() => {{ const all = {worth}; return all.length && all.every((one) => one >= 15000); }}"
        )
        # The filter reaches further back than the venue's last trades.
        await wait_for(screen, "() => Number(document.querySelector('.of-tape').dataset.rows) >= 20")
        await screen.page.fill(".of-tape .of-field", "")
        await screen.page.keyboard.press("Enter")
        await wait_for(screen, f"() => {worth}.some((one) => one < 15000)")
        await screen.page.hover(".of-tape .of-whole-rows")
        await wait_for(screen, "() => document.querySelector('.of-tape').dataset.paused === 'true'")
        before = await screen.data("tape")
        await screen.wait_frames("tape", 5)
        after = await screen.data("tape")
        assert after["shown"] == before["shown"]
        assert int(after["last"]) > int(before["last"])
        assert (await screen.page.inner_text(".of-paused")).startswith("paused · ")
        # Also where four panels share a row, or a column is narrow: the field is whole, and the pause is shown.
        assert await screen.page.evaluate(TAPE_HEADS, [345, 262, 224, 205]) == [True] * 4
        await screen.page.mouse.move(0, 0)
        await wait_for(screen, "() => { const { shown, last } = document.querySelector('.of-tape').dataset; "
                               "return shown === last; }")  # fmt: skip
        assert await screen.page.inner_text(".of-paused") == ""


async def test_the_tape_marks_where_trades_are_missing(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("tape")
        # Trades that go on a million later, until the mark is painted; a full frame of the market may remove it at
        # any time, so it is read in the same evaluation.
        await until(
            screen.page,
            f"""() => {{
            const row = document.querySelector(".of-tape .of-row.of-gap");
            if (row) {{
                const [cell] = row.children;
                window.mark = {{
                    text: row.innerText,
                    share: cell.getBoundingClientRect().width / row.getBoundingClientRect().width,
                }};
                return true;
            }}
            const link = {LINK.strip()};
            const {{ key, sequence, frame }} = [...link.entries.values()].find(
                ({{ request, frame }}) => frame && request.stream === "trades" && request.parameters.rows === 50);
            const [ids, ...columns] = frame.trades.map((column) => column.slice(-3));
            const trades = [ids.map((id) => id + 1_000_000), ...columns];
            link.receive({{ ...frame, type: "frame", key, sequence, base: null, trades }}, 0);
            return false;
        }}""",
        )
        mark = await screen.page.evaluate("window.mark")
        assert mark["text"] == "trades missing here"
        assert mark["share"] > 0.8, "it has the whole row"
        await screen.page.fill(".of-tape .of-field", "0.000001")
        await screen.page.keyboard.press("Enter")
        await screen.page.wait_for_selector(".of-tape .of-gap", state="detached")
        screen.check_clean()


async def test_liquidations_are_summed_by_time_for_a_symbol_and_for_the_market(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("liquidations")
        await wait_for(screen, "() => Number(document.querySelector('.of-liquidations').dataset.orders) > 0")
        # What is painted and its frame are read at once; a frame that is not painted yet is left out.
        read = f"""() => {{
            const held = [...({LINK.strip()}).entries.values()].find(
                ({{ request, frame }}) => frame && request.stream === "liquidations" && request.symbol === "BTCUSDT");
            return [[...document.querySelectorAll(".of-total-line b")].map((one) => one.textContent), held.frame.sums];
        }}"""
        async with asyncio.timeout(60):
            while True:
                read_out, sums = await screen.page.evaluate(read)
                wanted = [sums[span][side] for span in ("1m", "15m", "1h") for side in (1, 0)]
                if [number(text) for text in read_out] == pytest.approx(wanted, rel=0.01, abs=1):
                    break
        assert "lower bound" in (await screen.page.get_attribute(".of-coverage", "title") or "")
        await screen.page.click(".of-span >> text=15 m")
        await screen.wait_data("liquidations", span="15m")
        await screen.page.select_option(".of-scope-select", "market")
        await screen.wait_data("liquidations", symbol="*")
        # The venue has no whole-market history: the first order is one that comes now.
        await until(screen.page, "Number(document.querySelector('.of-liquidations').dataset.orders) > 0")
        market = await frame(screen, "liquidations", "*")
        assert set(market["orders"][5]) <= {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"}
        assert market["quality"]["coverage"] == "sampled"
        assert "since" in await screen.page.inner_text(".of-coverage")


async def test_liquidations_of_the_market_stay_when_another_symbol_is_chosen(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("liquidations", "book")
        await screen.page.select_option(".of-liquidations .of-scope-select", "market")
        await screen.wait_data("liquidations", symbol="*", state="live")
        await screen.page.click(".of-picker-button")
        await screen.page.wait_for_selector(".of-picker-popup .of-row")
        await screen.page.keyboard.type("eth")
        await screen.page.keyboard.press("Enter")
        await screen.wait_data("book", symbol="ETHUSDT", state="live")
        await screen.wait_data("liquidations", symbol="*", state="live")
        followed = "[...link.byKey.values()].filter(({ request }) => request.stream === 'liquidations')"
        read_out = await screen.link(f"{followed}.map(({{ request, views }}) => [request.symbol, views.size])")
        assert read_out == [["*", 1]]
        # The symbol's own come back as those of the symbol that was chosen meanwhile.
        await screen.page.select_option(".of-liquidations .of-scope-select", "symbol")
        await screen.wait_data("liquidations", symbol="ETHUSDT", state="live")


async def test_depth_is_drawn_read_and_ranged(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400, reduced_motion="reduce") as screen:
        await screen.page.wait_for_selector('.of-depth[data-state="live"]', state="attached")
        await screen.page.wait_for_selector(".of-depth-chart .of-ready")
        depth = await frame(screen, "depth")
        for side, sign in (("bids", -1), ("asks", 1)):
            prices, sizes, notional = depth[side]
            assert 10 < len(prices) <= 201
            assert sizes == sorted(sizes)
            assert notional == sorted(notional)
            assert prices == sorted(prices, reverse=sign < 0)
            far = abs(prices[-1] / 10 ** depth["price_digits"] / depth["middle"] - 1)
            assert far <= 0.01
        drawn = await screen.page.evaluate("""() => {
            const canvas = document.querySelector(".of-depth-chart .of-canvas-under");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const count = { green: 0, red: 0 };
            for (let at = 0; at < data.length; at += 4) {
                if (data[at + 3] < 10) continue;
                if (data[at + 1] > data[at] + 40) count.green++;
                if (data[at] > data[at + 1] + 40) count.red++;
            }
            return count;
        }""")
        assert drawn["green"] > 500
        assert drawn["red"] > 500
        box = await screen.page.locator(".of-depth-chart .bqplot").bounding_box()
        assert box
        await screen.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
        await screen.page.wait_for_selector(".of-depth-tip:not([hidden])")
        texts = await screen.page.eval_on_selector_all(
            ".of-depth-tip b", "(all) => all.map((one) => one.textContent.split(' ')[0])"
        )
        price, size, notional, average = (number(texts[at]) for at in (0, 2, 3, 4))
        assert depth["middle"] < average <= price
        assert notional == pytest.approx(size * average, rel=0.01)
        await screen.page.mouse.move(0, 0)
        await screen.page.focus(".of-depth-chart .bqplot")
        await screen.page.keyboard.press("ArrowLeft")
        await screen.page.wait_for_selector(".of-depth-tip:not([hidden])")
        assert (await screen.page.get_attribute(".of-depth", "data-cursor") or "").startswith("bids")
        axis = "document.querySelector('.of-depth-chart .axis').textContent"
        before = await screen.page.evaluate(axis)
        await screen.page.select_option(".of-range-select", "0.1")
        await wait_for(screen, "() => document.querySelector('.of-depth').dataset.range === '0.1'")
        await wait_for(screen, f"(before) => {axis} !== before", before)
        await screen.page.select_option(".of-range-select", "5")
        sizes = "[...document.querySelectorAll('.of-depth-chart .axis')[1].querySelectorAll('.tick text')]"
        await screen.page.click(".of-picker-button")
        await screen.page.fill(".of-search", "eth")
        await screen.page.keyboard.press("Enter")
        await wait_for(screen, f"() => {sizes}.some((one) => /^[\\d.]+K$/.test(one.textContent))")
        read_out = [number(text) for text in await screen.page.evaluate(f"{sizes}.map((one) => one.textContent)")]
        assert read_out == pytest.approx([read_out[0] * at for at in range(1, len(read_out) + 1)])
        moves = "getComputedStyle(document.querySelector('.of-depth-chart .bqplot')).transitionDuration"
        assert await screen.page.evaluate(moves) == "0s"
        screen.check_clean()
        # An output whose widget was closed leaves nothing on the page.
        assert "model not found" not in await screen.page.inner_text("body")


async def test_depth_shows_nothing_of_a_symbol_before_its_first_frame(panels: str, open_screen: OpenScreen):
    def without_ether(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda message: None if "/ETHUSDT/depth" in str(message) else page.send(message))

    async with open_screen("about:blank", height=1400) as screen:
        await screen.page.route_web_socket("**/ws/live", without_ether)
        await screen.page.goto(panels)
        await screen.page.wait_for_selector(".of-depth-chart .of-ready")
        await screen.page.focus(".of-depth-chart .bqplot")
        await screen.page.keyboard.press("ArrowLeft")
        await screen.page.wait_for_selector(".of-depth-tip:not([hidden])")
        await screen.page.click(".of-picker-button")
        await screen.page.fill(".of-search", "eth")
        await screen.page.keyboard.press("Enter")
        await screen.page.wait_for_selector('.of-depth[data-state="waiting"]', state="attached")
        assert await screen.page.locator(".of-depth-tip").is_hidden()
        await screen.page.hover(".of-depth-chart .bqplot")
        await screen.page.focus(".of-depth-chart .bqplot")
        for key in ("ArrowLeft", "ArrowRight", "Escape"):
            await screen.page.keyboard.press(key)
        assert await screen.page.locator(".of-depth-tip").is_hidden()
        screen.check_clean()


async def test_symbols_are_chosen_sorted_and_favoured_with_the_keyboard(panels: str, open_screen: OpenScreen):
    first = ".of-picker-popup .of-row:first-child"
    async with open_screen(panels, height=1400) as screen:
        await screen.page.wait_for_selector(".of-picker[data-symbols]")
        await screen.page.keyboard.press("/")
        await screen.page.wait_for_selector(first)
        columns = (await frame(screen, "symbols", "*"))["symbols"]
        await screen.page.click(".of-sort >> text=24 h")
        best = max((change, name) for name, change in zip(columns[1], columns[3], strict=True) if change is not None)
        await wait_for(screen, f"(name) => document.querySelector('{first} .of-price').textContent === name", best[1])
        assert await screen.page.locator('[aria-sort="descending"]').inner_text() == "24 h ↓"
        await screen.page.fill(".of-search", "eth")
        await screen.page.click(f"{first} button.of-star")
        await screen.page.fill(".of-search", "")
        await screen.page.click(".of-sort >> text=Volume")
        await wait_for(screen, f"() => document.querySelector('{first} .of-price').textContent === 'ETH/USDT'")
        await screen.page.focus(".of-search")
        await screen.page.keyboard.press("ArrowDown")
        marked = await screen.page.get_attribute(".of-search", "aria-activedescendant")
        assert await screen.page.inner_text(f"#{marked} .of-price") == "BTC/USDT"
        await screen.page.keyboard.press("ArrowUp")
        await screen.page.keyboard.press("Enter")
        assert await screen.page.inner_text(".of-picker-name") == "ETH/USDT"
        assert await screen.page.evaluate("document.activeElement.className") == "of-picker-button"
        assert await screen.page.evaluate("localStorage.getItem('orderfox.favourites.v1')") == '["ETHUSDT"]'
        await screen.page.reload()
        await screen.page.wait_for_selector(".of-picker[data-symbols]")
        await screen.page.click(".of-picker-button")
        await wait_for(screen, f"() => document.querySelector('{first} .of-price')?.textContent === 'ETH/USDT'")
        screen.check_clean()


async def test_the_badge_shows_source_state_and_the_lapses_of_the_last_hour(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("badge", "book")
        await screen.page.hover(".of-badge")
        tip = ".of-quality-tip:popover-open[data-lapses]"
        # Not known before the server has answered.
        await screen.page.wait_for_selector(f'{tip}:not([data-lapses=""])')
        # The server may know of lapses of its own: it runs on a busy machine.
        text, known = await screen.page.eval_on_selector(tip, "(tip) => [tip.innerText, Number(tip.dataset.lapses)]")
        assert "simulated by the embedded exchange" in text
        assert ("No lapse." in text) == (known == 0)
        assert "this page had no connection" not in text
        assert "Lag is measured from the server to the drawn picture" in text
        # The lag has a scale, and a browser that cannot keep up is reported.
        for ms, late, level, read_out in (
            (80, 0, "low", "80 ms"),
            (900, 0, "raised", "900 ms"),
            (0, 2_600, "high", "2.6 s"),
        ):
            await screen.link(
                f"Object.defineProperties(link.lag, {{ ms: {{ get: () => {ms}, set() {{}}, configurable: true }}, "
                f"browser: {{ get: () => {late}, configurable: true }} }}) && 1"
            )
            await until(
                screen.page,
                "([level, read_out]) => { const badge = document.querySelector('.of-badge'); return "
                "badge.dataset.lag === level && badge.textContent.includes(read_out); }",
                [level, read_out],
            )
            colours = await screen.page.evaluate(
                "['.of-badge .of-dot', '.of-ask', '.of-bid'].map((where) => getComputedStyle("
                "document.querySelector(where))).map((style, at) => at ? style.color : style.backgroundColor)"
            )
            assert colours[0] == {"low": colours[2], "high": colours[1]}.get(level, "rgb(233, 185, 73)")
        assert "this browser cannot keep up" in await screen.page.inner_text(".of-badge-text")
        await screen.link("delete link.lag.browser && (delete link.lag.ms, link.lag.forget())")
        await screen.page.mouse.move(0, 0)
        # The page loses its server for a moment: that is a lapse of the page.
        await screen.link("link.transport.close() || link.lost()")
        await screen.page.wait_for_selector('.of-badge[data-worst="reconnecting"]')
        await screen.page.wait_for_selector('.of-badge[data-worst="live"]')
        await screen.page.focus(".of-picker-button")
        await screen.page.keyboard.press("Tab")
        await until(
            screen.page,
            "([tip, known]) => { const shown = document.querySelector(tip); "
            "return Number(shown?.dataset.lapses) > known "
            "&& shown.innerText.includes('this page had no connection'); }",
            [tip, known],
        )
        await screen.page.keyboard.press("Escape")
        await screen.page.wait_for_selector(".of-quality-tip:not(:popover-open)", state="attached")
