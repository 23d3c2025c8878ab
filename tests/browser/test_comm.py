from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.browser.conftest import NOTEBOOKS, OpenScreen, free_port, until
from tests.server.conftest import Child, wait_for_port

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def plain_voila(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Voila as it comes, without our server."""
    folder = tmp_path_factory.mktemp("voila")
    port = free_port()
    command = [sys.executable, "-m", "voila", "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    command.append(str(NOTEBOOKS / "dashboard.ipynb"))
    environment = {
        "JUPYTER_CONFIG_DIR": str(folder),
        "ORDERFOX_DATA_DIR": str(folder),
        "ORDERFOX_SOURCE": "sim?seed=7&symbols=3",
        "ORDERFOX_URL": "",
    }
    child = Child(command, "is running at", folder / "log", environment)
    wait_for_port(port)
    yield f"http://127.0.0.1:{port}/"
    child.leave()


async def test_without_a_server_of_ours_the_kernel_carries_the_same_frames(plain_voila: str, open_screen: OpenScreen):
    async with open_screen(plain_voila) as screen:
        await screen.wait_live("chart", "book", "tape")
        assert await screen.link("link.transport.kind") == "comm"
        await until(screen.page, "document.querySelector('.of-badge-text').textContent.includes('through the kernel')")
        await screen.wait_frames("book", 10)
        await screen.page.select_option(".of-rounding-select", "100")
        await screen.wait_data("book", rounding="100")
        await screen.page.click(".of-timeframe >> text=5m")
        await screen.wait_data("chart", interval="5m")
        await screen.wait_pixels(bid=200)
        # Voila's own template asks for an icon font; our widgets need nothing of it, nor of any other host.
        assert [url for url in screen.foreign if "fortawesome" not in url] == []
