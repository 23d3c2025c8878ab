from __future__ import annotations

import json

import pytest

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.widgets import Dashboard
from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets

PAGE = """
    globalThis.document = { getElementById: () => null, documentElement: { dataset: {} }, body: { dataset: {} } };
    globalThis.localStorage = { getItem: () => null, setItem() {} };
    globalThis.matchMedia = () => ({ matches: false, addEventListener() {} });
    globalThis.MutationObserver = class { observe() {} disconnect() {} };
    globalThis.location = new URL("http://127.0.0.1/");
    const page = await import("./page_url.js");
    const { readParameters, readView } = await import("./page_forms.js");
"""


def test_what_an_address_cannot_mean_is_refused_with_its_reason_and_nothing_else_is_shown_instead(
    run_module: RunModule,
):
    """``timeframe=7m`` was 1m, a symbol named in Chinese was BTCUSDT, and nobody was told."""
    printed = run_module(f"""{PAGE}
        const read = (text) => readParameters(new URLSearchParams(text), "");
        console.log(JSON.stringify([
            read("symbol=币安人生USDT,btc,BTC/USDT:USDT&rounding=0.5,auto,-1&Timeframe=1M&rows=20&utm_source=x"),
            read("symbols=eth,SOLUSDT&timeframe=7m&rows=7&theme=pink&minimum_size=5&whole_market=yes"),
            read("symbol=a b,%00,SOLUSDT&symbol=&rounding=0&layout=constructor&palette=safe"),
            read("symbol=A,B,C,D,E,F,G"),
            readView(JSON.parse('{{"symbol": 5, "rows": [], "timeframe": null}}')),
        ]));
    """)
    first, second, third, seven, stored = json.loads(printed)
    assert first["view"] == {
        "symbol": ["币安人生USDT", "btc", "BTC/USDT:USDT"], "rounding": ["0.5", "auto", None],
        "timeframe": "1M", "rows": 20,
    }  # fmt: skip
    assert [(one["name"], one["text"]) for one in first["refused"]] == [("rounding", "-1")]
    assert second["view"] == {"symbol": ["eth", "SOLUSDT"]}
    told = {one["name"]: (one["text"], one["options"]) for one in second["refused"]}
    assert told == {
        "timeframe": ("7m", ["5m", "15m"]), "rows": ("7", ["fit", "10", "20", "50"]), "theme": ("pink", []),
        "minimum_size": ("5", []), "whole_market": ("yes", ["true", "false"]),
    }  # fmt: skip
    reasons = {one["name"]: one["reason"] for one in second["refused"]}
    assert reasons["timeframe"].startswith("expected 1m, 3m, 5m")
    assert "minimum_notional" in reasons["minimum_size"]
    assert (third["view"], third["look"]) == ({}, {"palette": "safe"})
    assert {one["name"] for one in third["refused"]} == {"symbol", "rounding", "layout"}
    assert seven["view"]["symbol"] == list("ABCDEF")
    assert seven["refused"][0]["reason"] == "at most 6 fit side by side"
    assert stored["view"] == {"symbol": ["5"]}


def test_the_timeframes_of_an_address_are_those_of_the_wire(run_module: RunModule):
    asked = [*TIMEFRAME_US, "9m", "1y", "01m"]
    printed = run_module(f"""{PAGE}
        const {{ nearTimeframes }} = await import("./page_forms.js");
        const read = (timeframe) => readView({{ timeframe }}).view.timeframe;
        const near = ["60m", "1H", "45m", "10d", "120s", "7", "0m", "<b>"].map(nearTimeframes);
        console.log(JSON.stringify([{json.dumps(asked)}.map(read), near]));
    """)
    read, near = json.loads(printed)
    assert read == [*TIMEFRAME_US, None, None, None]
    assert near == [["1h"], ["1h"], ["1h", "30m"], ["1w", "1M"], ["3m", "1m"], [], [], []]


OPENING = """
    globalThis.document ??= {};
    const { answeredView, openingView } = await import("./page_opening.js");
    const cell = (changes = {}) => ({
        symbol: ["BTCUSDT"], rounding: ["auto"], minimum_notional: [0], timeframe: "1m", rows: 20, ...changes,
    });
    const row = (asked, symbol, tick_size) => ({ asked, symbol, tick_size });
    const unknown = (asked, ...suggestions) =>
        ({ asked, symbol: null, message: `Symbol ${asked} not found.`, suggestions, largest: "BTCUSDT" });
"""


