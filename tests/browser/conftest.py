"""A real Chromium on pages of real servers, with everything noted that a page must not do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlparse

import psutil
import pytest
import pytest_asyncio
from playwright.async_api import ConsoleMessage, Page, Request, async_playwright, expect
from playwright.async_api import Error as PageError

from tests.browser.chromium import Chromium
from tests.browser.panels_cell import PANELS_CELL
from tests.server.conftest import TOKEN, Child

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
Seen = TypeVar("Seen")
LINK = """
globalThis[Object.getOwnPropertySymbols(globalThis).find((one) => String(one).includes("orderfox.link.v1"))]
"""
"""The page's link, as its widgets find it."""

PANELS = {
    "market": ".of-market",
    "badge": ".of-badge",
    "chart": ".of-chart",
    "book": ".of-book",
    "tape": ".of-tape",
    "liquidations": ".of-liquidations",
}


CLASSES_WITH = """(part) => [...document.querySelectorAll(".of, .of *")]
    .filter((one) => !one.children.length && one.checkVisibility() && one.textContent.includes(part))
    .map((one) => one.className)"""
"""The classes of the visible elements whose text contains a part."""

BARS = """() => [...document.querySelectorAll(".of-balance i")].filter((one) => {
    return one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().width > 0;
}).length"""
"""How many balances of two sides are drawn."""


PATIENCE_S = 120
"""How long a page is waited for: one of fifteen panels needs 30 s where two share two cores, 100 s where four do."""
expect.set_options(timeout=PATIENCE_S * 1000)

STATE = """() => ({
    widgets: document.querySelectorAll(".of").length,
    ready: document.querySelectorAll(".bqplot.of-ready").length,
    panels: [...document.querySelectorAll(".of [data-state], .of[data-state]")]
        .map((one) => `${one.className}: ${JSON.stringify(one.dataset)}`),
    text: document.body.innerText.slice(0, 3000),
})"""
"""What a page shows, in short."""


