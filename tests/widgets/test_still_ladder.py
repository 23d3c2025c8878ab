"""The ladder of a still: the rows that the page has, and numbers that have room."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb.market.svg.pieces import colours_of, text_width
from orderfox_nb.widgets.still.book import book_svg, ladder_rows
from tests.conftest import missing

pytestmark = pytest.mark.widgets

PRINT_ROWS = Path(__file__).parents[1] / "js" / "panels" / "print_rows.js"


def frame_of(
    bids: list[int], asks: list[int], *, rounding: str = "20", digits: int = 0, rows: int = 10, size: int = 5
) -> dict[str, Any]:
    """Return a book frame whose rows have one size each; prices are in units of 10^-digits."""
    sides = [[prices, [size] * len(prices), [size * (at + 1) for at in range(len(prices))]] for prices in (bids, asks)]
    return {
        "symbol": "PEPEUSDT", "rounding": rounding, "price_digits": digits, "size_digits": 3, "tick_digits": digits,
        "rows": rows, "bids": sides[0], "asks": sides[1],
        "best_bid": bids[0] if bids else None, "best_ask": asks[0] if asks else None,
        "quality": {"state": "live", "coverage": "complete"},
    }  # fmt: skip


def test_a_still_ends_where_its_frame_does():
    bids, asks = ladder_rows(frame_of([100, 80], [120, 140], rows=2), 4)
    assert [row.price for row in bids] == [100, 80]
    assert [row.price for row in asks] == [120, 140]


def test_page_and_still_have_the_same_rows():
    node = shutil.which("node") or missing("node", "node is not installed: the page's rows come from its own module")
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
    done = subprocess.run(
        [node, str(PRINT_ROWS)], input=json.dumps(frames), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert any(side for sides in shown for side in sides)
    for frame, sides in zip(frames, shown, strict=True):
        assert [[list(row) for row in side] for side in ladder_rows(frame, 12)] == sides


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
