from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import LINK, OpenScreen, Screen, until
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

CELL = """\
from ipywidgets import GridBox, Layout, jsdlink
from orderfox_nb.widgets import DepthChart, Liquidations, OrderBook, QualityBadge, SymbolPicker, Tape

picker, badge, depth, book, tape = SymbolPicker(), QualityBadge(), DepthChart(), OrderBook(), Tape(length=50)
liquidations = Liquidations()
follows = jsdlink((picker, "symbol"), (depth.layer, "symbol"))
panels = [picker, badge, depth, book, tape, liquidations]
GridBox(panels, layout=Layout(grid_template_columns="minmax(0, 1fr) minmax(0, 1fr)", grid_gap="8px"))
"""


def number(text: str) -> float:
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    plain = text.replace(",", "").replace("$", "").strip()
    return float(plain[:-1]) * scale[plain[-1]] if plain[-1] in scale else float(plain)


@pytest.fixture(scope="session")
def panels(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with each panel alone, not in a dashboard."""
    del chromium
    folder = tmp_path_factory.mktemp("panels")
    notebook = folder / "panels.ipynb"
    cell = {"id": "a", "cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": CELL}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.write_text(json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=4&liquidation_rate=20", "--notebook", str(notebook)]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", Path(folder) / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.end()


async def frame(screen: Screen, stream: str, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """Return the newest frame of a stream as the page has it."""
    return await screen.page.evaluate(
        f"([stream, symbol]) => [...({LINK.strip()}).entries.values()].find(({{ request, frame }}) => frame && "
        "request.stream === stream && request.symbol === symbol)?.frame",
        [stream, symbol],
    )


async def wait_for(screen: Screen, condition: str, arg: object = None) -> None:
    await until(screen.page, condition, arg, timeout_s=60)


async def test_a_row_of_the_ladder_tells_average_price_and_slippage_down_to_it(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("book")
        await screen.page.hover(".of-asks .of-row:nth-child(5)")
        await screen.page.wait_for_selector(".of-tip:not([hidden])")
        # Frames go on: what is shown, the row that it is of and its frame are read at once.
        shown, average, price, book = await screen.page.evaluate(
            f"() => {{ const tip = document.querySelector('.of-tip'); const link = {LINK.strip()}; "
            "const held = [...link.entries.values()].find((one) => one.request.stream === 'book').frame;"
            "const texts = [...tip.querySelectorAll('b')].map((one) => one.textContent);"
            "const price = document.querySelector('.of-held .of-price').textContent;"
            "return [texts, Number(tip.dataset.average), price, held]; }"
        )
        reached = [units / 10 ** book["price_digits"] for units in book["asks"][0]]
        assert number(shown[0]) == number(price)
        assert reached[0] <= number(price)
        assert book["best_ask"] / 10 ** book["tick_digits"] <= average <= number(price)
        assert abs(number(shown[3]) - average) < 0.1
        slippage = number(shown[4].split("·")[0])
        assert slippage == pytest.approx(average - book["best_ask"] / 10 ** book["tick_digits"], abs=0.1)
        assert await screen.page.locator(".of-asks .of-within").count() >= 4
        # The arrow keys choose a row too, outward from the best price.
        await screen.page.mouse.move(0, 0)
        await screen.page.focus(".of-bids .of-rows")
        for _ in range(3):
            await screen.page.keyboard.press("ArrowDown")
        assert await screen.page.get_attribute(".of-tip", "data-index") == "2"
        assert "Sell to" in await screen.page.inner_text(".of-book .of-spoken")
        await screen.page.keyboard.press("Escape")
        assert await screen.page.locator(".of-tip").is_hidden()
        screen.check_clean()


async def test_the_ladder_shows_the_last_trade_whole_rows_and_every_column_where_there_is_room(
    panels: str, open_screen: OpenScreen
):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("book", "tape", "liquidations")
        for box in (".of-tape .of-whole-rows", ".of-liquidations .of-whole-rows"):
            height = await screen.page.evaluate("(where) => document.querySelector(where).clientHeight", box)
            assert height >= 60
            assert height % 20 == 0, box
        same = f"""() => {{
            const link = {LINK.strip()};
            const held = [...link.entries.values()].find((one) => one.request.stream === "trades")?.frame;
            const price = document.querySelector(".of-mid");
            const units = Number(price.textContent.replaceAll(",", "").replace(".", ""));
            return held && units === held.trades[2].at(-1);
        }}"""
        await wait_for(screen, same)
        book = await frame(screen, "book")
        middle = (book["best_bid"] + book["best_ask"]) / 2 / 10 ** book["tick_digits"]
        title = await screen.page.get_attribute(".of-mid", "title")
        assert title
        assert abs(number(title.split()[-1]) - middle) < middle * 0.001
        assert await screen.page.locator(".of-book .of-columns .of-notional").is_visible(), "there is room for it"


AXIS = """() => {
    const digits = (text) => Number(text.replaceAll(",", ""));
    const rows = [...document.querySelectorAll(".of-asks .of-row")].reverse()
        .concat([...document.querySelectorAll(".of-bids .of-row")]);
    const box = document.querySelector(".of-steps").getBoundingClientRect();
    const inside = (row) => {
        const { top, bottom } = row.getBoundingClientRect();
        return top >= box.top - 0.5 && bottom <= box.bottom + 0.5;
    };
    const { dataset } = document.querySelector(".of-book");
    return {
        prices: rows.map((row) => digits(row.querySelector(".of-price").textContent)),
        empty: rows.filter((row) => !row.querySelector(".of-size").textContent).length,
        inside: rows.filter(inside).length, height: Number(dataset.rounding), rows: Number(dataset.rows),
        away: dataset.away, middle: digits(document.querySelector(".of-middle").dataset.middle),
        hints: ["above", "below"].map((name) => document.querySelector(`.of-more-${name}`).innerText),
    };
}"""


async def choose_symbol(screen: Screen, text: str, symbol: str) -> None:
    await screen.page.click(".of-picker-button")
    await screen.page.fill(".of-search", text)
    await screen.page.wait_for_selector(".of-picker-popup .of-row")
    await screen.page.keyboard.press("Enter")
    await screen.wait_data("book", symbol=symbol, state="live")


async def test_the_ladder_is_a_price_axis_that_fits_its_panel_and_stays_where_it_is(
    served: str, open_screen: OpenScreen
):
    async with open_screen(served) as screen:
        await screen.wait_live("book")
        for text, symbol in (("btc", "BTCUSDT"), ("sol", "SOLUSDT"), ("xrp", "XRPUSDT")):
            await choose_symbol(screen, text, symbol)
            await until(screen.page, f"() => ({AXIS})().prices.length > 20")
            axis = await screen.page.evaluate(AXIS)
            # Every step is a row, all of them in sight, and they show a useful part of the price.
            steps = [before - after for before, after in itertools.pairwise(axis["prices"])]
            assert steps == pytest.approx([axis["height"]] * len(steps), rel=1e-6), symbol
            assert axis["inside"] == len(axis["prices"]) == 2 * axis["rows"] >= 24
            reach = (axis["prices"][0] - axis["prices"][-1]) / 2 / axis["middle"]
            assert 0.0025 < reach < 0.011, symbol
        # The market may move: as long as it stays within the middle half, no price moves on the screen.
        await screen.page.evaluate(
            f"() => {{ const look = {AXIS}; window.seen = new Set(); window.sampling = setInterval(() => {{"
            "const { prices, away } = look(); seen.add(`${prices[0]} ${away}`); }, 10); }"
        )
        await screen.wait_frames("book", 30)
        tops = await screen.page.evaluate("clearInterval(sampling) || [...seen].map((one) => one.split(' ')[0])")
        assert len(set(tops)) == 1
        # A middle that has moved comes back by the button and by the key.
        for act in ("document.querySelector('.of-recentre').click()", ""):
            await screen.page.select_option(".of-rows-select", "50")
            await screen.wait_data("book", rows="50", away="false")
            axis = await screen.page.evaluate(AXIS)
            assert len(axis["prices"]) == 100
            assert [hint.split()[0] for hint in axis["hints"]] == ["▲", "▼"]
            await screen.page.hover(".of-asks .of-row:nth-child(3)")
            await screen.page.mouse.wheel(0, -5000)
            await screen.wait_data("book", away="true")
            await until(screen.page, f"() => ({AXIS})().hints[0] === 'highest row'")
            if act:
                await screen.page.evaluate(act)
            else:
                await screen.page.mouse.move(1, 1)
                await screen.page.evaluate("document.activeElement.blur()")
                await screen.page.keyboard.press("C")
            await screen.wait_data("book", away="false")
        await screen.page.select_option(".of-rows-select", "20")
        await screen.wait_data("book", rows="20")
        axis = await screen.page.evaluate(AXIS)
        assert axis["inside"] == len(axis["prices"]) == 40, "20 rows are 20 rows"
        screen.check_clean()


CUT = """() => [...document.querySelectorAll(
    ":is(.of-ladder, .of-table, .of-totals, .of-market, .of-tip, .of-imbalance) :is(span, b, strong), .of-coverage"
)].filter((one) => {
    const box = one.getBoundingClientRect();
    if (!box.width || !one.textContent || one.children.length) return false; // texts themselves
    const parent = one.parentElement.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(one);
    const text = range.getBoundingClientRect();
    return text.left < box.left - 1 || text.right > box.right + 1 || box.right > parent.right + 1;
}).map((one) => `${one.className} ${one.textContent}`)"""


async def test_no_digit_is_cut_whatever_the_numbers_and_the_width(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("book", "tape", "liquidations", "market")
        # A coin priced near 3e-5, with sizes of 10 figures and more, as its frames would be.
        await screen.page.evaluate(f"""() => {{
            document.documentElement.dir = "rtl"; // and read from right to left
            const link = {LINK.strip()};
            const coarse = (frame) => {{
                if (frame.best_bid !== undefined) {{
                    const step = (prices, side) => prices.map((_, at) => 3012 + side * at + (side > 0 ? 1 : 0));
                    const large = (sizes) => sizes.map((size, at) => 1_234_567_890_123 + size + at);
                    frame.bids = [step(frame.bids[0], -1), large(frame.bids[1]), large(frame.bids[2])];
                    frame.asks = [step(frame.asks[0], 1), large(frame.asks[1]), large(frame.asks[2])];
                    Object.assign(frame, {{ rounding: "0.00000001", price_digits: 8, tick_digits: 8, size_digits: 0,
                        best_bid: 3012, best_ask: 3013 }});
                }} else if (frame.trades) {{
                    const [ids, times, prices, sizes, sides] = frame.trades;
                    frame.trades = [ids, times, prices.map((_, at) => 3012 + (at % 2)),
                        sizes.map((size) => 12_345_678_901 + size), sides];
                    Object.assign(frame, {{ price_digits: 8, size_digits: 0 }});
                }} else if (frame.orders) {{
                    frame.orders = [[1e12, 1e12], [1, -1], [0.00003012, 0.1], [12_345_678_901, 5],
                        [371_864_012, 12], ["1000000PEPEUSDT", "A"], [8, null]];
                    frame.sums = Object.fromEntries(["1m", "15m", "1h"].map((span) => [span, [1.2e9, 345.6e6]]));
                    Object.assign(frame, {{ symbol: "*", price_digits: null, size_digits: null, since: 1e12 }});
                }}
                return frame;
            }};
            const receive = link.receive.bind(link);
            link.receive = (message, bytes) => receive(message.type === "frame" ? coarse(message) : message, bytes);
            for (const entry of link.entries.values()) if (entry.key) link.resume(entry);
        }}""")
        where = "document.querySelector('.of-ladder .of-row .of-price').textContent.startsWith('0.0000')"
        await screen.page.select_option(".of-scope-select", "market")
        for width, height in ((1440, 900), (1024, 768), (390, 844)):
            await screen.page.set_viewport_size({"width": width, "height": height})
            await until(screen.page, where)
            # Columns are laid out with the next frame.
            await screen.wait_frames("book", 3)
            await screen.wait_frames("tape", 3)
            await until(screen.page, f"() => ({CUT})().length === 0")
            first = "document.querySelector(`.of-bids .of-row ${name}`).textContent"
            texts = await screen.page.evaluate(f"['.of-size', '.of-total'].map((name) => {first})")
            assert all(number(one) >= 1.2e12 for one in texts)
            order = await screen.page.evaluate("""() => {
                const range = document.createRange();
                const node = document.querySelector(".of-figure-change b").firstChild;
                const at = (index) => {
                    range.setStart(node, index);
                    range.setEnd(node, index + 1);
                    return range.getBoundingClientRect().left;
                };
                return [...node.textContent].map((_, index) => at(index));
            }""")
            assert order == sorted(order), "a sign stays before its number"


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
        await screen.page.mouse.move(0, 0)
        await wait_for(screen, "() => { const { shown, last } = document.querySelector('.of-tape').dataset; "
                               "return shown === last; }")  # fmt: skip
        assert await screen.page.inner_text(".of-paused") == ""


async def test_the_tape_marks_where_trades_are_missing(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("tape")
        # Trades that go on a million later, until the mark is painted; a full frame of the market may take it away at
        # any time, so it is looked at in the same breath.
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
        told = await screen.page.eval_on_selector_all(".of-total-line b", "(all) => all.map((one) => one.textContent)")
        sums = (await frame(screen, "liquidations"))["sums"]
        for at, span in enumerate(("1m", "15m", "1h")):
            short, long = sums[span]
            assert number(told[2 * at]) == pytest.approx(long, rel=0.05, abs=50_000)
            assert number(told[2 * at + 1]) == pytest.approx(short, rel=0.05, abs=50_000)
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
        told = await screen.link(f"{followed}.map(({{ request, views }}) => [request.symbol, views.size])")
        assert told == [["*", 1]]
        # The symbol's own come back as those of the symbol that was chosen meanwhile.
        await screen.page.select_option(".of-liquidations .of-scope-select", "symbol")
        await screen.wait_data("liquidations", symbol="ETHUSDT", state="live")


async def test_depth_is_drawn_read_and_ranged(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400, reduced_motion="reduce") as screen:
        await screen.page.wait_for_selector('.of-depth[data-state="live"]', state="attached", timeout=60_000)
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
        price, size, notional_told, average = (number(texts[at]) for at in (0, 2, 3, 4))
        assert depth["middle"] < average <= price
        assert notional_told == pytest.approx(size * average, rel=0.01)
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
        told = [number(text) for text in await screen.page.evaluate(f"{sizes}.map((one) => one.textContent)")]
        assert told == pytest.approx([told[0] * at for at in range(1, len(told) + 1)])
        moves = "getComputedStyle(document.querySelector('.of-depth-chart .bqplot')).transitionDuration"
        assert await screen.page.evaluate(moves) == "0s"
        screen.check_clean()


async def test_depth_tells_nothing_of_a_symbol_whose_first_frame_is_to_come(panels: str, open_screen: OpenScreen):
    def without_ether(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda message: None if "/ETHUSDT/depth" in str(message) else page.send(message))

    async with open_screen("about:blank", height=1400) as screen:
        await screen.page.route_web_socket("**/ws/live", without_ether)
        await screen.page.goto(panels)
        await screen.page.wait_for_selector(".of-depth-chart .of-ready", timeout=60_000)
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


async def test_the_badge_tells_source_state_and_the_lapses_of_the_last_hour(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("badge", "book")
        await screen.page.hover(".of-badge")
        tip = ".of-quality-tip:popover-open[data-lapses]"
        await screen.page.wait_for_selector(tip)
        # The server may know of lapses of its own: it runs on a busy machine.
        text, known = await screen.page.eval_on_selector(tip, "(tip) => [tip.innerText, Number(tip.dataset.lapses)]")
        assert "invented" in text
        assert ("No lapse." in text) == (known == 0)
        assert "this page had no connection" not in text
        assert "Lag is measured from the server to the drawn picture" in text
        # The lag has a scale, and a browser that cannot keep up is told.
        for ms, late, level, told in (
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
                "([level, told]) => { const badge = document.querySelector('.of-badge'); return "
                "badge.dataset.lag === level && badge.textContent.includes(told); }",
                [level, told],
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
