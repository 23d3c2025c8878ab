"""What a page shows while nothing comes: a network that went away without a word, a symbol that is not there yet."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import WebSocketRoute

from tests.browser.conftest import LINK, OpenScreen, Screen, until

pytestmark = pytest.mark.browser

HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


class Wires:
    """Hands on what goes over the page's sockets, and can lose it without a word as a network does."""

    def __init__(self) -> None:
        self.silent: set[WebSocketRoute] = set()
        self.opened: list[WebSocketRoute] = []
        self.dropped: tuple[str, ...] = ()
        """What the page asks with one of these in its key does not arrive."""

    def through(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        self.opened.append(socket)

        def to_server(message: str | bytes) -> None:
            key = json.loads(message).get("key", "")
            if socket not in self.silent and not any(one in key for one in self.dropped):
                server.send(message)

        def to_page(message: str | bytes) -> None:
            if socket not in self.silent:
                socket.send(message)

        socket.on_message(to_server)
        server.on_message(to_page)

    def cut(self) -> None:
        """Let neither side of the sockets that are open now hear the other again."""
        self.silent.update(self.opened)


async def wait_lost(screen: Screen) -> None:
    """Let the page's own clock go on until it has given its connection up, and wait until the book says so."""
    # Without an answer it is noticed by the third ping of one each 5 s; a silent server by its heartbeat after 40 s.
    async with asyncio.timeout(60):
        while await screen.link("link.state") != "reconnecting":
            await screen.page.clock.fast_forward(5_000)
    await screen.wait_data("book", state="reconnecting")


async def test_a_network_that_says_nothing_is_noticed_and_nothing_old_stands_as_live(
    served: str, open_screen: OpenScreen
):
    wires = Wires()
    async with open_screen("about:blank") as screen:
        await screen.page.clock.install()
        await screen.page.route_web_socket("**/ws/live", wires.through)
        await screen.page.goto(served)
        await screen.wait_live("book")
        wires.cut()
        await wait_lost(screen)
        await screen.wait_live("book")
        # A tab that is shown again does not show old data as current.
        await screen.page.evaluate(HIDE, True)
        await until(screen.page, f"{LINK.strip()}.paused")
        wires.cut()
        await screen.page.evaluate(HIDE, False)
        assert (await screen.data("book"))["state"] == "waiting"
        await wait_lost(screen)
        await screen.wait_live("book")
        assert await screen.link("link.counters.connections") == 3


async def test_no_price_stands_beside_the_name_of_a_symbol_that_has_not_come_yet(served: str, open_screen: OpenScreen):
    wires = Wires()
    figures = ":is(.of-last, .of-figure b)"
    opacity = "getComputedStyle(document.querySelector('.of-market .of-last')).opacity"
    async with open_screen("about:blank") as screen:
        await screen.page.route_web_socket("**/ws/live", wires.through)
        await screen.page.goto(served)
        await screen.wait_live("market", "book")
        assert await screen.page.evaluate(opacity) == "1"
        # Both have a last price.
        wires.dropped = ("ETHUSDT/ticker", "ETHUSDT/trades")
        await screen.page.click(".of-picker-button")
        await screen.page.wait_for_selector(".of-picker-popup .of-row")
        await screen.page.keyboard.type("eth")
        await screen.page.keyboard.press("Enter")
        await screen.wait_data("book", symbol="ETHUSDT", state="live")
        assert await screen.page.inner_text(".of-picker-name") == "ETH/USDT"
        assert (await screen.data("market"))["state"] == "waiting"
        texts = await screen.page.eval_on_selector_all(
            f".of-market {figures}", "(all) => all.map((one) => one.textContent)"
        )
        assert len(texts) == 6
        assert set(texts) == {"–"}
        assert await screen.page.evaluate(opacity) == "0.45"
