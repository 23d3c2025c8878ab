"""The dashboard behind reverse proxies that are set up rightly and wrongly, under a prefix with signs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import OpenScreen, Screen, free_port, until
from tests.browser.proxy import proxy
from tests.server.conftest import Child
from tests.server.real_proxies import NAME, ProxyConfig, nginx, running_proxy, traefik

pytestmark = pytest.mark.browser

PREFIX = "/user/a@b.c/"


async def said(screen: Screen) -> str:
    """Wait until the page says what is wrong."""
    await screen.page.wait_for_selector("#of-trouble")
    return await screen.page.inner_text("#of-trouble")


def serve(folder: Path, *options: str, **environment: str) -> tuple[Child, str]:
    """Start ``orderfox serve`` without a kernel that waits; gives the process and its address."""
    command = [sys.executable, "-m", "orderfox_nb", "serve", "--port", "0", "--no-browser", "--preheat", "0"]
    variables = {"ORDERFOX_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1", **environment}
    child = Child([*command, *options], "OrderFox is at", folder / f"log{len(options)}", variables)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    return child, line.split()[3]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Child, str, int]]:
    """A server under the prefix, its address without it, and a port of which its page may be served without Host."""
    listed = free_port()
    options = ("--source", "sim?seed=7&symbols=3", "--base-url", PREFIX)
    variables = {
        "CORS_ORIGINS": f"http://127.0.0.1:{listed}",
        "ORDERFOX_HOSTS": NAME,
        "ORDERFOX_TRUSTED_PROXIES": "127.0.0.1",
    }
    child, address = serve(tmp_path_factory.mktemp("desk"), *options, **variables)
    yield child, "http://" + urlsplit(address).netloc, listed
    child.leave()


@pytest.mark.parametrize("config", [nginx, traefik], ids=lambda config: config.__name__)
async def test_page_and_socket_are_encrypted_behind_a_real_proxy_with_a_prefix(
    config: ProxyConfig, desk: tuple[Child, str, int], tmp_path: Path, open_screen: OpenScreen
):
    _, server, _ = desk
    with running_proxy(config, urlsplit(server).netloc, tmp_path, prefix=PREFIX) as (port, _):
        async with open_screen("about:blank", ignore_https_errors=True) as screen:
            sockets: list[str] = []
            screen.page.on("websocket", lambda socket: sockets.append(socket.url))
            await screen.page.goto(f"https://{NAME}:{port}{PREFIX}")
            await screen.wait_live("book", "chart")
            await screen.wait_frames("book", 3)
            assert await screen.link("link.transport.kind") == "socket"
            encoded = PREFIX.replace("@", "%40")
            assert {url.replace("@", "%40") for url in sockets} == {f"wss://{NAME}:{port}{encoded}api/v1/ws/live"}
            assert {urlsplit(url).hostname for url in screen.foreign} == {NAME}
            assert screen.errors == []


async def test_a_page_behind_a_proxy_is_live_or_says_what_is_wrong(
    desk: tuple[Child, str, int], tmp_path: Path, open_screen: OpenScreen
):
    child, server, listed = desk
    unlisted = free_port()
    # As it should be, and from / and without the last slash: each leads to the desk.
    async with proxy(server, keep_host=True) as way, open_screen(f"{way}/?symbol=ETHUSDT") as screen:
        await screen.page.wait_for_url(f"{way}{PREFIX}?symbol=ETHUSDT", wait_until="commit")
        await screen.wait_live("book")
        await screen.wait_data("book", symbol="ETHUSDT")
        screen.check_clean()
        encoded = PREFIX.replace("@", "%40").rstrip("/")
        await screen.page.goto(way + encoded, wait_until="commit")
        await screen.page.wait_for_url(f"{way}{PREFIX}", wait_until="commit")
    # Without Host, where CORS_ORIGINS lists the page's origin.
    async with proxy(server, port=listed) as way, open_screen(way + PREFIX) as screen:
        await screen.wait_live("book")
        assert await screen.link("link.transport.kind") == "socket"
        assert "refused" not in child.text
    # Without Host, and not listed.
    async with proxy(server, port=unlisted) as way, open_screen(way + PREFIX) as screen:
        # The page says it as long as it has no widgets, and they do afterwards: which of them is first is open.
        refused = f"document.body.innerText.includes('CORS_ORIGINS must list http://127.0.0.1:{unlisted}')"
        await until(screen.page, refused)
        await screen.page.reload(wait_until="commit")
        await until(screen.page, refused)
    assert child.text.count("WebSockets refused") == 1, "said once, however often the page tries"
    assert f"origin=http://127.0.0.1:{unlisted} " in child.text
    assert "subprotocol" not in child.text
    # The server has a prefix and the proxy strips it.
    async with proxy(server, strip=PREFIX.rstrip("/")) as way, open_screen(way + PREFIX) as screen:
        await screen.page.wait_for_selector("text=A proxy strips /user/a@b.c/")
    # The server has none and the proxy strips one.
    child, address = serve(tmp_path, "--source", "sim?symbols=2")
    try:
        async with (
            proxy(address.rstrip("/"), strip="/desk", keep_host=True) as way,
            open_screen(f"{way}/desk/") as screen,
        ):
            text = await said(screen)
            assert "--base-url" in text
            assert "This page is at /desk/, and its server expects every path below /," in text
    finally:
        child.end()