def test_what_was_chosen_for_one_symbol_never_goes_to_another(run_module: RunModule):
    """A row height of 0.01 was kept for a symbol whose tick is 0.1."""
    printed = run_module(f"""{PAGE}{OPENING}
        const stored = {{ symbol: ["SOLUSDT", "ETHUSDT"], rounding: ["0.01", "0.5"], minimum_notional: [5000, 0] }};
        const open = (link, given = [], own = {{}}) => {{
            const view = openingView({{ link, stored, cell: cell(own), given: new Set(given) }});
            return [view.symbol, view.rounding, view.minimum_notional];
        }};
        console.log(JSON.stringify([
            open({{}}), open({{ symbol: ["BTCUSDT"] }}), open({{ symbol: ["eth/usdt"] }}),
            open({{ symbol: ["BTCUSDT"], rounding: ["10"] }}), open({{}}, ["symbol"]),
            open({{ symbol: ["XRPUSDT"] }}, ["symbol", "rounding"], {{ symbol: ["SOLUSDT"], rounding: ["0.1"] }}),
            open({{ symbol: ["SOLUSDT"] }}, ["symbol", "rounding"], {{ symbol: ["SOLUSDT"], rounding: ["0.1"] }}),
        ]));
    """)
    assert json.loads(printed) == [
        [["SOLUSDT", "ETHUSDT"], ["0.01", "0.5"], [5000, 0]],
        [["BTCUSDT"], ["auto"], [5000]],  # a value in quote currency means the same for every symbol
        [["eth/usdt"], ["0.5"], [5000]],
        [["BTCUSDT"], ["10"], [5000]],
        [["BTCUSDT"], ["auto"], [5000]],
        [["XRPUSDT"], ["auto"], [5000]],
        [["SOLUSDT"], ["0.1"], [5000]],
    ]


def test_a_link_opens_what_it_says_or_the_page_says_why_not(run_module: RunModule):
    printed = run_module(f"""{PAGE}{OPENING}
        const rows = [
            row("btc", "BTCUSDT", "0.1"), row("BTCUSDT", "BTCUSDT", "0.1"), row("币安人生", "币安人生USDT", "0.00001"),
            row("SOLUSDT", "SOLUSDT", "0.01"), unknown("NOPE"), unknown("BTCUSD", "BTCUSDT"),
        ];
        const answer = (link, {{ stored = {{}}, given = [], own = {{}} }} = {{}}) => {{
            const {{ view, told }} = answeredView({{ link, stored, cell: cell(own), given: new Set(given), rows }});
            const said = told.map(({{ text, suggestions, beside }}) => [text, suggestions, beside]);
            return [view.symbol, view.rounding, said];
        }};
        console.log(JSON.stringify([
            answer({{ symbol: ["btc", "币安人生"], rounding: ["0.01", "0.001"] }}),
            answer({{ symbol: ["BTCUSD", "SOLUSDT"], rounding: ["10", "0.5"] }}),
            answer({{ symbol: ["BTCUSD"] }}, {{ stored: {{ symbol: ["SOLUSDT"], rounding: ["0.001"] }} }}),
            answer({{}}, {{ stored: {{ symbol: ["NOPE"] }} }}),
            answer({{}}, {{ own: {{ symbol: ["NOPE"] }} }}),
            answer({{}}, {{ own: {{ symbol: ["NOPE"] }}, given: ["symbol"] }}),
        ]));
    """)
    two, one_of_two, none, forgotten, default, given = json.loads(printed)
    assert two[:2] == [["BTCUSDT", "币安人生USDT"], ["0.1", "0.001"]]
    assert [text for text, *_ in two[2]] == [
        "The link says rounding=0.01: prices of BTCUSDT go in steps of 0.1. Shown: 0.1."
    ]
    assert one_of_two == [
        ["SOLUSDT"], ["0.5"], [["Symbol BTCUSD not found. Shown: SOLUSDT.", ["BTCUSDT"], True]],
    ]  # fmt: skip
    assert none == [
        ["SOLUSDT"], ["auto"], [["Symbol BTCUSD not found. Shown: SOLUSDT.", ["BTCUSDT"], False]],
    ]  # fmt: skip
    assert forgotten[0] == ["BTCUSDT"]
    assert forgotten[2] == [["NOPE, shown last time, is not listed. Shown: BTCUSDT.", [], False]]
    assert default == [["BTCUSDT"], ["auto"], []], "nobody asked for it: the largest symbol is shown"
    assert given[0] == ["NOPE"]
    assert given[2] == [["Symbol NOPE not found.", [], False]]


