"""A page that goes back in time while another one stays live."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import LINK, NOTEBOOKS, OpenScreen, Screen, eventually, settled, until
from tests.browser.test_accessibility import serious
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

RECORDED_MS = 12_000
"""So much is recorded before a page goes back in it."""
PAST = re.compile(r"PAST −\d\d:\d\d, (paused|max|[\d.]+×)")
BADGES = """() => Object.fromEntries([...document.querySelectorAll(".of-past")].filter((one) => one.checkVisibility())
    .map((one) => [one.closest("[data-past]").className.split(" ").at(-1), one.textContent]))"""
SHOWN = f"""() => {{
    const link = {LINK.strip()};
    const newest = {{}};
    for (const {{ request, frame }} of link.entries.values()) {{
        if (!frame) continue;
        if (request.stream === "trades" && frame.trades[1].length) newest.trades = frame.trades[1].at(-1);
        if (request.stream === "candles" && frame.bars[0].length) newest.candles = frame.bars[0].at(-1) * 1000;
        if (request.stream === "book") newest.book = frame.time;
    }}
    return {{ newest, now: link.now(), live: link.liveNow(), past: link.playhead.isPast,
        rows: [...document.querySelectorAll(".of-tape .of-row:not(.of-gap)")].map((row) => row.textContent).length,
        gaps: document.querySelectorAll(".of-tape .of-gap").length }};
}}"""
"""The newest times of what a page holds, and where it is itself."""
SENT = f"""() => {{
    const {{ playhead }} = {LINK.strip()};
    globalThis.ofSent = [];
    const post = playhead.post;
    playhead.post = (message) => (ofSent.push(message), post(message));
}}"""
"""Note what the page asks of its playhead."""
PLACE = """(time) => {
    const { dataset: { from, to }, clientWidth } = document.querySelector(".of-rewind-strip");
    return ((time - from) / (to - from)) * clientWidth;
}"""
"""Where a time is on the strip, in pixels from its left edge."""
TIME = """(x) => {
    const { dataset: { from, to }, clientWidth } = document.querySelector(".of-rewind-strip");
    return Number(from) + (x / clientWidth) * (to - from);
}"""
"""Which time is there."""
CONTROLS = """() => [...document.querySelectorAll(
        ".of-rewind :is(button, select, input, .of-rewind-strip, .of-rewind-near)")]
    .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())
    .map(({ left, right, width, height }) => [left, right, width, height])"""
"""Where the controls of the past are: left, right, width, height."""


@pytest.fixture(scope="module")
def recording_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard whose server records what is read."""
    del chromium
    folder = tmp_path_factory.mktemp("rewind")
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=4&liquidation_rate=20"]
    command += ["--notebook", str(NOTEBOOKS / "dashboard.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", folder / "log", {**environment, "ORDERFOX_RECORDING": "1"})
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.end()


async def playhead(screen: Screen) -> dict[str, Any]:
    return await screen.link(
        "(({time, start, end, speed, playing, isPast, isAsking, problem}) => "
        "({time, start, end, speed, playing, isPast, isAsking, problem}))(link.playhead)"
    )


async def answered(screen: Screen, **wanted: object) -> dict[str, Any]:
    """Wait until the server has answered and the playhead is as wanted."""

    def check(seen: dict[str, Any]) -> None:
        assert not seen["isAsking"]
        assert {name: seen[name] for name in wanted} == wanted, seen

    return await eventually(lambda: playhead(screen), check)


async def enter(screen: Screen) -> None:
    """Go into the past by the button, once enough is recorded."""
    await until(screen.page, "() => !document.querySelector('.of-rewind > .of-rewind-button').disabled")
    await screen.page.click(".of-rewind > .of-rewind-button")
    await answered(screen, isPast=True)


async def shows(screen: Screen, *, behind_ms: float) -> dict[str, Any]:
    """Wait until everything that the page holds is of the past, by so much at least and of no time after it."""

    def check(seen: dict[str, Any]) -> None:
        assert seen["past"]
        assert set(seen["newest"]) == {"trades", "candles", "book"}, seen
        assert all(time <= seen["now"] + 500 for time in seen["newest"].values()), seen
        assert seen["live"] - seen["now"] >= behind_ms
        assert seen["rows"] > 0
        assert not seen["gaps"], "a replay misses nothing"

    return await eventually(lambda: screen.page.evaluate(SHOWN), check)


async def test_a_page_rewinds_by_button_key_and_drag_while_another_stays_live(
    recording_server: str, open_screen: OpenScreen
):
    async with open_screen(recording_server) as other, open_screen(recording_server) as screen:
        await other.wait_live("chart", "book", "tape")
        await screen.wait_live("chart", "book", "tape")
        await screen.page.evaluate(SENT)
        await until(
            screen.page, f"() => Number(document.querySelector('.of-rewind').dataset.recorded) >= {RECORDED_MS}"
        )
        title = await screen.page.title()
        await enter(screen)

        # Every widget is in the past and says so, and nothing of the live market is left.
        await shows(screen, behind_ms=5_000)

        def everywhere(badges: dict[str, str]) -> None:
            assert set(badges) >= {"of-badge", "of-chart", "of-depth", "of-book", "of-tape", "of-liquidations"}
            assert all(PAST.fullmatch(text) for text in badges.values()), badges

        def in_past(text: str) -> None:
            assert PAST.match(text), text

        await eventually(lambda: screen.page.evaluate(BADGES), everywhere)
        await eventually(screen.page.title, in_past)
        assert await other.page.evaluate(BADGES) == {}
        assert await serious(screen, ".of-rewind") == {}

        # Speeds, pause and steps by key.
        await screen.page.keyboard.press("ArrowUp")
        await answered(screen, speed=2)
        await screen.page.keyboard.press("ArrowDown")
        await screen.page.keyboard.press("ArrowDown")
        await answered(screen, speed=0.5)
        await screen.page.select_option(".of-rewind-speed", "1")
        await answered(screen, speed=1)
        await screen.page.locator(".of-rewind-strip").focus()
        await screen.page.keyboard.press("Space")
        paused = await answered(screen, playing=False)
        await screen.page.keyboard.press("ArrowRight")
        await answered(screen, time=paused["time"] + 1_000)
        await screen.page.keyboard.press("ArrowLeft")
        await answered(screen, time=paused["time"])
        await screen.page.keyboard.press("Alt+ArrowRight")
        stepped = await answered(screen, playing=False)
        assert stepped["time"] >= paused["time"]

        # A drag: the last position wins, exactly.
        strip = screen.page.locator(".of-rewind-strip")
        box = await strip.bounding_box()
        assert box
        middle = (stepped["start"] + stepped["end"]) / 2
        x = box["x"] + await screen.page.evaluate(PLACE, middle)
        await screen.page.evaluate("() => { ofSent.length = 0; }")
        await screen.page.mouse.move(x - 60, box["y"] + 20)
        await screen.page.mouse.down()
        await screen.page.mouse.move(x, box["y"] + 20, steps=40)
        wanted = await screen.page.evaluate(TIME, x - box["x"])  # the strip stands still in the hand
        await screen.page.mouse.up()
        # Released where it has rested for a moment, a drag sends its time no second time.
        sent = await screen.page.evaluate("ofSent.filter(({ time }) => time !== undefined)")
        pixel = await screen.page.evaluate(TIME, 1) - await screen.page.evaluate(TIME, 0)
        assert abs(sent[-1]["time"] - wanted) <= pixel
        dragged = await answered(screen, playing=False, time=sent[-1]["time"])
        value = "document.querySelector('.of-rewind-strip').getAttribute('aria-valuenow')"
        await settled(screen.page, value, str(dragged["time"]))
        assert "paused" in (await strip.get_attribute("aria-valuetext") or "")
        await shows(screen, behind_ms=1_000)

        # A typed time; what is typed is no key of the past.
        await screen.page.keyboard.press("g")
        await screen.page.keyboard.type("1s l")
        assert (await playhead(screen))["isPast"]
        await screen.page.fill(".of-rewind-time", "-5s")
        await screen.page.keyboard.press("Enter")

        def elsewhere(seen: dict[str, Any]) -> None:
            assert not seen["isAsking"]
            assert not seen["playing"]
            assert seen["time"] != dragged["time"]

        typed = await eventually(lambda: playhead(screen), elsewhere)

        # A cut connection leaves the page where it was.
        await screen.link("link.lost()")
        await until(screen.page, f"() => {LINK.strip()}.counters.connections >= 2")
        await answered(screen, isPast=True, time=typed["time"], playing=False)
        await shows(screen, behind_ms=1_000)

        # On a phone the controls have room, and fingers hit them.
        await screen.page.set_viewport_size({"width": 390, "height": 844})

        def has_room(boxes: list[list[float]]) -> None:
            assert len(boxes) >= 10
            for left, right, width, height in boxes:
                assert left >= 0
                assert right <= 390
                assert min(width, height) >= 24, boxes

        await eventually(lambda: screen.page.evaluate(CONTROLS), has_room)
        await until(screen.page, "document.documentElement.scrollWidth <= 390")
        await screen.page.set_viewport_size({"width": 1440, "height": 900})

        # And back at once; the other page has been live all the time.
        before = await other.frames("book", "tape")
        await screen.page.keyboard.press("l")
        await answered(screen, isPast=False)
        await settled(screen.page, BADGES, {})
        await settled(screen.page, "document.title", title)

        def live(seen: dict[str, Any]) -> None:
            assert not seen["past"]
            # The book is of now; in a calm market the newest trade may be older.
            assert "trades" in seen["newest"]
            assert seen["live"] - seen["newest"].get("book", 0) < 5_000, seen
            assert not seen["gaps"], "what is shown is of one time"

        await eventually(lambda: screen.page.evaluate(SHOWN), live)
        await other.wait_frames("book", 3)
        assert (await other.frames("tape"))["tape"] > 0
        assert before["book"] > 0
        assert await other.link("link.counters.connections") == 1
        assert await other.link("link.playhead.moves.size") == 0

        # The start can be picked on the chart.
        await screen.page.click(".of-chart .of-menu-button")
        await screen.page.click(".of-menu-action")
        await screen.page.wait_for_selector(".of-pick-hint")
        await screen.page.keyboard.press("Escape")
        await screen.page.wait_for_selector(".of-pick-hint", state="detached")
        await screen.page.click(".of-chart .of-menu-button")
        await screen.page.click(".of-menu-action")
        await screen.page.locator(".of-candle-chart .bqplot").click(position={"x": 500, "y": 150})
        await answered(screen, isPast=True, playing=True)
        await screen.page.click(".of-rewind-live")
        await answered(screen, isPast=False)
        screen.check_clean()
        other.check_clean()


async def test_a_server_that_does_not_record_says_so_at_the_button(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("book")

        def reasoned(text: str) -> None:
            assert "ORDERFOX_RECORDING is off" in text

        await eventually(lambda: screen.page.inner_text(".of-rewind-info"), reasoned)
        cut = """() => {
            const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.querySelector(".of-rewind-info");
            return scrollWidth > clientWidth || scrollHeight > clientHeight;
        }"""
        for width in (390, 768, 1440):
            await screen.page.set_viewport_size({"width": width, "height": 900})
            await settled(screen.page, cut, False)
        assert await screen.page.is_disabled(".of-rewind > .of-rewind-button")
        await screen.page.keyboard.press("ArrowLeft")  # a key of the past means nothing here
        assert await screen.link("link.playhead.isAsking") is False
        screen.check_clean()
