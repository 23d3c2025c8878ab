"""The ladder's price axis, its room and its numbers, in Node, and the same of its still."""

from __future__ import annotations

import itertools
import json
import random
from decimal import Decimal
from typing import Any

import pytest

from orderfox_nb.widgets.static_book import book_svg, ladder_rows
from orderfox_nb.widgets.static_svg import colours_of, text_width
from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets

MODULES = """
    globalThis.document = { getElementById: () => null };
    const { axisOf, fitRows, LadderWindow, sideRows, wireRows } = await import("./ladder_axis.js");
    const say = (value) => console.log(JSON.stringify(value));
"""


def frame_of(
    bids: list[int], asks: list[int], *, rounding: str = "20", digits: int = 0, rows: int = 10, size: int = 5
) -> dict[str, Any]:
    """Return a book frame whose rows have one size each; prices are in units of 10^-digits."""
    sides = [[prices, [size] * len(prices), [size * (at + 1) for at in range(len(prices))]] for prices in (bids, asks)]
    best = [min(side, default=None, key=lambda one, at=asks[0] if asks else 0: abs(one - at)) for side in (bids, asks)]
    return {
        "symbol": "PEPEUSDT", "rounding": rounding, "price_digits": digits, "size_digits": 3, "tick_digits": digits,
        "rows": rows, "bids": sides[0], "asks": sides[1], "best_bid": best[0], "best_ask": best[1],
        "quality": {"state": "live", "coverage": "complete"},
    }  # fmt: skip


def rows_of(run_module: RunModule, frame: dict[str, Any], count: int) -> dict[str, list[dict[str, Any]]]:
    printed = run_module(f"""{MODULES}
        const axis = axisOf({json.dumps(frame)});
        say({{ bids: sideRows(axis, "bids", {count}), asks: sideRows(axis, "asks", {count}) }});
    """)
    return json.loads(printed)


def test_every_step_of_the_price_is_a_row_whether_a_level_lies_on_it_or_not(run_module: RunModule):
    frame = frame_of([100, 60, 40], [160, 180, 260])
    found = rows_of(run_module, frame, 6)
    # 120 and 140 lie between the best prices and belong to the nearer side; nothing is below a price of 20.
    assert [(row["key"] * 20, row["own"], row["at"]) for row in found["bids"]] == [
        (120, False, -1), (100, True, 0), (80, False, 0), (60, True, 1), (40, True, 2), (20, False, 2),
    ]  # fmt: skip
    assert [(row["key"] * 20, row["own"], row["at"]) for row in found["asks"]] == [
        (140, False, -1), (160, True, 0), (180, True, 1), (200, False, 1), (220, False, 1), (240, False, 1),
    ]  # fmt: skip


def test_of_rows_beyond_a_frame_that_ends_early_nothing_is_said(run_module: RunModule):
    whole = rows_of(run_module, frame_of([100, 80], [120, 140], rows=10), 4)
    assert all(row["known"] for row in whole["bids"] + whole["asks"])
    cut = rows_of(run_module, frame_of([100, 80], [120, 140], rows=2), 4)
    assert [row["known"] for row in cut["bids"]] == [True, True, False, False]
    bids, asks = ladder_rows(frame_of([100, 80], [120, 140], rows=2), 4)
    assert [row.price for row in bids] == [100, 80]
    assert [row.price for row in asks] == [120, 140]