VIEW = """
    const view = (changes) => ({
        symbol: ["BTCUSDT"], timeframe: "1m", rounding: ["auto"], minimum_notional: [0], rows: 20, layout: "default",
        overlays: [], depth_percent: 1, whole_market: false, span: "1h", show_volume: true, show_liquidations: true,
        show_liquidation_average: true, show_lapses: true, log_scale: false, fixed_scale: false, ...changes,
    });
"""


def test_a_view_as_code_names_only_what_is_not_by_itself(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const many = view({{
            symbol: ["BTCUSDT", "ETHUSDT"], rounding: ["auto", "0.5"], minimum_notional: [0, 0.25], layout: "chart",
        }});
        console.log(JSON.stringify([page.viewCode(view()), page.viewCode(many), page.viewTexts(many)]));
    """)
    plain, many, texts = json.loads(printed)
    assert plain.splitlines()[-1] == 'Dashboard(symbol="BTCUSDT", timeframe="1m", rows=20)'
    assert many.splitlines()[-1] == (
        'Dashboard(symbols=["BTCUSDT", "ETHUSDT"], timeframe="1m", rounding=["auto", "0.5"], rows=20, '
        'minimum_notional=[0, 0.25], layout="chart")'
    )
    assert texts == {
        "symbol": "BTCUSDT,ETHUSDT", "timeframe": "1m", "rounding": "auto,0.5", "minimum_notional": "0,0.25",
        "rows": "20", "layout": "chart",
    }  # fmt: skip


def test_two_dashboards_of_a_page_keep_their_views_apart_in_its_address(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        globalThis.history = {{ replaceState: (state, title, url) => (location = new URL(url)) }};
        const of = (symbol, layout) => view({{
            symbol, timeframe: "5m", rounding: symbol.map(() => "auto"), minimum_notional: symbol.map(() => 0), layout,
        }});
        page.addressPrefix("dashboard");
        page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "book"));
        page.keep("dashboard", of(["BTCUSDT"], "chart"));
        const asked = () => ["dashboard", "second one", "third"].map((name) => page.fromUrl(name).view);
        const both = asked();
        page.keep("second one", of(["ETHUSDT", "SOLUSDT"], "default"));
        console.log(JSON.stringify([both, asked().map(({{ layout }}) => layout ?? null)]));
    """)
    (first, second, third), layouts = json.loads(printed)
    assert first == {"symbol": ["BTCUSDT"], "rounding": ["auto"], "timeframe": "5m", "layout": "chart", "rows": 20}
    assert (second["symbol"], second["layout"]) == (["ETHUSDT", "SOLUSDT"], "book")
    assert third == {}
    assert layouts == ["chart", None, None]


def test_a_copied_link_leaves_the_server_s_token_out(run_module: RunModule):
    printed = run_module(f"""{PAGE}
        globalThis.location = new URL("http://127.0.0.1/desk/?token=secret&symbol=BTCUSDT,ETHUSDT&zone=utc#top");
        console.log(page.viewLink());
    """)
    assert printed.strip() == "http://127.0.0.1/desk/?symbol=BTCUSDT,ETHUSDT&zone=utc#top"


