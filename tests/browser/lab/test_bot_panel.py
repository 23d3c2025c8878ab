"""Bots in a notebook: changes go to the server with JupyterLab's own login, and Python reads the same list."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.lab.conftest import OpenNotebook

pytestmark = pytest.mark.browser

PANEL = "from orderfox_nb.widgets import BotPanel\n\npanel = BotPanel()\npanel"
LIST = "print(panel.bot == panel.df.index[0], list(panel.df['name']), list(panel.df['state']))"


async def test_bot_is_created_and_deleted_with_the_login_of_jupyterlab(open_notebook: OpenNotebook) -> None:
    async with open_notebook(PANEL, LIST) as notebook:
        await notebook.run(0)
        shown = notebook.output(0)
        await expect(shown.locator(".of-bots")).to_have_attribute("data-writable", "true")
        await expect(shown.locator(".of-bot-access")).to_be_hidden()
        await shown.locator("[data-act=new]").click()
        await shown.locator('[data-name="name"] input').fill("from a notebook")
        await shown.locator('[data-name="strategy"] select').select_option(label="None: watches its symbol only")
        await shown.locator(".of-bot-form [type=submit]").click()
        row = shown.locator('.of-bot-row[data-state="watching"]')
        await expect(row.locator(".of-bot-choose")).to_have_text("from a notebook")
        # It is chosen when the form has closed, and the kernel learns of that before it runs the next cell.
        await expect(shown.locator(".of-bot-form")).to_have_count(0)
        await notebook.run(1)
        await expect(notebook.output(1)).to_contain_text("True ['from a notebook'] ['watching']")
        await shown.locator(".of-bot-detail [data-act=delete]").click()
        await shown.locator(".of-bot-question .of-danger").click()
        await expect(shown.locator(".of-bot-row[data-id]")).to_have_count(0)
        await expect(shown.locator(".of-empty").first).to_contain_text("No bots yet")
