"""What the browser tests stand on: a page finds nothing of the one before."""

from __future__ import annotations

import pytest

from tests.browser.chromium import Chromium
from tests.browser.conftest import OpenScreen

pytestmark = pytest.mark.browser

STORED = "() => [localStorage.length, sessionStorage.length, document.cookie]"


async def test_a_page_finds_nothing_that_another_one_stored(
    browser: Chromium, served: str, open_screen: OpenScreen
) -> None:
    address = f"{served}api/v1/health"
    async with open_screen(address) as screen:
        used = screen.page.context
        await screen.page.evaluate(
            "() => { localStorage.a = 1; sessionStorage.b = 2; document.cookie = 'c=3; max-age=60'; }"
        )
        assert await screen.page.evaluate(STORED) == [1, 1, "c=3"]
        async with open_screen(address) as beside:
            assert beside.page.context is not used
            assert await beside.page.evaluate(STORED) == [0, 0, ""]
    async with open_screen(address) as screen:
        assert screen.page.context in browser.contexts
        assert await screen.page.evaluate(STORED) == [0, 0, ""]
