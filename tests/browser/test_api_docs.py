"""The page about the API, as a person browses it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenScreen

pytestmark = pytest.mark.browser


async def test_page_about_the_api_shows_every_route_and_tries_one_without_another_host(
    served: str, open_screen: OpenScreen
) -> None:
    async with open_screen(served + "docs") as screen:
        page = screen.page
        for path in ("/api/v1/symbols", "/api/v1/orderbook/{symbol}", "/api/v1/refresh-symbols"):
            await expect(page.locator(f'[data-path="{path}"]')).to_be_visible()
        await page.locator('[data-path="/api/v1/health"]').click()
        await page.get_by_role("button", name="Try it out").click()
        await page.get_by_role("button", name="Execute").click()
        answer = page.locator(".live-responses-table .response-col_status")
        await expect(answer.last).to_have_text(re.compile("200"))
        screen.check_clean()
