"""What ends with an output, a cell or a notebook: its subscriptions, its socket, its widgets in the kernel."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import LINK, until
from tests.browser.lab.conftest import BOOK, COMMS, DASHBOARD, Notebook, OpenNotebook
from tests.browser.state import check_same_state, wait_readers

pytestmark = pytest.mark.browser

INK = "rgba(0, 0, 0, 0.87)"
"""JupyterLab's text on its light theme."""
BOOK_KEYS = ("sim/BTCUSDT/book?rounding=auto&rows=50", "sim/BTCUSDT/trades?rows=50")


async def held(notebook: Notebook) -> dict[str, Any]:
    """Return how much the page holds: keys, views, listeners, kernel sessions, models."""
    return await notebook.screen.link("""({
        keys: [...link.byKey.keys()].sort(), views: link.views, listeners: link.listeners.size,
        painted: [...link.entries.values()].map((one) => one.views.size).sort(),
        sessions: link.sessions.known.size, models: link.sessions.pump.widget_manager._modelsSync.size,
    })""")


async def wait_keys(notebook: Notebook, *keys: str) -> None:
    """Wait until the page has subscribed to some keys, and the server has as many readers."""
    await until(
        notebook.page,
        f"(wanted) => JSON.stringify([...{LINK.strip()}.byKey.keys()].sort()) === JSON.stringify(wanted)",
        sorted(keys),
    )
    await wait_readers(notebook.lab.address, len(keys))


async def wait_closed(notebook: Notebook) -> None:
    """Wait until the page has no socket and the server no reader."""
    await until(notebook.page, f"{LINK.strip()}.transport === null && {LINK.strip()}.views === 0")
    await wait_keys(notebook)


async def test_a_cell_that_runs_again_and_again_leaves_nothing_of_its_runs(open_notebook: OpenNotebook):
    async with open_notebook(DASHBOARD, COMMS) as notebook:
        screen = notebook.screen
        await notebook.run(0)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        first, comms = await held(notebook), await notebook.answer(1)
        assert len(first["keys"]) == 6
        for _ in range(3):
            await notebook.run(0)
            await screen.wait_live("chart", "book", "tape", "liquidations")
            await wait_keys(notebook, *first["keys"])
            assert await notebook.answer(1) == comms
            await until(
                notebook.page,
                f"(models) => {LINK.strip()}.sessions.pump.widget_manager._modelsSync.size === models",
                first["models"],
            )
            assert await held(notebook) == first
        assert await notebook.page.locator(".of-panel").count() == 6
        await check_same_state(screen, notebook.lab.address)
        screen.check_clean()


async def test_a_variable_of_an_earlier_run_can_be_shown_again(open_notebook: OpenNotebook):
    older = "older, book = globals().get('book'), OrderBook(symbol='BTCUSDT')\nbook"
    figure = "from bqplot import Figure\n\nFigure(title='Price')"
    async with open_notebook("from orderfox_nb.widgets import OrderBook", older, "older", figure) as notebook:
        # On a dark theme the title of a figure can be read before any widget of ours is shown: bqplot's is orange.
        await notebook.run(3)
        await notebook.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
        await expect(notebook.output(3).locator(".mainheading")).to_have_css("fill", INK)
        await notebook.page.evaluate("document.body.dataset.jpThemeLight = 'true'")
        for cell in (0, 1, 1, 2):
            await notebook.run(cell)
        for cell in (1, 2):
            await expect(notebook.output(cell).locator(".of-book")).to_have_attribute("data-state", "live")
        await wait_keys(notebook, *BOOK_KEYS)


@pytest.mark.parametrize("way", ["clear the output", "delete the cell"])
async def test_what_a_cell_showed_ends_with_its_output_and_the_rest_goes_on(open_notebook: OpenNotebook, way: str):
    async with open_notebook(DASHBOARD, BOOK) as notebook:
        screen, page = notebook.screen, notebook.page
        await notebook.run(0)
        await notebook.run(1)
        await screen.wait_live("chart", "book", "tape", "liquidations")

        async def end(cell: int) -> None:
            await notebook.select(cell)
            if way == "clear the output":
                await notebook.menu("Edit", "Clear Cell Output")
            else:
                await page.keyboard.press("d")
                await page.keyboard.press("d")

        await end(0)
        await wait_keys(notebook, *BOOK_KEYS)
        await screen.wait_frames("book", 5)
        assert await screen.link("link.counters.connections") == 1
        await end(1 if way == "clear the output" else 0)
        await wait_closed(notebook)
        assert await page.locator(".of-panel").count() == 0
        screen.check_clean()


async def test_a_closed_notebook_ends_its_subscriptions_and_shows_them_when_opened_again(open_notebook: OpenNotebook):
    async with open_notebook(DASHBOARD) as notebook:
        screen, page = notebook.screen, notebook.page
        await notebook.run(0)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        keys = (await held(notebook))["keys"]
        await wait_keys(notebook, *keys)
        await notebook.save()
        name = await page.locator(".lm-DockPanel-tabBar .lm-mod-current .lm-TabBar-tabLabel").inner_text()
        await page.click(".lm-DockPanel-tabBar .lm-mod-current .lm-TabBar-tabCloseIcon")
        await wait_closed(notebook)

        # Its kernel still runs: the file's outputs find their widgets there.
        await page.dblclick(f".jp-DirListing-item >> text={name}")
        await screen.wait_live("chart", "book", "tape", "liquidations")
        await wait_keys(notebook, *keys)
        await check_same_state(screen, notebook.lab.address)
        screen.check_clean()