def test_page_and_still_have_the_same_rows(run_module: RunModule):
    dice = random.Random(4)
    frames = []
    for _ in range(30):
        unit, digits = dice.choice([(20, 0), (5, 2), (2, 6), (1, 1)])
        middle = dice.randrange(5, 400)
        bids = sorted(dice.sample(range(1, middle + 1), dice.randrange(min(6, middle))), reverse=True)
        asks = sorted(dice.sample(range(middle + 1, middle + 60), dice.randrange(6)))
        rounding = f"{Decimal(unit).scaleb(-digits):f}"
        scaled = [[key * unit for key in side] for side in (bids, asks)]
        frames.append(frame_of(*scaled, rounding=rounding, digits=digits, rows=dice.choice([3, 10])))
    printed = run_module(f"""{MODULES}
        say({json.dumps(frames)}.map((frame) => {{
            const axis = axisOf(frame);
            if (axis.boundary === null) return [[], []];
            return ["bids", "asks"].map((name) => sideRows(axis, name, 12).filter(({{ known }}) => known).map((row) => [
                row.key * axis.unit, row.own ? frame[name][1][row.at] : null,
                row.at < 0 ? null : frame[name][2][row.at],
            ]));
        }}));
    """)
    for frame, shown in zip(frames, json.loads(printed), strict=True):
        assert [[list(row) for row in side] for side in ladder_rows(frame, 12)] == shown


def test_prices_keep_their_place_until_the_market_leaves_the_middle_half(run_module: RunModule):
    printed = run_module(f"""{MODULES}
        const seen = [];
        const steps = new LadderWindow();
        const at = (boundary, held) => {{
            const {{ drift, asks, bids }} = steps.place(boundary, 10, held);
            seen.push([drift, boundary - bids + 1, boundary + asks]);
        }};
        for (const boundary of [100, 103, 97, 105]) at(boundary);
        at(108, true); // somebody reads
        at(110, true); // the market left the axis
        at(112);
        steps.recentre();
        at(112);
        at(90);
        say(seen);
    """)
    assert json.loads(printed) == [
        [0, 91, 110], [3, 91, 110], [-3, 91, 110], [5, 91, 110], [8, 91, 110],
        [0, 101, 120], [2, 101, 120], [0, 103, 122], [0, 81, 100],
    ]  # fmt: skip


def test_there_are_as_many_rows_as_have_room_and_a_chosen_number_is_that_number(run_module: RunModule):
    rooms = [60, 150, 300, 500, 660, 900, 2_500]
    printed = run_module(f"""{MODULES}
        const rooms = {rooms};
        const fits = (rows) => rooms.map((room) => fitRows(rows, room));
        say([fits("fit"), [10, 20, 50].map(fits)]);
        say([1, 13, 14, 20, 33, 34, 50].map(wireRows));
    """)
    lines = printed.splitlines()
    fitting, chosen = json.loads(lines[0])
    for room, fit in zip(rooms, fitting, strict=True):
        assert not fit["scrolls"] or fit["half"] == 3
        if 3 < fit["half"] < 50:
            assert 2 * fit["half"] * fit["px"] <= room < 2 * (fit["half"] + 1) * 19
    for rows, fits in zip((10, 20, 50), chosen, strict=True):
        for room, fit in zip(rooms, fits, strict=True):
            assert fit["half"] == rows
            assert 17 <= fit["px"] <= 24
            assert fit["scrolls"] == (2 * rows * fit["px"] > room)
    # 20 rows a side have room in the dashboard's panel at 900 px, and the wire has what a ladder off its middle shows.
    assert not next(fit for room, fit in zip(rooms, chosen[1], strict=True) if room == 900)["scrolls"]
    assert json.loads(lines[1]) == [50, 50, 50, 50, 50, 100, 100]


FIT = """
    globalThis.document = { getElementById: () => null };
    const { ColumnFit, fitColumns, fittingText } = await import("./column_fit.js");
    const measure = (text) => text.length * 7;
"""


