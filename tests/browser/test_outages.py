"""What a page does when something behind it ends: socket, network, server, exchange, kernel, venue."""

from __future__ import annotations

import pytest
import websockets
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import (
    BARS,
    LINK,
    TOLD,
    OpenScreen,
    StartServed,
    free_port,
    kernel_process,
    until,
)
from tests.browser.state import check_no_gap, check_same_state, wait_readers

pytestmark = pytest.mark.browser


async def test_a_cut_socket_ends_in_the_server_s_state(served: str, open_screen: OpenScreen):
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    async with open_screen("about:blank") as screen:
        await screen.page.route_web_socket("**/ws/live", through)
        await screen.page.goto(served)
        await screen.wait_live()
        await check_same_state(screen, served)
        await sockets[0].close()
        await until(screen.page, f"{LINK.strip()}.state === 'reconnecting'")
        await screen.wait_live()
        await check_same_state(screen, served)
        await check_no_gap(screen)


async def test_a_lost_network_is_shown_at_once_and_ends_with_its_return(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live()
        await screen.page.context.set_offline(True)
        await screen.page.wait_for_selector('.of-book[data-state="reconnecting"]', state="attached", timeout=60_000)
        await until(
            screen.page, "getComputedStyle(document.querySelector('.of-book .of-body')).opacity < 1", timeout_s=60
        )
        # It has tried again meanwhile, and in vain.
        await until(screen.page, f"{LINK.strip()}.attempt >= 3")
        await screen.page.context.set_offline(False)
        await screen.wait_live(timeout_s=60)
        await check_same_state(screen, served)


@pytest.mark.parametrize("kernels", [False, True])
async def test_a_server_that_was_restarted_is_found_again_and_a_dead_kernel_told(
    start_served: StartServed, open_screen: OpenScreen, kernels: bool
):
    port = str(free_port())
    options = ("--port", port, "--source", "sim?seed=7&symbols=3", *(["--kernel-per-viewer"] if kernels else []))
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
        if not kernels:
            # Nothing of the page was in the former server: it goes on as it is.
            assert await screen.link("link.sessions.known.values().map(({ state }) => state).toArray()") == ["idle"]
            assert not await screen.page.evaluate("document.querySelector('.of-dead:popover-open')")
            await screen.page.keyboard.press("2")
            await screen.wait_data("chart", interval="5m")
            return
        # Its kernel ended with the former server.
        await screen.page.wait_for_selector(".of-dead:popover-open", timeout=60_000)
        await screen.page.keyboard.press("2")
        await screen.wait_data("chart", interval="5m")
        await screen.page.click(".of-dead button")
        await screen.wait_live()
        await screen.wait_data("chart", interval="5m")
        await until(screen.page, "!document.querySelector('.of-dead:popover-open')")


async def test_an_exchange_that_is_killed_is_told_and_the_page_then_shows_the_new_one(
    start_served: StartServed, open_screen: OpenScreen
):
    child, address = start_served("--source", "sim?seed=7&symbols=3")
    async with open_screen(address) as screen:
        await screen.wait_live()
        (exchange,) = (one for one in child.ps.children(recursive=True) if "orderfox_nb.sim" in one.cmdline())
        exchange.kill()
        await screen.page.wait_for_selector('.of-chart[data-state="down"]', state="attached")
        await screen.wait_live()
        await check_same_state(screen, address)
        await check_no_gap(screen)
        # It restarted with bars that came one by one: the window did not run ahead of them.
        newest = "1000 * link.entries.values().find(({ request }) => request.stream === 'candles').frame.bars[0].at(-1)"
        data, newest_ms = await screen.data("chart"), await screen.link(newest)
        assert int(data["from"]) < newest_ms < int(data["to"]) < newest_ms + 600_000


async def test_a_dead_kernel_is_told_and_everything_goes_on(start_served: StartServed, open_screen: OpenScreen):
    _, address = start_served("--port", "0", "--source", "sim?seed=7&symbols=3", "--kernel-per-viewer")
    async with open_screen(address) as screen:
        await screen.wait_live()
        kernel_process(await screen.link("link.sessions.pump.widget_manager.kernel.id")).kill()
        await screen.page.wait_for_selector(".of-dead:popover-open", timeout=60_000)
        await screen.wait_frames("book", 5)
        await screen.page.keyboard.press("3")
        await screen.wait_data("chart", interval="15m")
        await screen.page.click(".of-dead button")
        await screen.wait_live()
        await screen.wait_data("chart", interval="15m")


async def test_a_server_at_its_limit_says_so_and_takes_the_page_later(
    start_served: StartServed, open_screen: OpenScreen
):
    _, address = start_served("--port", "0", "--source", "sim?seed=7&symbols=3", ORDERFOX_MAX_SOCKETS="1")
    path = address.replace("http", "ws").rstrip("/") + "/api/v1/ws/live"
    async with open_screen("about:blank") as screen:
        async with websockets.connect(path) as first:
            await first.recv()
            await screen.page.goto(address)
            await screen.page.wait_for_selector('.of-book[data-state="refused"]', state="attached", timeout=60_000)
            same = "link.detail && document.querySelector('.of-problem').innerText === link.detail"
            await until(screen.page, f"() => {{ const link = {LINK.strip()}; return {same}; }}")
        await screen.wait_live("book", timeout_s=60)


async def test_closing_a_page_ends_its_subscriptions(start_served: StartServed, open_screen: OpenScreen):
    _, address = start_served("--port", "0", "--source", "sim?seed=7&symbols=3")
    async with open_screen(address) as screen:
        await screen.wait_live()
        count = await screen.link("link.byKey.size")
        await wait_readers(address, count)
        await screen.page.evaluate("document.querySelector('.of-area-liquidations').style.display = 'none'")
        await wait_readers(address, count - 1)
        await screen.page.evaluate("document.querySelector('.of-area-liquidations').style.display = ''")
        await wait_readers(address, count)
    await wait_readers(address, 0)


async def test_a_venue_that_cannot_be_reached_is_named_with_what_to_do(
    start_served: StartServed, open_screen: OpenScreen
):
    # A port of this machine at which nobody listens stands for a venue without a network.
    nobody = f"http://127.0.0.1:{free_port()}"
    _, address = start_served("--port", "0", "--source", "binance", BINANCE_API_BASE_URL=nobody)
    async with open_screen(address) as screen:
        await until(
            screen.page, "document.querySelector('.of-problem')?.textContent.includes('--source sim')", timeout_s=60
        )
        assert await screen.page.inner_text(".of-source") == "BINANCE"
        assert await screen.page.locator(".of-problem").is_visible()
        assert await screen.page.evaluate(TOLD, "--source sim") == ["of-problem"], "once, and not in every panel"
        assert await screen.page.evaluate(BARS) == 0, "no bar where there are no data"
        assert await screen.link("link.hello.origin.simulated") is False
