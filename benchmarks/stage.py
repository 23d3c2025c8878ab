"""Shared by the scripts that measure a browser: servers as people start them, and a Chromium without a GPU."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).parents[1]
TOKEN = "a-token-of-the-benchmarks"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PANELS = {
    "header": ".of-market",
    "candles": ".of-chart",
    "book": ".of-book",
    "depth": ".of-depth",
    "tape": ".of-tape",
    "liquidations": ".of-liquidations",
}
LINK = (
    "globalThis[Object.getOwnPropertySymbols(globalThis)"
    '.find((one) => String(one).startsWith("Symbol(orderfox.link.v1"))]'
)
"""The page's one connection, which counts what came over it."""


@dataclass
class Server:
    """A server in a process of its own."""

    url: str
    process: psutil.Process

    @property
    def kernels(self) -> list[psutil.Process]:
        """Its kernels, the oldest first."""
        found = [child for child in self.process.children(recursive=True) if "ipykernel_launcher" in _command(child)]
        return sorted(found, key=psutil.Process.create_time)

    @property
    def sources(self) -> list[psutil.Process]:
        """What plays the market for it."""
        return [child for child in self.process.children(recursive=True) if "orderfox_nb.sim" in _command(child)]

    def statistics(self) -> dict[str, float]:
        """Read its counters from ``/metrics``."""
        with urllib.request.urlopen(f"{self.url}api/v1/metrics") as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@contextmanager
def child(command: Sequence[str], ready: str, environment: dict[str, str]) -> Iterator[tuple[psutil.Process, str]]:
    """Run a server until the block ends; gives it and the line that says it is ready."""
    with tempfile.TemporaryDirectory(prefix="orderfox_bench_") as folder:
        log = Path(folder) / "log"
        variables = {**os.environ, "ORDERFOX_DATA_DIR": folder, "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env={**variables, **environment}, cwd=ROOT)
        try:
            deadline = time.monotonic() + 60
            while not (lines := [line for line in log.read_text(errors="replace").splitlines() if ready in line]):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command} did not start:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            yield psutil.Process(process.pid), lines[0]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def dashboard(
    *options: str, source: str = "sim?seed=7&symbols=24", notebook: Path | None = None, preheat: int = 1
) -> Iterator[Server]:
    """Run ``orderfox serve`` on a free port."""
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser", "--source", source]
    command += ["--preheat", str(preheat), *options]
    if notebook is not None:
        command += ["--notebook", str(notebook)]
    with child(command, "OrderFox is at", {"PYTHONPATH": str(ROOT)}) as (process, line):
        yield Server(line.split()[3], process)


@contextmanager
def lab(*cells: str, source: str = "sim?seed=7&symbols=24") -> Iterator[str]:
    """Run JupyterLab with our extension and a notebook of some cells; gives the notebook's address."""
    with tempfile.TemporaryDirectory(prefix="orderfox_lab_") as name:
        folder = Path(name)
        for part in ("root", "config"):
            (folder / part).mkdir()
        write_notebook(folder / "root" / "desk.ipynb", *cells)
        notices = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        notices.parent.mkdir(parents=True)
        notices.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
        command += [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={folder / 'root'}",
            f"--IdentityProvider.token={TOKEN}",
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            (
                "--ServerApp.jpserver_extensions={'orderfox_nb': True, 'jupyterlab': True, "
                "'notebook_shim': False, 'voila.server_extension': False}"
            ),
        ]
        environment = {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "ORDERFOX_SOURCE": source,
            "PYTHONPATH": str(ROOT),
        }
        with child(command, "http://127.0.0.1:", environment) as (_, line):
            host = line.split("http://")[1].split("/")[0]
            yield f"http://{host}/lab/tree/desk.ipynb?token={TOKEN}&reset"


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    content: dict[str, Any] = {
        "cells": [
            {
                "id": f"cell-{number}",
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
    return path


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Open a headless Chromium that draws in software."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(
    browser: Browser, url: str, *, width: int = 1440, height: int = 900, scheme: str = "dark", scale: float = 1
) -> AsyncIterator[Page]:
    """Open a page in a context of its own."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=scale,
    )
    try:
        page = await context.new_page()
        # Voila answers while its kernel still works: a page is there when its widgets are.
        await page.goto(url, wait_until="commit")
        yield page
    finally:
        await context.close()


async def wait_live(page: Page, *names: str, frames: int = 1, timeout_s: float = 60) -> None:
    """Wait until panels are live and were painted some times; a chart until its bars are drawn."""
    for name in names:
        await page.wait_for_selector(f'{PANELS[name]}[data-state="live"]', state="attached", timeout=timeout_s * 1000)
        await page.wait_for_function(
            "([where, least]) => Number(document.querySelector(where).dataset.frames) >= least",
            arg=[PANELS[name], frames],
            timeout=timeout_s * 1000,
        )
    if "candles" in names:
        await page.wait_for_selector(".of-candle-chart .of-ready", timeout=timeout_s * 1000)


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Return the CPU seconds that processes used so far."""
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
