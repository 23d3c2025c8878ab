"""Older bars, and times that were not live."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.chart.conftest import OpenCharts
from tests.browser.conftest import LINK, until

pytestmark = pytest.mark.browser


async def test_older_bars_are_loaded_when_panned_left_and_the_progress_is_shown(open_charts: OpenCharts):
    held: list[Callable[[], None]] = []
    holding = False

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def from_server(text: str | bytes) -> None:
            if holding and json.loads(text)["type"] == "response":
                held.append(lambda: socket.send(text))
            else:
                socket.send(text)

        server.on_message(from_server)

    async with open_charts(route) as charts:
        await charts.wait("Number(data.bars) >= 200 && progress === ''")
        known = int((await charts.data())["bars"])
        holding = True
        await charts.page.locator(".of-candle-chart .bqplot").first.focus()
        await charts.page.keyboard.press("Home")
        await charts.wait("progress.includes('loading older candles')")
        await charts.painted()
        window = await charts.window()
        holding = False
        for one in held:
            one()
        await charts.wait("Number(data.bars) >= wanted", known + 900)
        await charts.wait("progress === ''")
        assert await charts.window() == window, "what was on the screen stays there"


BLANK = f"""() => {{
    const panel = document.querySelector(".of-candle-chart .of-chart");
    const figure = document.querySelector(".of-candle-chart .bqplot");
    const drawn = [...figure.querySelectorAll(":scope > :is(canvas, svg, .of-chart-legends)")];
    globalThis.ofBlank ??= (() => {{
        const seen = {{ isHidden: false }};
        new MutationObserver(() => {{
            if (panel.dataset.bars !== "0") return;
            seen.isHidden = drawn.length >= 4 && drawn.every((one) => getComputedStyle(one).visibility === "hidden");
        }}).observe(panel, {{ attributes: true }});
        return seen;
    }})();
    if (ofBlank.isHidden) return true;
    const link = {LINK.strip()};
    for (const {{ key, sequence, request, frame }} of link.entries.values()) {{
        if (!frame || request.stream !== "candles") continue;
        link.receive({{ ...frame, type: "frame", key, sequence, base: null, bars: frame.bars.map(() => []) }}, 0);
    }}
    return false;
}}"""
"""Whether the first chart showed nothing for a frame without bars, which is sent until it is painted."""


async def test_a_time_that_was_not_live_is_shaded_and_explained_under_the_pointer(open_charts: OpenCharts):
    state = "live"
    began: list[int] = []

    def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def from_server(text: str | bytes) -> None:
            message = json.loads(text)
            if message["type"] == "frame" and "/candles?" in message["key"]:
                if state != "live" and not began:
                    began.append(message["time"] - 600_000)
                lapse = (
                    [state, *(began[0] + late for late in (0, 300_000)), "<i>the line was cut</i>", 12]
                    if began
                    else None
                )
                # The lapses are the test's alone: a busy machine may have had one of its own.
                if lapse or "lapses" in message:
                    message["lapses"] = [lapse] if lapse else []
                socket.send(json.dumps(message))
            else:
                socket.send(text)

        server.on_message(from_server)

    async with open_charts(route) as charts:
        await charts.wait("data.lapses === '0'")
        await charts.wait_no_ink("warning", rows=(0, 0.05))
        state = "gap"
        await charts.wait("data.lapses === '1'")
        await charts.wait_ink("warning", 10, rows=(0, 0.05))
        await charts.point(began[0] / 1000 + 150, 0.3)
        await charts.wait("tip.startsWith('gap')")
        tip = await charts.text(".of-chart-tip")
        assert "5 min" in tip
        assert "<i>the line was cut</i>" in tip
        assert "12 events are missing" in tip
        await charts.choose("show_lapses", False)
        await charts.wait("data.lapses === '0'")
        await charts.wait_no_ink("warning", rows=(0, 0.05))
        # Of a time at which nothing was recorded no bar of another time is shown, and the next frame is.
        await until(charts.page, BLANK)
        await charts.wait(
            "Number(data.bars) > 0 && getComputedStyle(box.querySelector('canvas')).visibility === 'visible'"
        )


async def test_a_lost_connection_is_shaded_while_it_lasts_and_leaves_no_hole(open_charts: OpenCharts):
    sockets: list[WebSocketRoute] = []
    cut = False

    def route(socket: WebSocketRoute) -> None:
        if not cut:
            sockets.append(socket)
            socket.connect_to_server()

    async with open_charts(route) as charts:
        cut = True
        await sockets[0].close()
        # On a busy machine the data may have been late before, and the server may know of lapses of its own.
        await charts.wait("data.state === 'reconnecting' && data.lapse !== '' && Number(data.lapses) > 0")
        cut = False
        await charts.page.evaluate(f"() => {{ const link = {LINK.strip()}; link.lost(); }}")
        await charts.wait("data.state === 'live' && data.lapse !== 'lost'")
        times = (await charts.frame())["bars"][0]
        assert {after - before for before, after in itertools.pairwise(times)} == {60}
