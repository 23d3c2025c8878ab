"""What a page does when something behind it ends: socket, network, server, exchange, kernel, venue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import websockets
from aiohttp import web
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import (
    BARS,
    CLASSES_WITH,
    LINK,
    NOTEBOOKS,
    OpenScreen,
    StartServed,
    free_port,
    kernel_process,
    settled,
    until,
)
from tests.browser.state import check_no_gap, check_same_state, wait_readers
from tests.feeds.scripted_venue import ScriptedVenue

pytestmark = pytest.mark.browser


async def test_a_cut_socket_is_shown_at_once_and_ends_in_the_server_s_state(served: str, open_screen: OpenScreen):
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    async with open_screen("about:blank") as screen:
        await screen.page.route_web_socket("**/ws/live", through)
        await screen.page.goto(served)
        await screen.wait_live()
        await check_same_state(screen, served)
        await screen.record_states("book")
        await sockets[0].close()
        await screen.saw_state("reconnecting")
        await screen.wait_live()
        await screen.wait_frames("tape", 3)
        assert await screen.link("link.counters.connections") == 2
        await settled(screen.page, f"{LINK.strip()}.state", "open")
        await check_same_state(screen, served)
        await check_no_gap(screen)


async def test_a_lost_network_is_shown_at_once_and_ends_with_its_return(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live()
        await screen.page.context.set_offline(True)
        await screen.page.wait_for_selector('.of-book[data-state="reconnecting"]', state="attached")
        await until(screen.page, "getComputedStyle(document.querySelector('.of-book .of-body')).opacity < 1")
        # It has tried again meanwhile, and in vain.
        await until(screen.page, f"{LINK.strip()}.attempt >= 3")
        await screen.page.context.set_offline(False)
        await screen.wait_live()
        await check_same_state(screen, served)


async def test_a_server_that_was_restarted_is_found_again(start_served: StartServed, open_screen: OpenScreen):
    options = ("--port", str(free_port()), "--source", "sim?seed=7&symbols=3")
    child, address = start_served(*options)
    async with open_screen(address) as screen:
        await screen.wait_live()
        child.end()
        await screen.page.wait_for_selector('.of-chart[data-state="reconnecting"]', state="attached")
        start_served(*options)
        await screen.wait_live()
        await screen.wait_frames("book", 3)
        await check_same_state(screen, address)
        await check_no_gap(screen)
        # Nothing of the page was in the former server: it goes on as it is.
        states = f"[...({LINK.strip()}).sessions.known.values()].map(({{ state }}) => state)"
        await settled(screen.page, states, ["idle"])
        assert not await screen.page.evaluate("document.querySelector('.of-dead:popover-open')")
        await screen.page.keyboard.press("2")
        await screen.wait_data("chart", interval="5m")


async def test_a_kernel_that_ends_alone_or_with_its_server_is_reported_and_everything_goes_on(
    start_served: StartServed, open_screen: OpenScreen
):
    options = ("--port", str(free_port()), "--source", "sim?seed=7&symbols=3", "--kernel-per-viewer")
    child, address = start_served(*options)
    async with open_screen(address) as screen:

        async def goes_on(key: str, interval: str) -> None:
            """Choose a timeframe without a kernel, and get another kernel by the button that says so."""
            await screen.page.wait_for_selector(".of-dead:popover-open")
            await screen.wait_frames("book", 5)
            await screen.page.keyboard.press(key)
            await screen.wait_data("chart", interval=interval)
            await screen.page.click(".of-dead button")
            await until(screen.page, "!document.querySelector('.of-dead:popover-open')")
            await screen.wait_live()
            await screen.wait_data("chart", interval=interval)

        await screen.wait_live()
        kernel_process(await screen.link("link.sessions.pump.widget_manager.kernel.id")).kill()
        await goes_on("3", "15m")
        child.end()
        await screen.page.wait_for_selector('.of-chart[data-state="reconnecting"]', state="attached")
        start_served(*options)
        await screen.wait_live()
        # The bars that are checked are those of one minute.
        await screen.page.keyboard.press("1")
        await screen.wait_data("chart", interval="1m")
        await check_same_state(screen, address)
        await check_no_gap(screen)
        await goes_on("2", "5m")


async def test_an_exchange_that_is_killed_is_reported_and_the_page_then_shows_the_new_one(
    start_served: StartServed, open_screen: OpenScreen
):
    child, address = start_served("--source", "sim?seed=7&symbols=3")
    async with open_screen(address) as screen:
        await screen.wait_live()
        (exchange,) = (one for one in child.ps.children(recursive=True) if "orderfox_nb.sim" in one.cmdline())
        await screen.record_states("chart")
        exchange.kill()
        await screen.saw_state("down")
        await screen.wait_live()
        await check_same_state(screen, address)
        await check_no_gap(screen)
        # It restarted with bars that came one by one: the window did not run ahead of them.
        newest = f"""() => {{
            const entries = [...{LINK.strip()}.entries.values()];
            const {{ bars }} = entries.find(({{ request }}) => request.stream === "candles").frame;
            const newest = 1000 * bars[0].at(-1), {{ from, to }} = document.querySelector(".of-chart").dataset;
            return from < newest && newest < to && to < newest + 600_000;
        }}"""
        await until(screen.page, newest)


async def test_a_server_at_its_limit_says_so_and_accepts_the_page_later(
    start_served: StartServed, open_screen: OpenScreen
):
    _, address = start_served("--port", "0", "--source", "sim?seed=7&symbols=3", ORDERFOX_MAX_SOCKETS="1")
    path = address.replace("http", "ws").rstrip("/") + "/api/v1/ws/live"
    async with open_screen("about:blank") as screen:
        async with websockets.connect(path) as first:
            await first.recv()
            await screen.page.goto(address)
            await screen.page.wait_for_selector('.of-book[data-state="refused"]', state="attached")
            same = "link.detail && document.querySelector('.of-problem').innerText === link.detail"
            await until(screen.page, f"() => {{ const link = {LINK.strip()}; return {same}; }}")
        await screen.wait_live("book")


async def test_closing_a_page_ends_its_subscriptions(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live()
        count = 6
        await settled(screen.page, f"{LINK.strip()}.byKey.size", count)
        await wait_readers(served, count)
        await screen.page.evaluate("document.querySelector('.of-area-liquidations').style.display = 'none'")
        await wait_readers(served, count - 1)
        await screen.page.evaluate("document.querySelector('.of-area-liquidations').style.display = ''")
        await wait_readers(served, count)
    await wait_readers(served, 0)


async def test_a_venue_that_cannot_be_reached_is_named_with_what_to_do(
    start_served: StartServed, open_screen: OpenScreen
):
    # A port of this machine without a listener stands for a venue without a network.
    unreachable = f"http://127.0.0.1:{free_port()}"
    _, address = start_served("--port", "0", "--source", "binance", BINANCE_API_BASE_URL=unreachable)
    async with open_screen(address) as screen:
        await until(screen.page, "document.querySelector('.of-problem')?.textContent.includes('--source sim')")
        await settled(screen.page, "document.querySelector('.of-source').innerText", "BINANCE")
        assert await screen.page.locator(".of-problem").is_visible()
        # Once, and not in every panel.
        await settled(screen.page, CLASSES_WITH, ["of-problem"], "--source sim")
        assert await screen.page.evaluate(BARS) == 0, "no bar where there are no data"
        assert await screen.link("link.hello.origin.simulated") is False


async def test_the_reason_of_a_venue_that_refuses_everything_is_shown_as_text(
    start_served: StartServed, open_screen: OpenScreen, tmp_path: Path
):
    evil = "<b>no</b><script>globalThis.injected = true</script><img src=x onerror=alert(1)> \u202eexe.gnp\u2066"

    def refuse(_: web.Request) -> web.Response:
        return web.json_response({"code": -1, "msg": f"{evil} {'no' * 20_000}"}, status=400)

    notebook = json.loads((NOTEBOOKS / "dashboard.ipynb").read_text())
    source = "from IPython.display import display\nfrom orderfox_nb.widgets import OrderBook, QualityBadge\n"
    notebook["cells"] = [{**notebook["cells"][0], "source": source + "display(QualityBadge(), OrderBook())"}]
    path = tmp_path / "refused.ipynb"
    path.write_text(json.dumps(notebook))
    async with ScriptedVenue() as venue:
        for name in ("exchangeInfo", "ticker/24hr", "premiumIndex", "depth", "klines", "aggTrades"):
            venue.answers[name] = refuse
        urls = {"BINANCE_API_BASE_URL": venue.http_url, "BINANCE_WS_BASE_URL": venue.ws_url}
        _, address = start_served("--port", "0", "--source", "binance", notebook=path, **urls)
        async with open_screen(address) as screen:
            # Also a panel that stands alone says why, beside that its source is down.
            for place in (".of-problem", ".of-book .of-message"):
                await until(screen.page, f"document.querySelector('{place}')?.textContent.includes('HTTP 4')")
                text = await screen.page.inner_text(place)
                assert len(text) < 400, text
                assert not {"\u202e", "\u2066"} & set(text)
                assert await screen.page.evaluate(f"document.querySelector('{place}').children.length") == 0
            assert (await screen.data("book"))["state"] != "live"
            assert await screen.page.evaluate("globalThis.injected ?? null") is None
            screen.check_clean()
