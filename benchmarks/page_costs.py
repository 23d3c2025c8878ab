"""What a page costs its browser: the main thread's time, a second and a frame."""

from __future__ import annotations

import asyncio
import time

from playwright.async_api import CDPSession, Page


async def costs(page: Page, seconds: float, frames: str) -> dict[str, float]:
    """Measure a page for some seconds: what its main thread did, and how many frames an expression counted."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def read() -> dict[str, float]:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return {one["name"]: one["value"] for one in metrics} | {"frames": await page.evaluate(frames)}

    before, start = await read(), time.perf_counter()
    await asyncio.sleep(seconds)
    after, wall = await read(), time.perf_counter() - start
    script_s, script = await scripted(session, page, seconds / 2, frames)
    await session.detach()
    count = after["frames"] - before["frames"]

    def spent(name: str) -> float:
        return 1e3 * (after[name] - before[name])

    return {
        "frames": count / wall,
        "task": spent("TaskDuration") / max(1, count),
        "script": script,
        "task_s": spent("TaskDuration") / wall,
        "script_s": script_s,
    }


async def scripted(session: CDPSession, page: Page, seconds: float, frames: str) -> tuple[float, float]:
    """Profile a page for some seconds; returns the ms of its functions a second and a frame."""
    await session.send("Profiler.enable")
    await session.send("Profiler.setSamplingInterval", {"interval": 500})
    count, start = await page.evaluate(frames), time.perf_counter()
    await session.send("Profiler.start")
    await asyncio.sleep(seconds)
    profile = (await session.send("Profiler.stop"))["profile"]
    wall, count = time.perf_counter() - start, await page.evaluate(frames) - count
    names = {node["id"]: node["callFrame"]["functionName"] for node in profile["nodes"]}
    spent_us = sum(
        delta
        for node, delta in zip(profile["samples"], profile["timeDeltas"], strict=True)
        if names[node] not in {"(root)", "(program)", "(idle)"}
    )
    return spent_us / 1e3 / wall, spent_us / 1e3 / max(1, count)
