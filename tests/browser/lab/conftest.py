"""Notebooks in a real JupyterLab, used as people use it: by its menus, keys and mouse."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from playwright.async_api import Locator, expect

import orderfox_nb
from tests.browser.conftest import PATIENCE_S, OpenScreen, Screen, until
from tests.server.conftest import TOKEN, Child, wait_for_port

DASHBOARD = "from orderfox_nb.widgets import Dashboard\n\ndesk = Dashboard()\ndesk"
BOOK = "from orderfox_nb.widgets import OrderBook\n\nbook = OrderBook()\nbook"
BADGE = "from ipywidgets import VBox\nfrom orderfox_nb.widgets import *\n\nVBox([QualityBadge(), OrderBook()])"
COMMS = "import comm\n\nlen(comm.get_comm_manager().comms)"
AUTHORIZATION = {"Authorization": f"token {TOKEN}"}
EXTENSION = Path(orderfox_nb.__file__).parent / "labextension"
ENDED = "kernel ended: run the cell again"

_numbers = itertools.count(1)


class Lab:
    """A running JupyterLab under a prefix."""

    def __init__(self, address: str, root: Path) -> None:
        self.address = address
        self.root = root

    def write(self, *cells: str) -> str:
        """Write a notebook and return its name."""
        name = f"desk-{next(_numbers)}.ipynb"
        cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        notebook = {
            "cells": [{**cell, "id": f"cell-{number}", "source": source} for number, source in enumerate(cells)],
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.root / name).write_text(json.dumps(notebook))
        return name


@contextlib.contextmanager
def running_lab(folder: Path, *, extension: bool = True, **variables: str) -> Iterator[Lab]:
    """Run JupyterLab with our server extension or without it, and with variables of its environment."""
    root, config = folder / "root", folder / "config"
    root.mkdir()
    config.mkdir()
    # The lab extension of this tree, in place of one that is installed.
    shutil.copytree(EXTENSION, folder / "labextensions" / "orderfox-nb")
    extensions = {"orderfox_nb": extension, "jupyterlab": True, "notebook_shim": False, "voila.server_extension": False}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
    command += [
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.base_url=/hub/",
        # How often it looks whether a kernel has died, 3 s by itself.
        "--KernelRestarter.time_to_dead=0.5",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={TOKEN}",
        f"--LabApp.extra_labextensions_path={folder / 'labextensions'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.jpserver_extensions={extensions}",
    ]
    environment = {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "ORDERFOX_DATA_DIR": str(folder),
        "ORDERFOX_SOURCE": "sim?seed=7&symbols=3",
        "ORDERFOX_URL": "",
        **variables,
    }
    child = Child(command, "is running at", folder / "log", environment)
    try:
        line = next(line for line in child.text.splitlines() if "http://127.0.0.1:" in line)
        address = "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split("/")[0]
        wait_for_port(urlparse(address).port or 0)
        yield Lab(f"{address}/hub/", root)
    finally:
        child.leave()


@pytest.fixture(scope="package")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab with our extension."""
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


