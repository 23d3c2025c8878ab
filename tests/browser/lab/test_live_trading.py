"""Where real orders are unlocked, every dashboard says so in red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenScreen
from tests.browser.lab.conftest import BADGE, OpenNotebook, opened, running_lab

pytestmark = pytest.mark.browser

UNLOCKED: dict[str, Any] = {
    "ORDERFOX_LIVE_TRADING": "1",
    "BINANCE_API_KEY": "alice",
    "BINANCE_SECRET_KEY": "alice-secret",
}
RED = "rgb(198, 40, 40)"


async def test_unlocked_server_has_a_red_badge_on_its_pages(open_screen: OpenScreen, tmp_path: Path) -> None:
    with running_lab(tmp_path, **UNLOCKED) as lab:
        async with opened(lab, open_screen, BADGE) as notebook:
            await notebook.run(0)
            badge = notebook.output(0).locator(".of-live-trading")
            await expect(badge).to_be_visible()
            await expect(badge).to_have_text("LIVE TRADING")
            await expect(badge).to_have_css("background-color", RED)
            await expect(badge).to_have_css("color", "rgb(255, 255, 255)")


async def test_locked_server_has_none(open_notebook: OpenNotebook) -> None:
    async with open_notebook(BADGE) as notebook:
        await notebook.run(0)
        await notebook.screen.wait_live("book")
        await expect(notebook.output(0).locator(".of-live-trading")).to_be_hidden()