def test_the_address_says_what_the_page_shows_and_says_it_once(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        globalThis.history = {{ replaceState: (state, title, url) => (location = new URL(url)) }};
        location = new URL("http://127.0.0.1/desk/?Symbols=btc&timeframe=7m&minimum_size=5&utm_source=x");
        page.keep("dashboard", view({{ symbol: ["币安人生USDT", "BTCUSDT"], rounding: ["auto", "10"] }}));
        const asked = [...new URLSearchParams(location.search)];
        const wholes = [page.fromUrl("dashboard").whole];
        location = new URL("http://127.0.0.1/?symbol=BTCUSDT&timeframe=5m"); // typed: the rest is the reader's own
        console.log(JSON.stringify([asked, [...wholes, page.fromUrl("dashboard").whole]]));
    """)
    asked, wholes = json.loads(printed)
    assert wholes == [True, False]
    assert dict(asked) == {
        "utm_source": "x", "symbol": "币安人生USDT,BTCUSDT", "timeframe": "1m", "rounding": "auto,10", "rows": "20",
    }  # fmt: skip


def test_two_pickers_do_not_overwrite_each_other_s_favourites(run_module: RunModule):
    printed = run_module("""
        const held = new Map();
        let full = false;
        globalThis.localStorage = {
            getItem: (name) => held.get(name) ?? null,
            setItem(name, text) { if (full) throw new Error("quota"); held.set(name, text); },
        };
        const { keepFavourites, readFavourites, toggled } = await import("./symbol_list.js");
        let [one, other] = [["SOLUSDT"], ["SOLUSDT"]];
        keepFavourites(one);
        keepFavourites((one = toggled(one, "BTCUSDT")));
        keepFavourites((other = toggled(other, "ETHUSDT")));
        const seen = [readFavourites()];
        keepFavourites((one = toggled(one, "BTCUSDT")));
        keepFavourites((other = toggled(other, "XRPUSDT")));
        seen.push(readFavourites()); // what one has let go does not come back with the other
        held.clear();
        full = true;
        keepFavourites((one = toggled(one, "ETHUSDT")));
        seen.push(one);
        full = false;
        held.set("orderfox.favourites.v1", JSON.stringify(["币安人生USDT", 7, "two words", "BTCUSDT"]));
        seen.push(readFavourites());
        console.log(JSON.stringify(seen));
    """)
    assert json.loads(printed) == [
        ["SOLUSDT", "BTCUSDT", "ETHUSDT"], ["SOLUSDT", "ETHUSDT", "XRPUSDT"], ["SOLUSDT"], ["币安人生USDT", "BTCUSDT"],
    ]  # fmt: skip


CHOSEN = {
    "timeframe": "15m", "rows": 10, "overlays": ["vwap", "ema20"], "depth_percent": 0.25, "whole_market": True,
    "span": "15m", "show_volume": False, "show_liquidations": False, "show_liquidation_average": False,
    "show_lapses": False, "log_scale": True, "fixed_scale": True,
    "layout": "book", "symbol": ["ETHUSDT"], "rounding": ["0.5"], "minimum_notional": [0.125],
}  # fmt: skip


def test_everything_that_is_chosen_comes_back_from_the_code_and_from_the_address(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const chosen = view({json.dumps(CHOSEN)});
        console.log(JSON.stringify([page.viewCode(chosen), readView(page.viewTexts(chosen)).view]));
    """)
    code, back = json.loads(printed)
    assert back == CHOSEN
    made = eval(code.strip().splitlines()[-1], {"Dashboard": Dashboard})
    state = made.page_state
    lists = {"symbol": state.symbols, "rounding": state.roundings, "minimum_notional": state.minimum_notionals}
    named = {name: lists.get(name, getattr(made, name, made.arrangement)) for name in CHOSEN}
    assert {**named, "layout": made.arrangement} == CHOSEN
    assert (made.chart.overlays, made.chart.show_lapses, made.depth.percent) == (["vwap", "ema20"], False, 0.25)
    assert (made.tape.minimum_notional, made.liquidations.whole_market, made.liquidations.span) == (0.125, True, "15m")


def test_what_a_cell_gave_is_said_in_the_address_also_where_it_was_chosen_away(run_module: RunModule):
    printed = run_module(f"""{PAGE}{VIEW}
        const texts = page.viewTexts(view(), new Set(["overlays", "minimum_notional", "whole_market"]));
        console.log(JSON.stringify(readView(texts).view));
    """)
    back = json.loads(printed)
    assert (back["overlays"], back["minimum_notional"], back["whole_market"]) == ([], [0], False)


@pytest.mark.parametrize("bad", ["ema1", "ema501", "vwap,", "vwap,<b>", "ema020", "sma20", ",vwap"])
def test_overlays_of_an_address_are_those_of_the_chart(run_module: RunModule, bad: str):
    printed = run_module(f"""{PAGE}
        const overlays = (text) => readView({{ overlays: text }}).view.overlays ?? null;
        console.log(JSON.stringify([overlays({json.dumps(bad)}), overlays("vwap,ema2,bollinger500")]));
    """)
    assert json.loads(printed) == [None, ["vwap", "ema2", "bollinger500"]]


