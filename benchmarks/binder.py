"""Build Binder's environment from the files in ``binder/``, start it as Binder does, and open both links of the README.

The server, its kernels and the embedded exchange have one core and 1 GB; the browser, which is the visitor's, has the
rest of the machine. Fails if a step of the build fails, if a cell of the tour does, or if a page is not live.

    python -m benchmarks.binder [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from playwright.async_api import Error as PageError
from playwright.async_api import Page, expect

from benchmarks.binder_build import BuiltBinder, binder_links, build
from benchmarks.small_machine import SmallMachine, small_machine
from benchmarks.stage import ROOT, chromium, page_of
from benchmarks.table import machine, print_table

PREFIX = "/user/jovyan-orderfox_nb-abc123/"
MEMORY = 1_000_000_000
WAIT_S = 240


class BinderServer:
    """The running server.

    Args:
        address: With its prefix.
        token: Of its user.
        process: The first one of it.
        started_s: When that was started, seconds of the system's clock.
    """

    def __init__(self, address: str, token: str, process: psutil.Process, started_s: float) -> None:
        self.address = address
        self.token = token
        self.process = process
        # psutil counts from the time of the boot, which is known to a second only.
        self._late_s = started_s - process.create_time()

    def url(self, path: str) -> str:
        """Return the address of a link's path."""
        return f"{self.address}{path}{'&' if '?' in path else '?'}token={self.token}"

    def newest_kernel_s(self) -> float:
        """When the newest kernel was started, seconds of the system's clock."""
        started = [
            child.create_time()
            for child in self.process.children(recursive=True)
            if any("ipykernel" in word for word in child.cmdline())
        ]
        return max(started) + self._late_s


@contextmanager
def started(built: BuiltBinder, small: SmallMachine, log: Path) -> Iterator[BinderServer]:
    """Run the server until the block ends."""
    token = secrets.token_hex(16)
    options = [f"--ServerApp.base_url={PREFIX}", f"--IdentityProvider.token={token}", "--ServerApp.trust_xheaders=True"]
    options += ["--ip=127.0.0.1", "--port=0", "--no-browser", *(["--allow-root"] if os.getuid() == 0 else [])]
    with log.open("wb") as out:
        started_s = time.time()
        process = subprocess.Popen(
            small.command(*built.start, "jupyter", "lab", *options),
            cwd=built.home,
            env=built.environment,
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + WAIT_S
        while not (lines := [line for line in log.read_text().splitlines() if "http://127.0.0.1:" in line]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.05)
        host = urlsplit("http://" + lines[0].split("http://")[1]).netloc
        yield BinderServer(f"http://{host}{PREFIX}", token, psutil.Process(process.pid), started_s)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


async def candles(page: Page, sockets: list[str]) -> None:
    """Wait until live candles are painted, and check that they came over the server's own WebSocket."""
    await page.wait_for_selector('.of-chart[data-state="live"]', state="attached", timeout=WAIT_S * 1000)
    await page.wait_for_selector(".of-candle-chart .of-ready", timeout=WAIT_S * 1000)
    assert any(urlsplit(url).path == f"{PREFIX}api/v1/ws/live" for url in sockets), sockets


async def open_tour(page: Page, server: BinderServer, path: str, built: BuiltBinder, sockets: list[str]) -> float:
    """Run the tour as a reader does, cell after cell, and return when its candles were painted."""
    await page.goto(server.url(path))
    file = built.home / path.removeprefix("lab/tree/")
    cells = json.loads(file.read_text())["cells"]
    await page.wait_for_selector("#jp-main-statusbar >> text=/Python 3 .* Idle/", timeout=WAIT_S * 1000)
    await page.locator(".jp-Notebook .jp-Cell").first.click()
    await page.keyboard.press("Escape")
    painted = 0.0
    for number, cell in enumerate(cells):
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            continue  # the keys of JupyterLab skip it
        if number:
            await page.keyboard.press("ArrowDown")
        if cell["cell_type"] == "code":
            await run_active_cell(page)
        if "CandleChart(" in "".join(cell["source"]):
            await candles(page, sockets)
            painted = time.time()
    await page.click(".lm-MenuBar-itemLabel >> text=Run")
    await page.locator(".lm-Menu-itemLabel").get_by_text("Run Selected Cell and All Below", exact=True).click()
    await page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=WAIT_S * 1000)
    await page.keyboard.press("Control+s")
    async with asyncio.timeout(WAIT_S):
        while not all(cell["execution_count"] for cell in code_cells(file)):  # noqa: ASYNC110  (a file)
            await asyncio.sleep(0.2)
    errors = [output for cell in code_cells(file) for output in cell["outputs"] if output["output_type"] == "error"]
    assert not errors, errors
    return painted


async def run_active_cell(page: Page) -> None:
    """Run the selected cell. JupyterLab forgets what it is asked in the moment in which its kernel connects."""
    prompt = page.locator(".jp-Notebook .jp-Cell.jp-mod-active .jp-InputPrompt").first
    for _ in range(6):
        await page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            await expect(prompt).to_have_text(re.compile(r"\[(\*|\d+)\]"), timeout=10_000)
            return
    raise AssertionError("a cell does not run")


def code_cells(file: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook that is saved from time to time."""
    with contextlib.suppress(ValueError):
        return [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]
    return [{"execution_count": None, "outputs": []}]


async def visit(built: BuiltBinder, server: BinderServer, small: SmallMachine) -> list[list[object]]:
    """Open each link in a browser of its own; gives a row of the table for each."""
    rows: list[list[object]] = []
    for path in binder_links((ROOT / "README.md").read_text(encoding="utf-8")):
        async with chromium() as browser, page_of(browser, "about:blank") as page:
            sockets: list[str] = []
            page.on("websocket", lambda socket, sockets=sockets: sockets.append(socket.url))
            began = time.time()
            if path.startswith("lab/"):
                painted = await open_tour(page, server, path, built, sockets)
            else:
                await page.goto(server.url(path), wait_until="commit")
                await candles(page, sockets)
                painted = time.time()
            since = server.newest_kernel_s()
            rows.append([path, since - began, painted - since, painted - began, small.resident_mb])
            print(f"{path}: live", flush=True)
    return rows


def health(server: BinderServer) -> dict[str, Any]:
    """Return what the server says of its market."""
    request = urllib.request.Request(server.url("api/v1/health"))
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="an empty folder to build in, which stays")
    arguments = parser.parse_args()
    print(f"# Binder\n\n{machine()}, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory(prefix="orderfox_binder_") as name, small_machine(MEMORY) as small:
        folder = (arguments.keep or Path(name)).resolve()
        log = folder / "log"
        try:
            built = build(folder)
            began = time.monotonic()
            with started(built, small, log) as server:
                built.steps["start of the server"] = time.monotonic() - began
                rows = asyncio.run(visit(built, server, small))
                found = health(server)
                killed = small.killed
        except (OSError, RuntimeError, subprocess.SubprocessError, PageError, AssertionError) as error:
            print(f"{error}\n{log.read_text()[-4000:] if log.is_file() else ''}", file=sys.stderr)
            print("Failed. Without a package index nothing can be built: try  pip download idna", file=sys.stderr)
            return 1
        limit = f"{MEMORY // 10**6} MB" if small.group else "memory not limited, since no cgroup can be made here"
        print_table("The build, once for all visitors", ("step", "s"), list(built.steps.items()))
        title = f"One core, {limit}, {found['source']}; {killed:g} processes ended for want of memory"
        print_table(title, ("link", "kernel starts, s", "then candles, s", "from the link, s", "resident MB"), rows)
    return 1 if killed > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
