"""Take the pictures of docs/images from a running dashboard: ``python docs/screenshots.py http://127.0.0.1:8000/``."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from playwright.async_api import async_playwright

IMAGES = Path(__file__).parent / "images"
PICTURES = (
    ("dashboard-dark", 1440, 900, "dark"),
    ("dashboard-light", 1440, 900, "light"),
    ("phone-dark", 390, 1500, "dark"),
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


async def take(url: str) -> None:
    """Take every picture, each on a page of its own that has been live for some seconds."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for name, width, height, scheme in PICTURES:
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await context.new_page()
            await page.goto(f"{url}?rounding=1")
            await page.wait_for_selector('.of-chart[data-bars="400"]', state="attached")
            await page.wait_for_function("Number(document.querySelector('.of-book').dataset.frames) > 60")
            await page.screenshot(path=IMAGES / f"{name}.png")
            await context.close()
        await browser.close()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    asyncio.run(take(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000/"))