def test_columns_have_room_for_every_digit_or_change_their_form_by_rule(run_module: RunModule):
    printed = run_module(f"""{FIT}
        const columns = [
            {{ forms: [70], drop: 0 }}, {{ forms: [91, 49, 42], drop: 0 }}, {{ forms: [105, 49, 42], drop: 1 }},
            {{ forms: [49], drop: 2 }},
        ];
        console.log(JSON.stringify([400, 340, 300, 250, 190, 175, 130, 60].map((room) => {{
            const {{ chosen, widths, scale }} = fitColumns(room, columns);
            const shown = chosen.filter((form) => form >= 0).length;
            const need = widths.reduce((sum, one) => sum + one, 0) + 10 * (shown - 1);
            return [chosen, Number(scale.toFixed(2)), need * scale <= room + 1e-9 || scale === 0.7];
        }})));
    """)
    assert json.loads(printed) == [
        [[0, 0, 0, 0], 1, True],  # all of it
        [[0, 0, 0, -1], 1, True],  # without the notional
        [[0, 0, 0, -1], 1, True],
        [[0, 0, 1, -1], 1, True],  # the longer column first
        [[0, 1, 1, -1], 1, True],
        [[0, 2, 2, -1], 1, True],
        [[0, 2, -1, -1], 1, True],
        [[0, 2, -1, -1], 0.7, True],
    ]


def test_columns_grow_with_their_numbers_and_shrink_for_another_symbol(run_module: RunModule):
    printed = run_module(f"""{FIT}
        const set = {{}};
        const table = {{ style: {{ setProperty: (name, value) => (set[name] = value) }}, dataset: {{}} }};
        const fit = new ColumnFit(table, ["", "Size", ""], measure);
        const tracks = (key, text) => {{
            const chosen = fit.fit(key, 200, [
                {{ texts: ["1"] }}, {{ texts: [text, "999.9M"] }}, {{ texts: ["1234567"], drop: 2 }},
            ]);
            return [set["--of-tracks"].match(/\\d+(?=px)/g).join(), chosen.join(), table.dataset.without];
        }};
        console.log(JSON.stringify([
            tracks("A", "1,234"), tracks("A", "1,234,567.0"), tracks("A", "1"), tracks("B", "1"),
            tracks("B", "123,456,789,012,345,678,901"), fittingText(50, ["12345678", "1234567", "1"], measure),
        ]));
    """)
    assert json.loads(printed) == [
        ["7,35,49", "0,0,0", ""],
        ["7,77,49", "0,0,0", ""],
        ["7,77,49", "0,0,0", ""],
        ["7,27,49", "0,0,0", ""],
        ["7,42", "0,1,-1", "2"],
        "1234567",
    ]


@pytest.mark.parametrize(
    ("units", "digits", "told"),
    [
        (12_345_678_901, 0, "12.35B"), (999_999, 0, "1.00M"), (7, 3, "0.007"), (123_456, 3, "123.5"),
        (99_999, 3, "99.999"), (0, 0, "0"),
    ],
)  # fmt: skip
def test_a_size_in_few_characters(run_module: RunModule, units: int, digits: int, told: str):
    printed = run_module(f"""
        globalThis.document = {{ getElementById: () => null }};
        const {{ compactText }} = await import("./format.js");
        console.log(compactText({units}, {digits}));
    """)
    assert printed.strip() == told


def test_a_still_of_a_coin_with_long_prices_and_sizes_cuts_and_overlaps_nothing():
    prices = [3012 - at for at in range(10)]
    frame = frame_of(prices, [3013 + at for at in range(10)], rounding="0.00000001", digits=8, size=12_345_678_901_000)
    svg = book_svg(frame, colours_of(), width=320)
    rows: dict[str, list[tuple[float, float]]] = {}
    for part in svg.split("<text ")[1:]:
        attributes = dict(one.split('="') for one in part.split(">")[0].rstrip('"').split('" '))
        content = part.split(">")[1].split("<")[0]
        start = float(attributes["x"]) - (text_width(content) if attributes["text-anchor"] == "end" else 0)
        if float(attributes["font-size"]) == 12.5:
            rows.setdefault(attributes["y"], []).append((start, start + text_width(content)))
    assert len(rows) > 20
    for spans in rows.values():
        spans.sort()
        assert spans[0][0] >= 0
        assert spans[-1][1] <= 320
        assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))
    assert "0.00003012" in svg
    assert "12.35B" in svg
