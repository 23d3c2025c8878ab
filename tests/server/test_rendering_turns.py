"""Notebooks that fail slowly: they are tried again later each time, and leave room for the pages of others."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orderfox_nb.server.kernel_limits import StartSlots
from orderfox_nb.server.start.site import Site
from orderfox_nb.server.viewer.failures import RenderingFailed
from orderfox_nb.server.viewer.pages import CHECK_S, MAX_PAUSE, MAX_PAUSE_S, RETRY_S
from orderfox_nb.server.viewer.rendering import Page, Rendering
from tests.server.conftest import until
from tests.server.test_viewers import Script, ScriptedPages, write_notebook

pytestmark = pytest.mark.server

LIMIT_S = 120.0
TOO_LONG = RenderingFailed("it took longer than 120 s")


@pytest.mark.parametrize(
    ("lasted_s", "pauses_s"),
    [
        (LIMIT_S, [LIMIT_S, 2 * LIMIT_S, MAX_PAUSE_S, MAX_PAUSE_S]),
        (20.0, [20.0 * factor for factor in (1, 2, 4, MAX_PAUSE, MAX_PAUSE)]),
        (1.0, [RETRY_S] * 5),
        (3.0, [RETRY_S, RETRY_S, RETRY_S, 3 * MAX_PAUSE, 3 * MAX_PAUSE]),
    ],
)
async def test_what_fails_slowly_is_tried_again_later_each_time(lasted_s: float, pauses_s: list[float]) -> None:
    rig = ScriptedPages()
    assert isinstance(rig.pages.current(), Rendering)
    for pause_s in [*pauses_s, CHECK_S]:
        await until(lambda: rig.scripts[-1].running)
        rig.now_s += lasted_s
        newest = rig.pages._newest
        assert newest is not None
        await rig.finish(newest, TOO_LONG)
        ended_s, tried = rig.now_s, len(rig.scripts)
        if pause_s == CHECK_S:
            rig.key = 2  # somebody has changed the notebook
        while len(rig.scripts) == tried:
            rig.now_s += CHECK_S
            rig.pages.current()
        assert rig.now_s - ended_s == pause_s
    await rig.pages.stop()


class TimedSite:
    """A folder of notebooks whose renderings take as long as the test says."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.now_s = 0.0
        self.scripts: dict[str, Script] = {}
        for name in ("main", *names):
            write_notebook(folder / f"{name}.ipynb", "1")
        self.site = Site(
            main=folder / "main.ipynb",
            pages=None,
            built_in=[],
            folder=folder,
            make=self._make,
            source="sim",
            timeout_s=60,
            now_s=lambda: self.now_s,
        )

    def _make(self, path: Path) -> Any:
        self.scripts[path.stem] = script = Script()
        return script

    async def visit(self, name: str) -> Page | Rendering:
        card = await self.site.find(name)
        assert card is not None
        return self.site.pages(card).current()

    async def running(self, count: int) -> set[str]:
        """Return which notebooks run, once there are so many and everything that waits has had a chance."""
        await until(lambda: sum(script.running for script in self.scripts.values()) >= count)
        for _ in range(20):
            await asyncio.sleep(0)
        return {name for name, script in self.scripts.items() if script.running}

    async def end(self, *names: str, with_: str | Exception) -> None:
        renderings = [await self.visit(name) for name in names]
        for name in names:
            self.scripts[name].pieces.put_nowait(with_)
            self.scripts[name].pieces.put_nowait(None)
        for rendering in renderings:
            assert isinstance(rendering, Rendering)
            await asyncio.wait_for(rendering.task, 60)


async def test_two_notebooks_that_loop_leave_a_turn_for_others(tmp_path: Path) -> None:
    scripted = TimedSite(tmp_path, "loop1", "loop2", "loop3", "good1", "good2")
    for name in ("loop1", "loop2", "good1", "loop3"):
        await scripted.visit(name)
    # Before it is known that they are slow, others wait until the time of one of them is up.
    assert await scripted.running(2) == {"loop1", "loop2"}
    scripted.now_s += LIMIT_S
    await scripted.end("loop1", "loop2", with_=TOO_LONG)
    assert await scripted.running(2) == {"good1", "loop3"}
    await scripted.end("good1", with_="page")
    scripted.now_s += LIMIT_S
    await scripted.end("loop3", with_=TOO_LONG)
    # However often they are visited from now on, one of them runs at a time.
    scripted.now_s += LIMIT_S
    for name in ("loop1", "loop2", "loop3"):
        await scripted.visit(name)
    assert await scripted.running(1) == {"loop1"}
    await scripted.visit("good2")
    assert await scripted.running(2) == {"loop1", "good2"}
    await scripted.end("good2", with_="page")
    assert isinstance(await scripted.visit("good2"), Page)
    # One that renders well is as good as any other.
    await scripted.end("loop1", with_="page")
    assert len(await scripted.running(1)) == 1
    write_notebook(tmp_path / "loop1.ipynb", "changed")
    scripted.now_s += CHECK_S
    assert isinstance(await scripted.visit("loop1"), Page)
    assert len(await scripted.running(2)) == 2
    await scripted.site.stop()


async def test_a_page_of_a_viewer_s_kernel_that_takes_long_gives_its_slot_back() -> None:
    slots = StartSlots(1, 1)
    release = asyncio.Event()
    inside: list[float] = []

    async def render(max_s: float) -> None:
        async with slots.held_for(max_s):
            inside.append(max_s)
            await release.wait()

    first = asyncio.create_task(render(0.0))
    second = asyncio.create_task(render(60.0))
    await until(lambda: inside == [0.0, 60.0])
    third = asyncio.create_task(render(60.0))
    await asyncio.sleep(0)
    assert slots.full
    third.cancel()
    await asyncio.wait([third])
    release.set()
    await asyncio.gather(first, second)
    # Each slot was given back once.
    async with slots:
        assert not slots.full
        waiting = asyncio.create_task(render(60.0))
        await asyncio.sleep(0)
        assert len(inside) == 2
    await waiting