async def until(page: Page, condition: str, argument: object = None, *, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a function or an expression of the page is true, also over a reload.

    Asked from outside, since the page's policy forbids evaluating text inside the page.
    """
    async with asyncio.timeout(timeout_s):
        while True:
            # A page that is just being reloaded has nothing to ask.
            with contextlib.suppress(PageError):
                if await page.evaluate(condition, argument):
                    return
            await asyncio.sleep(0.05)


async def eventually(
    read: Callable[[], Awaitable[Seen]], check: Callable[[Seen], object], *, timeout_s: float = PATIENCE_S
) -> Seen:
    """Read until a check passes what was read, and return that; what failed last is the error.

    For what is only true once a page has painted: the market moves on between two questions, so a check gets all that
    it compares from one ``evaluate()``.
    """
    failed: Exception = AssertionError("the page does not answer")
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    seen = await read()
                    check(seen)
                    return seen
                except (AssertionError, PageError) as error:
                    failed = error
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise failed from None


async def settled(page: Page, expression: str, wanted: object, argument: object = None) -> None:
    """Wait until an expression of the page has a value."""

    def check(seen: object) -> None:
        assert seen == wanted, expression

    await eventually(lambda: page.evaluate(expression, argument), check)


class Screen:
    """A page with our widgets on it, and what it did wrong."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.said: deque[str] = deque(maxlen=30)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._failed(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if "Unsatisfied version" not in message.text:  # of the modules that Voila shares with JupyterLab
            self.said.append(f"{message.type}: {message.text[:300]}")
        if message.type == "error":
            self._failed(f"{message.text} {message.location.get('url', '')}")

    def _failed(self, text: str) -> None:
        self.said.append(f"error: {text[:300]}")
        # anywidget says so of a widget that is not there within two seconds, which is a matter of the machine: the
        # widget comes all the same, and one that does not come is missed by what a test waits for.
        if "[anywidget] Failed to initialize model." not in text:
            self.errors.append(text)

    def _request(self, request: Request) -> None:
        url = urlparse(request.url)
        if url.scheme not in {"data", "blob"} and url.hostname != "127.0.0.1":
            self.foreign.append(request.url)

    async def data(self, panel: str) -> dict[str, str]:
        """Return the data attributes of a panel."""
        return await self.page.evaluate("(where) => ({...document.querySelector(where).dataset})", PANELS[panel])

    async def frames(self, *panels: str) -> dict[str, int]:
        """Return how often panels were painted."""
        return {panel: int((await self.data(panel)).get("frames", 0)) for panel in panels}

    async def wait_live(self, *panels: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until panels show live data."""
        for panel in panels or tuple(PANELS):
            await self.page.wait_for_selector(
                f'{PANELS[panel]}[data-state="live"]', state="attached", timeout=timeout_s * 1000
            )

    async def wait_data(self, panel: str, timeout_s: float = PATIENCE_S, **wanted: str) -> None:
        """Wait until a panel's data attributes have values."""
        await until(
            self.page,
            "([where, wanted]) => Object.entries(wanted).every(([name, value]) => "
            "document.querySelector(where)?.dataset[name] === value)",
            argument=[PANELS[panel], wanted],
            timeout_s=timeout_s,
        )

    async def wait_frames(self, panel: str, more: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until a panel was painted some times more."""
        least = (await self.frames(panel))[panel] + more
        await until(
            self.page,
            "([where, least]) => Number(document.querySelector(where).dataset.frames) >= least",
            argument=[PANELS[panel], least],
            timeout_s=timeout_s,
        )

    async def link(self, expression: str) -> Any:
        """Evaluate an expression of the page's ``link``."""
        return await self.page.evaluate(f"() => {{ const link = {LINK.strip()}; return {expression}; }}")

    async def pixels(self) -> dict[str, Any]:
        """Return how many pixels of the chart's canvas have the market's colours, and a checksum."""
        return await self.page.evaluate("""() => {
            const canvas = document.querySelector(".of-canvas-under");
            if (!canvas?.width) return { bid: 0, ask: 0, warning: 0, sum: 0 };
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const style = getComputedStyle(document.querySelector(".of-chart"));
            const wanted = ["bid", "ask", "warning"].map((name) => {
                const hex = style.getPropertyValue(`--of-${name}`).trim().slice(1);
                return [name, parseInt(hex, 16)];
            });
            const found = { bid: 0, ask: 0, warning: 0, sum: 0 };
            for (let at = 0; at < data.length; at += 4) {
                if (data[at + 3] === 0) continue;
                found.sum = (found.sum * 31 + data[at] + 7 * data[at + 1] + at) >>> 0;
                const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
                for (const [name, value] of wanted) if (data[at + 3] === 255 && colour === value) found[name]++;
            }
            return found;
        }""")

    async def wait_pixels(self, **least: int) -> None:
        """Wait until the chart's canvas has more pixels of colours than these."""

        def check(pixels: dict[str, Any]) -> None:
            assert all(pixels[name] > count for name, count in least.items()), pixels

        await eventually(self.pixels, check)

    async def record_states(self, panel: str) -> None:
        """Note from now on each state that a panel shows, for ``saw_state``: one may last for a moment."""
        await self.page.evaluate(
            """(where) => {
                const panel = document.querySelector(where);
                const name = where === ".of-badge" ? "worst" : "state";
                globalThis.ofStates = [];
                new MutationObserver(() => ofStates.push(panel.dataset[name])).observe(panel, { attributes: true });
            }""",
            PANELS[panel],
        )

    async def saw_state(self, state: str) -> None:
        """Wait until the recorded panel has shown a state."""
        await until(self.page, "(state) => ofStates.includes(state)", state)

    async def describe(self) -> str:
        """Return what the page shows and logged, for the report of a test that failed."""
        state: object = "the page does not answer"
        with contextlib.suppress(PageError, TimeoutError):
            async with asyncio.timeout(10):
                state = json.dumps(await self.page.evaluate(STATE), indent=1)
        return "\n".join([f"The page was at {self.page.url}", str(state), *self.said])

    def check_clean(self) -> None:
        """Check that the page logged no error and asked no other host."""
        assert self.errors == []
        assert self.foreign == []


def written(path: Path, timeout_s: float = PATIENCE_S) -> bytes:
    """Wait until the file of a picture is whole and return what it holds."""
    deadline = time.monotonic() + timeout_s
    while not path.exists() or not path.read_bytes().endswith(b"IEND\xaeB`\x82"):
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.05)
    return path.read_bytes()


def free_port() -> int:
    """Return a port that is free now, for servers that print the one they were asked for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def kernel_process(kernel: str) -> psutil.Process:
    """Return the process of a kernel by its id."""
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"kernel-{kernel}" in part for part in process.info["cmdline"] or [])
    )


OpenScreen = Callable[..., AbstractAsyncContextManager[Screen]]
StartServed = Callable[..., tuple[Child, str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of this folder share the loop on which their browser is."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = Chromium(playwright, chromium)
        yield browser
        await browser.close()


def _is_ours(task: asyncio.Task[Any]) -> bool:
    """Return whether a task is not one of Playwright's, which last as long as the browser."""
    running = task.get_coro()
    return not (isinstance(running, Coroutine) and "playwright" in running.cr_code.co_filename)  # type: ignore[attr-defined]


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def leaves_nothing(browser: Chromium) -> AsyncIterator[None]:
    """Fail a test that leaves a page open or a task running, and end what it left: the next one has the same loop."""
    before = asyncio.all_tasks()
    yield
    left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if task and _is_ours(task)}
    if left:
        # What is just being closed may go on for a moment.
        _, left = await asyncio.wait(left, timeout=10)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    pages = [page for context in browser.contexts for page in context.pages]
    for page in pages:
        await page.close()
    assert not pages, "a page is still open"
    assert not left, "a task is still running"


@pytest.fixture
def open_screen(browser: Chromium) -> OpenScreen:
    """Opens a page in a profile that holds nothing but what Chromium caches."""

    @asynccontextmanager
    async def open_screen(url: str, *, width: int = 1440, height: int = 900, **options: Any) -> AsyncIterator[Screen]:
        # The size is the page's and not the profile's, so that pages of all sizes share what is compiled.
        async with browser.profile(color_scheme="dark", **options) as context:
            screen = Screen(await context.new_page())
            await screen.page.set_viewport_size({"width": width, "height": height})
            screen.page.set_default_timeout(PATIENCE_S * 1000)
            await screen.page.goto(url)
            try:
                yield screen
            except BaseException as error:
                error.add_note(await screen.describe())
                raise

    return open_screen


@pytest.fixture(scope="session")
def served(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``orderfox serve`` with the dashboard, under a prefix, on the embedded exchange."""
    folder = tmp_path_factory.mktemp("serve")
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser", "--base-url", "/desk/"]
    command += ["--source", "sim?seed=7&symbols=4", "--notebook", str(NOTEBOOKS / "dashboard.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", folder / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.leave()


@pytest.fixture(scope="session")
def panels(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with each panel alone, not in a dashboard."""
    del chromium
    folder = tmp_path_factory.mktemp("panels")
    notebook = folder / "panels.ipynb"
    cell = {
        "id": "a",
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": PANELS_CELL,
    }
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook.write_text(json.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=4&liquidation_rate=20", "--notebook", str(notebook)]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", Path(folder) / "log", environment)
    line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
    yield line.split()[3]
    child.leave()


@pytest.fixture
def start_served(chromium: str, tmp_path: Path) -> Iterator[StartServed]:
    """Starts ``orderfox serve``; ends what a test leaves."""
    children: list[Child] = []

    def start(*options: str, notebook: Path | None = None, **environment: str) -> tuple[Child, str]:
        command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--no-browser"]
        command += ["--notebook", str(notebook or NOTEBOOKS / "dashboard.ipynb"), *options]
        settings = {"ORDERFOX_DATA_DIR": str(tmp_path), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
        child = Child(command, "OrderFox is at", tmp_path / f"log{len(children)}", {**settings, **environment})
        children.append(child)
        line = next(line for line in child.text.splitlines() if "OrderFox is at" in line)
        return child, line.split()[3]

    yield start
    for child in children:
        child.leave()
