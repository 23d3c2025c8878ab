"""A real JupyterHub with the service of docs/deploy.md and two users whose servers read from it.

The users' servers check XSRF on every fetch, and everything is behind the hub's proxy.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Response, WebSocket

from tests.browser.conftest import OpenScreen, Screen, free_port, until
from tests.browser.lab.conftest import Lab, Notebook
from tests.conftest import missing
from tests.server.conftest import Child
from tests.server.real_proxies import replaced, snippet

pytestmark = pytest.mark.browser

PROXY = Path(__file__).parents[2] / "node_modules" / ".bin" / "configurable-http-proxy"
CELL = "from ipywidgets import VBox\nfrom orderfox_nb.widgets import *\n\nVBox([QualityBadge(), OrderBook()])"
CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}/many/"
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/secret"
c.JupyterHub.cleanup_servers = True
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home-{{username}}"
c.Spawner.cmd = ["{python}", "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.env_keep = ["PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV"]
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
{service}
c.Spawner.environment["JUPYTER_PREFER_ENV_PATH"] = "1"
"""


@pytest.fixture(scope="module")
def hub(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a JupyterHub under a prefix, and the folder of its users' homes."""
    if importlib.util.find_spec("jupyterhub") is None:
        missing("jupyterhub", "jupyterhub is not installed: pip install '.[test]'")
    if not PROXY.exists():
        missing("jupyterhub", "configurable-http-proxy is not installed: npm ci")
    folder = tmp_path_factory.mktemp("hub")
    ports = {"port": free_port(), "hub_port": free_port(), "proxy_port": free_port()}
    service = replaced(
        snippet("JupyterHub"),
        ("8100", str(free_port())),
        ("/services/desk", "/many/services/desk"),
        ('"orderfox"', f'"{sys.executable}", "-m", "orderfox_nb"'),
        ("/var/lib/orderfox", str(folder / "desk")),
        ('"binance"', '"sim?seed=7&symbols=2"'),
    )
    config = folder / "jupyterhub_config.py"
    config.write_text(CONFIG.format(folder=folder, proxy=PROXY, python=sys.executable, service=service, **ports))
    command = [sys.executable, "-m", "jupyterhub", "--config", str(config)]
    child = Child(command, "JupyterHub is now running", folder / "log", {"ORDERFOX_URL": ""})
    yield f"http://127.0.0.1:{ports['port']}/many/", folder
    child.leave()


class Frames:
    """Frames of the market on a page, counted by the path of the WebSocket that brought them."""

    def __init__(self, page: Page) -> None:
        self.live: dict[str, int] = {}
        self.comm = 0
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        path = socket.url.split("/many/")[1].split("?")[0]

        def received(payload: str | bytes) -> None:
            if path.endswith("/api/v1/ws/live"):
                self.live[path] = self.live.get(path, 0) + ('"type":"frame"' in str(payload))
            elif "/channels" in path:
                # The pump's batches, as text or inside the kernel protocol's binary messages.
                text = payload.decode(errors="replace") if isinstance(payload, bytes) else payload
                self.comm += '"method": "custom"' in text and '"messages"' in text

        socket.on("framereceived", received)


def status_of(answer: Response) -> dict[str, int]:
    """Return the status of an answer of ours by its path."""
    _, found, path = answer.url.partition("/api/v1/")
    return {path: answer.status} if found else {}


async def log_in(screen: Screen, address: str, user: str) -> None:
    """Log in as a user and start the user's server."""
    page = screen.page
    await page.goto(f"{address}hub/login?next=/many/hub/spawn")
    await page.fill("#username_input", user)
    await page.fill("#password_input", "any")
    await page.click("#login_submit")
    await page.wait_for_url(f"**/many/user/{user}/**", timeout=120_000)


async def test_both_users_pages_read_frames_from_their_own_server_and_not_through_the_kernel(
    hub: tuple[str, Path], open_screen: OpenScreen
):
    address, folder = hub

    async def use(user: str) -> None:
        home = f"{address}user/{user}/"
        lab = Lab(home, folder / f"home-{user}")
        async with open_screen("about:blank", width=1400) as screen:
            frames = Frames(screen.page)
            statuses: dict[str, int] = {}
            screen.page.on("response", lambda answer: statuses.update(status_of(answer)))
            await log_in(screen, address, user)
            name = lab.write(CELL)
            if user == "bob":
                # The same notebook as a page of Voila, inside the user's server.
                await screen.page.goto(f"{home}voila/render/{name}")
            else:
                notebook = Notebook(screen, lab)
                await screen.page.goto(f"{home}lab/tree/{name}?reset")
                await notebook.wait_ready()
                await notebook.run(0)
            await screen.wait_live("badge", "book")
            await screen.wait_frames("book", 5)
            assert await screen.link("link.transport.kind") == "socket"
            assert set(frames.live) == {f"user/{user}/api/v1/ws/live"}
            assert frames.live[f"user/{user}/api/v1/ws/live"] >= 5
            assert frames.comm == 0
            # What the badge asks for beside the stream is answered too.
            await screen.page.hover(".of-badge")
            await until(screen.page, "document.querySelector('.of-quality-tip').dataset.lapses !== ''")
            assert statuses == {"health": 200, "quality/BTCUSDT": 200}
            if user == "alice":
                screen.check_clean()  # Voila's own page asks other hosts for icons and formulas

    async def watch() -> None:
        """Look at the service's dashboard, without a login."""
        async with open_screen("about:blank") as screen:
            frames = Frames(screen.page)
            async with asyncio.timeout(300):
                # The hub answers for a service that is still starting.
                while (answer := await screen.page.goto(f"{address}services/desk/")) is None or not answer.ok:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            await screen.wait_live("book", "chart")
            assert await screen.link("link.transport.kind") == "socket"
            assert set(frames.live) == {"services/desk/api/v1/ws/live"}

    await asyncio.gather(use("alice"), use("bob"), watch())