def test_a_tape_that_is_held_keeps_no_more_than_its_length_and_counts_what_it_missed(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { Kept } = await import("./tape.js");
        const kept = new Kept();
        const frame = (from) => {
            const ids = Array.from({ length: 50 }, (_, at) => from + at);
            return [ids, ids, ids, ids.map((id) => id % 2), ids];
        };
        kept.apply(frame(0), 0, 50);
        kept.hold(true);
        for (let at = 10; at <= 1000; at += 10) kept.apply(frame(at), 1, 50);
        const held = [kept.rows.length, kept.missed, kept.rows.at(-1)[0]];
        kept.hold(false);
        console.log(JSON.stringify([held, kept.missed]));
    """)
    assert json.loads(printed) == [[50, 500, 1049], 0]


def test_trades_that_never_came_leave_a_mark_between_those_before_and_after(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { GAP, Kept } = await import("./tape.js");
        const kept = new Kept();
        const take = (ids, size = 9, price = 2) =>
            kept.apply([ids, ids, ids.map(() => price), ids.map(() => size), ids], 18, 6);
        const shown = () => kept.rows.map(([id, time]) => (time === GAP ? `after ${id}` : id));
        const seen = [];
        for (const ids of [[23, 24], [24, 25], [26, 27], [40, 41], [42]]) seen.push((take(ids), shown()));
        // Between trades that do not pass the filter a second mark would say nothing new.
        take([60, 61], 1, 1);
        take([70], 17, 1);
        take([80]);
        console.log(JSON.stringify([seen, shown()]));
    """)
    seen, last = json.loads(printed)
    assert seen == [
        [23, 24],
        [23, 24, 25],
        [23, 24, 25, 26, 27],
        [25, 26, 27, "after 27", 40, 41],
        [26, 27, "after 27", 40, 41, 42],
    ]
    assert last == ["after 27", 40, 41, 42, "after 42", 80]


def test_trades_of_a_venue_that_restarted_take_the_place_of_those_before(run_module: RunModule):
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { Kept } = await import("./tape.js");
        const kept = new Kept();
        const take = (ids) => kept.apply([ids, ids, ids, ids, ids], 0, 6);
        const seen = [];
        for (const ids of [[5_001, 5_002], [], [7, 8], [8, 9]]) seen.push((take(ids), kept.rows.map(([id]) => id)));
        console.log(JSON.stringify(seen));
    """)
    assert json.loads(printed) == [[5001, 5002], [5001, 5002], [7, 8], [7, 8, 9]]


def test_the_tape_s_filter_is_a_value_that_means_the_same_for_every_symbol(run_module: RunModule):
    """Five of a coin worth 3,000 were five of one worth 68,000 after a change of symbol."""
    printed = run_module("""
        globalThis.document = { getElementById: () => null };
        const { Kept, amountOf, amountText } = await import("./tape.js");
        const shown = (price, priceDigits, sizes, sizeDigits) => {
            const kept = new Kept();
            const ids = sizes.map((_, at) => at);
            kept.apply([ids, ids, ids.map(() => price), sizes, ids], 10_000 * 10 ** (priceDigits + sizeDigits), 50);
            return kept.rows.map(([, , , size]) => size / 10 ** sizeDigits);
        };
        const texts = ["2500", " 10k", "1.5 M", ".5", "0", "-1", "1e5", "k", "", "10kk", "1,000"];
        console.log(JSON.stringify([
            shown(318746, 2, [3137, 3138, 5000], 3), // 3,187.46 with three digits of size
            shown(684123, 1, [146, 147, 5000], 3),
            shown(17642, 5, [56_000, 57_000], 0),
            texts.map(amountOf), [0.125, 999, 1000, 1250, 12_345, 1_500_000, 1e9].map(amountText),
        ]));
    """)
    assert json.loads(printed) == [
        [3.138, 5], [0.147, 5], [57_000],
        [2500, 10_000, 1_500_000, 0.5, 0, None, None, None, None, None, None],
        ["0.125", "999", "1K", "1250", "12345", "1.5M", "1B"],
    ]  # fmt: skip
