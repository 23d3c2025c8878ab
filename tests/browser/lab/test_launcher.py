"""The launcher's cards: they open the user's own copy of the notebooks that come with OrderFox."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from orderfox_nb.notebook_files import notebooks_folder
from tests.browser.conftest import OpenScreen
from tests.browser.lab.conftest import Lab, Notebook
from tests.server.conftest import TOKEN

pytestmark = pytest.mark.browser


async def test_the_launcher_opens_a_copy_and_replaces_no_file(lab: Lab, open_screen: OpenScreen):
    folder = lab.root / "mine"
    folder.mkdir()
    foreign = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (folder / "dashboard.ipynb").write_text(foreign)
    shipped = json.loads((notebooks_folder() / "dashboard.ipynb").read_text())
    async with open_screen(f"{lab.address}lab/tree/mine?token={TOKEN}&reset", width=1600) as screen:
        page = screen.page
        notebook = Notebook(screen, lab)
        section = page.locator(".jp-Launcher-section", has_text="OrderFox")
        cards = section.locator(".jp-LauncherCard")
        await expect(cards).to_have_text(["Tour", "Dashboard", "Bots"])
        await expect(cards.locator("svg")).to_have_count(3)
        try:
            await cards.nth(1).click()
            await screen.wait_live("chart", "book", "tape")
            # A file of that name that is not ours is left alone.
            assert (folder / "dashboard.ipynb").read_text() == foreign
            copy = json.loads((folder / "dashboard_1.ipynb").read_text())
            assert [cell["source"] for cell in copy["cells"]] == [cell["source"] for cell in shipped["cells"]]
            await notebook.save()
            # The second time the copy is opened, and nothing runs or is written.
            written = (folder / "dashboard_1.ipynb").read_bytes()
            await page.keyboard.press("Control+Shift+l")
            await cards.nth(1).click()
            await expect(page.locator(".lm-DockPanel-tabBar .lm-mod-current")).to_contain_text("dashboard_1.ipynb")
            await page.wait_for_function("!document.querySelector('.jp-Launcher')")
            assert (folder / "dashboard_1.ipynb").read_bytes() == written
            assert sorted(path.name for path in folder.glob("*.ipynb")) == ["dashboard.ipynb", "dashboard_1.ipynb"]
        finally:
            await notebook.end_kernels()
        screen.check_clean()
