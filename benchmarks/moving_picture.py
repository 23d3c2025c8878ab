"""Take README's moving picture, docs/images/dashboard.webp, from the running dashboard on the embedded exchange.

python -m benchmarks.moving_picture

What happens is in ``act``: the market moves by itself, and the pointer looks at a candle and at a row of the book.
"""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from PIL import Image
from playwright.async_api import Page

from benchmarks.screenshots import IMAGES, settled
from benchmarks.stage import chromium, dashboard, page_of, wait_live

TARGET = IMAGES / "dashboard.webp"
SOURCE = "sim?seed=7&symbols=24&liquidation_rate=20"
WIDTH, HEIGHT = 1280, 760
SHOWN_WIDTH = 1120
SECONDS = 10.0
PER_SECOND = 6
MAX_BYTES = 2_000_000


@asynccontextmanager
async def filmed(page: Page) -> AsyncIterator[list[tuple[float, bytes]]]:
    """Gather what the page paints, as seconds and JPEG, until the block ends."""
    frames: list[tuple[float, bytes]] = []
    session = await page.context.new_cdp_session(page)
    answers: set[asyncio.Task[object]] = set()

    def painted(event: dict[str, object]) -> None:
        frames.append((time.monotonic(), base64.b64decode(str(event["data"]))))
        answer = asyncio.ensure_future(session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]}))
        answers.add(answer)
        answer.add_done_callback(answers.discard)

    session.on("Page.screencastFrame", painted)
    await session.send("Page.startScreencast", {"format": "jpeg", "quality": 95, "everyNthFrame": 1})
    yield frames
    await session.send("Page.stopScreencast")


async def act(page: Page) -> None:
    """Do what the picture shows."""
    chart, book = page.locator(".of-candle-chart").first, page.locator(".of-book").first
    inside, beside = await chart.bounding_box(), await book.bounding_box()
    assert inside
    assert beside
    await page.mouse.move(WIDTH - 2, 2)
    await asyncio.sleep(SECONDS * 0.3)
    for step in range(12):
        await page.mouse.move(inside["x"] + inside["width"] * (0.35 + step / 40), inside["y"] + inside["height"] * 0.4)
        await asyncio.sleep(SECONDS * 0.02)
    for step in range(10):
        await page.mouse.move(beside["x"] + beside["width"] * 0.5, beside["y"] + beside["height"] * (0.25 + step / 40))
        await asyncio.sleep(SECONDS * 0.02)
    await page.mouse.move(WIDTH - 2, 2)
    await asyncio.sleep(SECONDS * 0.26)


def sampled(frames: list[tuple[float, bytes]]) -> list[Image.Image]:
    """Return the pictures of equal times: the last one that was painted by then."""
    start, chosen = frames[0][0], list[Image.Image]()
    height = round(HEIGHT * SHOWN_WIDTH / WIDTH)
    for at in range(round(SECONDS * PER_SECOND)):
        painted = [jpeg for moment, jpeg in frames if moment <= start + at / PER_SECOND]
        image = Image.open(io.BytesIO(painted[-1])).convert("RGB")
        chosen.append(image.resize((SHOWN_WIDTH, height), Image.Resampling.LANCZOS))
    return chosen


def save(pictures: list[Image.Image]) -> int:
    """Write the picture in the best quality that stays within the limit, and return its bytes."""
    for quality in range(80, 20, -10):
        pictures[0].save(
            TARGET,
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / PER_SECOND),
            loop=0,
            quality=quality,
            method=4,
            kmax=60,
        )
        if (size := TARGET.stat().st_size) <= MAX_BYTES:
            print(f"{TARGET.name}: {len(pictures)} pictures, quality {quality}, {size / 1e6:.2f} MB")
            return size
    raise SystemExit(f"{TARGET} is above {MAX_BYTES / 1e6} MB in every quality")


async def film() -> None:
    with dashboard(source=SOURCE) as server:
        async with (
            chromium() as browser,
            page_of(browser, f"{server.url}?rounding=1", width=WIDTH, height=HEIGHT) as page,
        ):
            await wait_live(page, "liquidations")
            await wait_live(page, "candles", "book", "tape", frames=30)
            await settled(page)
            async with filmed(page) as frames:
                await act(page)
    print(f"{len(frames)} pictures were painted")
    save(sampled(frames))


if __name__ == "__main__":
    asyncio.run(film())