class Notebook:
    """The notebook in front on a page of JupyterLab."""

    def __init__(self, screen: Screen, lab: Lab) -> None:
        self.screen = screen
        self.page = screen.page
        self.lab = lab

    @property
    def front(self) -> Locator:
        """The notebook that is not hidden behind another tab."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, number: int) -> Locator:
        return self.front.locator(".jp-CodeCell").nth(number)

    def output(self, number: int) -> Locator:
        return self.cell(number).locator(".jp-OutputArea-output")

    async def wait_ready(self) -> None:
        """Wait until the notebook is shown and its kernel has nothing to do."""
        await self.cell(0).wait_for()
        await self.front.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        await self.page.wait_for_selector("#jp-main-statusbar >> text=/Python 3 .* Idle/")

    async def select(self, number: int) -> None:
        """Select a cell without writing into it."""
        await self.cell(number).locator(".jp-InputPrompt").click()

    async def menu(self, title: str, entry: str) -> None:
        """Choose an entry of the menu bar by its whole text."""
        await self.page.click(f".lm-MenuBar-itemLabel >> text={title}")
        await self.page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()

    async def dialog(self, button: str) -> None:
        """Press a button of JupyterLab's question."""
        await self.page.locator(".jp-Dialog button").get_by_text(button, exact=True).click()

    async def start(self, number: int) -> None:
        """Run a cell and wait until it has started."""
        await self.select(number)
        prompt = self.cell(number).locator(".jp-InputPrompt")
        for _ in range(6):
            await prompt.evaluate("""(prompt) => {
                globalThis.ofRan = false;
                const changes = { childList: true, subtree: true, characterData: true };
                new MutationObserver(() => (globalThis.ofRan = true)).observe(prompt, changes);
            }""")
            await self.page.keyboard.press("Control+Enter")
            # JupyterLab forgets what it is asked in the moment in which its kernel connects.
            with contextlib.suppress(TimeoutError):
                await until(self.page, "globalThis.ofRan", timeout_s=10)
                return
        raise AssertionError(f"cell {number} does not run")

    async def run(self, number: int) -> None:
        """Run a cell and wait until it is done."""
        await self.start(number)
        await expect(self.cell(number).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"))

    async def answer(self, number: int) -> str:
        """Run a cell and return the text of what it gives."""
        await self.run(number)
        return (await self.output(number).inner_text()).strip()

    async def save(self) -> None:
        """Save the notebook and wait until it is."""
        await self.menu("File", "Save Notebook")
        await self.page.wait_for_selector(".lm-DockPanel-tabBar .lm-mod-current:not(.jp-mod-dirty)")

    async def restart(self) -> None:
        """Restart the kernel by JupyterLab's menu."""
        await self.menu("Kernel", "Restart Kernel…")
        await self.dialog("Restart")

    async def wait_kernel(self, text: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the dashboard says something of its kernel, or nothing."""
        await until(
            self.page,
            "(text) => document.querySelector('.of-kernel')?.textContent === text",
            text,
            timeout_s=timeout_s,
        )

    async def kernel(self) -> str:
        """Return the id of the kernel whose widgets were shown first."""
        return await self.screen.link("link.sessions.pump.widget_manager.kernel.id")

    async def post(self, path: str) -> None:
        """Ask Jupyter's own API, as another client would."""
        answer = await self.page.request.post(f"{self.lab.address}api/{path}", headers=AUTHORIZATION)
        assert answer.ok, await answer.text()

    async def end_kernels(self) -> None:
        """End every session: a kernel stays when its page is closed."""
        answer = await self.page.request.get(f"{self.lab.address}api/sessions", headers=AUTHORIZATION)
        for session in await answer.json():
            url = f"{self.lab.address}api/sessions/{session['id']}"
            await self.page.request.delete(url, headers=AUTHORIZATION)


OpenNotebook = Callable[..., AbstractAsyncContextManager[Notebook]]


@asynccontextmanager
async def opened(lab: Lab, open_screen: OpenScreen, *cells: str, height: int = 2400) -> AsyncIterator[Notebook]:
    """Open a new notebook of some cells on a page that is high enough for all of them."""
    url = f"{lab.address}lab/tree/{lab.write(*cells)}?token={TOKEN}&reset"
    async with open_screen(url, width=1600, height=height) as screen:
        notebook = Notebook(screen, lab)
        try:
            await notebook.wait_ready()
            yield notebook
        finally:
            await notebook.end_kernels()


@pytest.fixture
def open_notebook(lab: Lab, open_screen: OpenScreen) -> OpenNotebook:
    """Opens a new notebook of some cells, and ends its kernel afterwards."""

    def open_notebook(*cells: str, **options: Any) -> AbstractAsyncContextManager[Notebook]:
        return opened(lab, open_screen, *cells, **options)

    return open_notebook
