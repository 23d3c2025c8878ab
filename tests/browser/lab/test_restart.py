"""What the widgets of a page say and show when a kernel ends, and when it is there again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenScreen, kernel_process
from tests.browser.lab.conftest import BADGE, BOOK, DASHBOARD, ENDED, Lab, Notebook, OpenNotebook, opened, running_lab
from tests.browser.state import check_no_gap, check_same_state

pytestmark = pytest.mark.browser


async def check_state(notebook: Notebook) -> None:
    await notebook.screen.wait_live("chart", "book", "tape", "liquidations")
    await notebook.screen.wait_frames("book", 5)
    await check_no_gap(notebook.screen)
    await check_same_state(notebook.screen, notebook.lab.address)


async def test_a_restart_is_shown_at_once_and_the_server_s_frames_go_on(open_notebook: OpenNotebook):
    async with open_notebook(DASHBOARD, BOOK) as notebook:
        screen, page = notebook.screen, notebook.page
        await notebook.run(0)
        await notebook.run(1)
        await check_state(notebook)
        alone = notebook.output(1).locator(".of-state")
        await expect(alone).to_have_text("")

        await notebook.restart()
        await notebook.wait_kernel(ENDED)
        await expect(alone).to_have_text(ENDED)
        await check_state(notebook)
        assert await screen.link("link.counters.connections") == 1, "the restart did not touch the page's socket"
        # What the reader chooses works without the kernel.
        await page.click(".of-timeframe >> text=5m")
        await screen.wait_data("chart", interval="5m")
        await page.click(".of-timeframe >> text=1m")
        await screen.wait_data("chart", interval="1m")

        await notebook.run(0)
        await notebook.wait_kernel("")
        await check_state(notebook)
        await expect(alone).to_have_text(ENDED)
        await notebook.run(1)
        await expect(alone).to_have_text("")
        assert await screen.link("link.counters.connections") == 1
        screen.check_clean()


async def test_a_kernel_that_ends_in_another_way_is_shown_too(open_notebook: OpenNotebook):
    async with open_notebook(BOOK) as notebook:
        book = notebook.output(0).locator(".of-book")
        for way in ("restarted by another client", "killed", "shut down"):
            await notebook.run(0)
            await expect(book.locator(".of-state")).to_have_text("")
            await expect(book).to_have_attribute("data-state", "live")
            kernel = await notebook.kernel()
            if way == "killed":
                kernel_process(kernel).kill()
            elif way == "shut down":
                await notebook.menu("Kernel", "Shut Down Kernel")
            else:
                await notebook.post(f"kernels/{kernel}/restart")
            await expect(book.locator(".of-state"), way).to_have_text(ENDED)
            await notebook.screen.wait_frames("book", 5)
            await expect(book).to_have_attribute("data-state", "live")
            if way == "killed":
                await notebook.dialog("Ok")


async def test_after_a_restart_and_a_refresh_every_output_says_to_run_its_cell(open_notebook: OpenNotebook):
    tape = "from orderfox_nb.widgets import Tape\n\ntape = Tape()\ntape.to_static()\ntape"
    async with open_notebook(DASHBOARD, BOOK, tape) as notebook:
        page = notebook.page
        for cell in range(3):
            await notebook.run(cell)
        await notebook.screen.wait_live("chart", "book", "tape")
        await notebook.restart()
        await notebook.wait_kernel(ENDED)
        await notebook.save()
        await page.reload()
        await notebook.wait_ready()
        for cell in range(3):
            await expect(notebook.output(cell)).to_contain_text("run the cell to see it")
        still = notebook.output(2).locator("img")
        assert (await still.get_attribute("alt") or "").startswith("SIMULATED · BTCUSDT · ")
        assert await still.evaluate("(still) => still.complete && still.naturalWidth > 0")
        await expect(page.locator(".jp-Notebook")).not_to_contain_text("model not found")

        await notebook.run(0)
        await notebook.screen.wait_live("chart", "book", "tape", "liquidations")
        await check_state(notebook)


async def test_each_notebook_of_a_page_shows_the_state_of_its_own_kernel(lab: Lab, open_notebook: OpenNotebook):
    other = lab.write(BOOK)
    async with open_notebook(BOOK) as notebook:
        page = notebook.page
        note = notebook.output(0).locator(".of-book .of-state")
        await notebook.run(0)
        await page.dblclick(f".jp-DirListing-item >> text={other}")
        await expect(page.locator(".jp-NotebookPanel")).to_have_count(2)
        await notebook.wait_ready()
        await notebook.run(0)
        await expect(note).to_have_text("")
        await notebook.restart()
        await expect(note).to_have_text(ENDED)
        await page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").first.click()
        await expect(notebook.output(0).locator(".of-book")).to_have_attribute("data-state", "live")
        await expect(note).to_have_text("")
        await notebook.restart()
        await expect(note).to_have_text(ENDED)


async def test_where_the_kernel_carries_the_frames_they_go_on_with_the_next_one(
    open_screen: OpenScreen, chromium: str, tmp_path: Path
):
    with running_lab(tmp_path, extension=False) as lab:
        async with opened(lab, open_screen, BADGE, BOOK) as notebook:
            books = [notebook.output(cell).locator(".of-book") for cell in (0, 1)]
            for cell in (0, 1):
                await notebook.run(cell)
                await expect(books[cell]).to_have_attribute("data-state", "live")
            assert await notebook.screen.link("link.transport.kind") == "comm"
            badge = notebook.output(0).locator(".of-badge-text")
            await expect(badge).to_have_text(re.compile(r"^live · .*\d (ms|s) .*· through the kernel$"))
            await notebook.restart()
            for book in books:
                await expect(book.locator(".of-state")).to_have_text(ENDED)
                await expect(book).to_have_attribute("data-state", "reconnecting")
            await expect(badge).to_have_text("kernel ended")
            await notebook.run(0)
            for book in books:
                await expect(book).to_have_attribute("data-state", "live")
            await expect(badge).to_have_text(re.compile("^live"))
            await expect(books[0].locator(".of-state")).to_have_text("")
            await expect(books[1].locator(".of-state")).to_have_text(ENDED)
