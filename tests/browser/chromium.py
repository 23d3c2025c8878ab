"""The browser of the tests, and the profiles that it lends to their pages."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from playwright.async_api import Browser, BrowserContext, Playwright, Request

from tests.server.real_proxies import NAME

# The popup of the address bar is a page of its own in every window: a second of CPU for something invisible. The others
# are those of Playwright's list, which the option replaces.
UNUSED = [
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying"),
    *("OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # A scroll is where it ends at once, and a test need not wait for an animation.
    "--disable-smooth-scrolling",
    f"--disable-features={','.join(UNUSED)}",
    # A site's name, whose proxies and certificates are on this machine.
    f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
]

HEADED = bool(os.environ.get("ORDERFOX_HEADED"))
"""Whether the browser has a window, and pauses for half a second at each step."""
TRACES = os.environ.get("ORDERFOX_TRACES", "")
"""Folder for the trace of each page of a test that fails; `playwright show-trace` opens one."""


class Chromium:
    """The browser of a worker's tests: launched with the first page, and again where it has crashed.

    A page that loads scripts which another page of its profile has compiled takes a third less of a core, so pages
    of the same options share a profile, one after another, and leave nothing in it but the cache.
    """

    def __init__(self, playwright: Playwright, path: str) -> None:
        self._playwright = playwright
        self._path = path
        self._browser: Browser | None = None
        self._free: dict[str, list[BrowserContext]] = {}

    @property
    def contexts(self) -> list[BrowserContext]:
        """What is open in it."""
        return self._browser.contexts if self._browser is not None and self._browser.is_connected() else []

    @asynccontextmanager
    async def profile(self, **options: Any) -> AsyncIterator[BrowserContext]:
        """Lend a profile that no page has anything stored in and that no other page uses meanwhile."""
        if self._browser is None or not self._browser.is_connected():
            self._free.clear()
            self._browser = await self._playwright.chromium.launch(
                executable_path=self._path, args=ARGUMENTS, headless=not HEADED, slow_mo=500 if HEADED else 0
            )
        free = self._free.setdefault(json.dumps(options, sort_keys=True), [])
        context = free.pop() if free else await self._browser.new_context(**options)
        origins: set[str] = set()

        def note(request: Request) -> None:
            url = urlparse(request.url)
            origins.add(f"{url.scheme}://{url.netloc}")

        context.on("request", note)
        try:
            if TRACES:
                await context.tracing.start(screenshots=True, snapshots=True)
            yield context
            if TRACES:
                await context.tracing.stop()
            await self._clear(context, origins)
        except BaseException:
            if TRACES:
                test = re.sub(r"\W+", "-", os.environ.get("PYTEST_CURRENT_TEST", "page"))
                await context.tracing.stop(path=Path(TRACES) / f"{test}-{time.time_ns()}.zip")
            # Whatever state it is in, the next page does not find it.
            await context.close()
            raise
        context.remove_listener("request", note)
        free.append(context)

    @staticmethod
    async def _clear(context: BrowserContext, origins: set[str]) -> None:
        pages = context.pages
        blank = await context.new_page()
        for page in pages:
            # What a page keeps it may write when it is left.
            await page.close()
        devtools = await context.new_cdp_session(blank)
        for origin in origins:
            await devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        await context.clear_cookies()
        await blank.close()

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
