"""Widgets of a market that a notebook has rewound, beside a live one of the page's server."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import eventually, settled, until
from tests.browser.lab.conftest import OpenNotebook

pytestmark = pytest.mark.browser

PAST = """\
import os, time
os.environ["ORDERFOX_RECORDING"] = "1"
from ipywidgets import HBox, VBox
import orderfox_nb
from orderfox_nb.widgets import *

market = orderfox_nb.connect("sim?seed=5&symbols=2,sim?market=spot&seed=5&symbols=2")
btc = market["BTCUSDT"]
btc.trades.df, btc.book.df, btc.candles("1m").df, market["sim-spot:BTCUSDT"].book.df
whole_s = time.time()  # of all that is shown
for _ in range(500):
    try:
        past = market.rewind("-3s")
        if len(past.venues) == 2 and past.now.timestamp() > whole_s + 1:
            break
        past.close()
    except orderfox_nb.errors.NoPast:
        pass
    time.sleep(0.2)
else:
    raise TimeoutError("nothing is recorded")
past.pause()
one = past["BTCUSDT"]
chart, book, tape = CandleChart(market=one), OrderBook(market=one), Tape(market=one)
spot = OrderBook(market=past["sim-spot:BTCUSDT"])
VBox([QualityBadge(market=one), Rewind(market=one), HBox([chart, book, tape, spot]), OrderBook()])"""
SEEK = 'past.seek("-1s")\nround(past.now.timestamp() * 1e6) // 1000'
NOW = "round(past.now.timestamp() * 1e6) // 1000, past.speed"
BADGES = """() => Object.fromEntries([...document.querySelectorAll(".of-badge, .of-chart, .of-book, .of-tape")]
    .map((one, at) => [`${at} ${one.className.split(" ").at(-1)}`,
        [one.dataset.state ?? "", one.querySelector(".of-past").textContent]]))"""
OWN = """() => {
    const name = Object.getOwnPropertySymbols(globalThis).find((one) => String(one).includes("orderfox.own.v1"));
    const link = name && globalThis[name];
    return link ? { kind: link.transport?.kind, state: link.state, time: link.playhead.time,
        frames: [...link.entries.values()].map(({ frame }) => frame?.time ?? null) } : null;
}"""


async def test_widgets_of_a_rewound_market_follow_its_clock_beside_a_live_one(open_notebook: OpenNotebook):
    async with open_notebook(PAST, SEEK, NOW, "past.close()", height=2400) as notebook:
        screen, page = notebook.screen, notebook.page
        await notebook.run(0)

        def past_and_live(badges: dict[str, Any]) -> None:
            *past, live = badges.values()
            assert len(past) == 5
            assert all(re.fullmatch(r"PAST −\d\d:\d\d, paused", text) for _, text in past), badges
            assert all(state == "live" for state, _ in past[1:]), badges  # no ticker was read and recorded
            assert live == ["live", ""]

        await eventually(lambda: page.evaluate(BADGES), past_and_live)
        assert await screen.link("link.transport.kind") == "socket"
        assert not await screen.link("link.playhead.isPast")
        # Both venues are moved by the strip; a market of the past has no way back to live.
        said = "document.querySelector('.of-rewind-info').textContent"
        await settled(page, said, "In the past, with one clock: sim, sim-spot.")
        await settled(page, "document.querySelector('.of-rewind-live').checkVisibility()", False)

        # Python moves it, and the page follows.
        time_ms = int(await notebook.answer(1))

        def follows(seen: dict[str, Any]) -> None:
            assert (seen["kind"], seen["time"]) == ("comm", time_ms), seen
            assert seen["frames"]
            assert all(time is not None and time <= time_ms for time in seen["frames"]), seen

        await eventually(lambda: page.evaluate(OWN), follows)
        # The page moves it, and Python follows.
        await page.locator(".of-rewind-strip").focus()
        await page.keyboard.press("ArrowUp")
        await settled(page, f"({OWN})().time", time_ms)
        await until(page, "document.querySelector('.of-rewind-speed').value === '2'")

        def moved(answer: str) -> None:
            assert answer == f"({time_ms}, 2.0)"

        await eventually(lambda: notebook.answer(2), moved)
        await notebook.run(3)

        def closed(badges: dict[str, Any]) -> None:
            *past, live = badges.values()
            assert all(state == "closed" for state, _ in past), badges
            assert live == ["live", ""]

        await eventually(lambda: page.evaluate(BADGES), closed)
        assert screen.errors == []
        assert screen.foreign == []
