"""The ladder: its rows, its columns and its numbers."""

from __future__ import annotations

import itertools

import pytest

from tests.browser.conftest import LINK, OpenScreen, Screen, settled, until
from tests.browser.panels import frame, number, wait_for

pytestmark = pytest.mark.browser


async def test_a_row_of_the_ladder_shows_average_price_and_slippage_down_to_it(panels: str, open_screen: OpenScreen):
    async with open_screen(panels, height=1400) as screen:
        await screen.wait_live("book")
        await screen.page.hover(".of-asks .of-row:nth-child(5)")
        await screen.page.wait_for_selector(".of-tip:not([hidden])")
        # Frames go on: what is shown, the row that it is of and its frame are compared at once, when they are painted.
        await until(
            screen.page,
            f"""() => {{
                const tip = document.querySelector(".of-tip"), link = {LINK.strip()};
                const number = (text) => Number(text.replaceAll(",", "").replace("−", "-").match(/-?[\\d.]+/)[0]);
                const book = [...link.entries.values()].find((one) => one.request.stream === "book")?.frame;
                const texts = [...tip.querySelectorAll("b")].map((one) => one.textContent);
                const held = document.querySelector(".of-held .of-price");
                if (!book || !held || texts.length < 5) return false;
                const price = number(held.textContent), average = Number(tip.dataset.average);
                const best = book.best_ask / 10 ** book.tick_digits;
                return number(texts[0]) === price && book.asks[0][0] / 10 ** book.price_digits <= price
                    && best <= average && average <= price && Math.abs(number(texts[3]) - average) < 0.1
                    && Math.abs(number(texts[4].split("·")[0]) - (average - best)) <= 0.1;
            }}""",
        )
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
        # The market may move by some rows: as long as it stays within the middle half, no price moves on the screen.
        # A calm market may not, so that the prices of each frame are moved by a row more.
        await choose_symbol(screen, "btc", "BTCUSDT")
        await screen.page.select_option(".of-rounding-select", "1")
        await screen.wait_data("book", rounding="1")
        await until(screen.page, f"() => ({AXIS})().height === 1")
        await screen.page.evaluate(
            f"""() => {{
                const look = {AXIS}, link = {LINK.strip()}, receive = link.receive.bind(link);
                let rise = 0;
                link.receive = (message, bytes) => {{
                    if (message.type === "frame" && message.best_bid !== undefined && message.rounding === "1") {{
                        rise = (rise + 1) % 8;
                        for (const side of [message.bids, message.asks]) {{
                            side[0] = side[0].map((price) => price + rise * 10 ** message.price_digits);
                        }}
                        message.best_bid += rise * 10 ** message.tick_digits;
                        message.best_ask += rise * 10 ** message.tick_digits;
                    }}
                    return receive(message, bytes);
                }};
                window.stop = () => {{
                    clearInterval(sampling);
                    link.receive = receive;
                    return moved;
                }};
                let last = null;
                window.moved = [];
                window.rows = new Set();
                window.sampling = setInterval(() => {{
                    const {{ prices, middle, height }} = look();
                    rows.add(Math.floor(middle / height));
                    const now = [prices[0], prices.at(-1)];
                    // Where the middle of now would have stood in the rows before, as a share of their height.
                    const share = last && (last[0] - middle) / (last[0] - last[1]);
                    if (last && now[0] !== last[0] && share > 0.3 && share < 0.7) moved.push([last, now, middle]);
                    last = now;
                }}, 10);
            }}"""
        )
        await until(screen.page, "rows.size >= 5 || moved.length > 0")
        assert await screen.page.evaluate("stop()") == []
        # A middle that has moved comes back by the button and by the key. The market goes on, and may drift away again
        # before it is asked for: what was true in between counts.
        await screen.page.evaluate("""() => {
            window.seen = [];
            const [book, hint] = [".of-book", ".of-more-above"].map((name) => document.querySelector(name));
            const note = () => seen.push(`away ${book.dataset.away}`, hint.textContent);
            const options = { attributeFilter: ["data-away"], childList: true, characterData: true, subtree: true };
            new MutationObserver(note).observe(book, options);
        }""")

        async def saw(what: str) -> None:
            await until(screen.page, "(what) => seen.splice(0, seen.indexOf(what) + 1).length > 0", what)

        for act in ("document.querySelector('.of-recentre').click()", ""):
            await screen.page.select_option(".of-rows-select", "50")
            await screen.wait_data("book", rows="50")
            axis = await screen.page.evaluate(AXIS)
            assert len(axis["prices"]) == 100
            assert [hint.split()[0] for hint in axis["hints"]] == ["▲", "▼"]
            await screen.page.hover(".of-asks .of-row:nth-child(3)")
            await screen.page.mouse.wheel(0, -5000)
            await saw("highest row")
            await screen.wait_data("book", away="true")
            if act:
                await screen.page.evaluate(act)
            else:
                await screen.page.mouse.move(1, 1)
                await screen.page.evaluate("document.activeElement.blur()")
                await screen.page.keyboard.press("C")
            await saw("away false")
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


WIDE_TOTALS = """() => [...document.querySelectorAll(".of-total-line span")].filter((one) => {
    return one.getBoundingClientRect().right > one.closest(".of-total-line").getBoundingClientRect().right + 1;
}).map((one) => one.textContent)"""


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
                    // Some of them so large that they stand out in bold.
                    frame.trades = [ids, times, prices.map((_, at) => 3012 + (at % 2)),
                        sizes.map((size, at) => ids[at] % 20 ? 12_345_678_901 + size : 9_876_543_210_987), sides];
                    Object.assign(frame, {{ price_digits: 8, size_digits: 0 }});
                }} else if (frame.orders) {{
                    frame.orders = [[1e12, 1e12], [1, -1], [0.00003012, 0.1], [12_345_678_901, 5],
                        [371_864_012, 12], ["1000000PEPEUSDT", "A"], [8, null]];
                    frame.sums = Object.fromEntries(["1m", "15m", "1h"].map((span) => [span, [124.27e6, 345.67e6]]));
                    Object.assign(frame, {{ symbol: "*", price_digits: null, size_digits: null, since: 1e12 }});
                }}
                return frame;
            }};
            const receive = link.receive.bind(link);
            link.receive = (message, bytes) => receive(message.type === "frame" ? coarse(message) : message, bytes);
            for (const entry of link.entries.values()) if (entry.key) link.subscriptions.resume(entry);
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
        # As narrow as beside two others in a row of a notebook.
        await screen.page.set_viewport_size({"width": 1440, "height": 900})
        for width in (260, 236, 200):
            await screen.page.evaluate(
                "(width) => document.querySelector('.of-liquidations').style.width = `${width}px`", width
            )
            await settled(screen.page, WIDE_TOTALS, [])
