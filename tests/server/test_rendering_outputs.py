"""What notebooks print: so much of it is held for a page, and so much of their processes' own output is logged."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.server.kernel_output import MAX_LOGGED, bounded_output
from orderfox_nb.server.pieces import MAX_PIECE, in_pieces
from orderfox_nb.server.viewer.failures import RenderingFailed
from orderfox_nb.server.viewer.outputs import BoundedOutputs
from orderfox_nb.server.viewer.renderer import PageRenderer
from orderfox_nb.server.viewer.rendering import Rendering
from tests.server.conftest import until
from tests.server.test_viewers import ScriptedPages

pytestmark = pytest.mark.server


class Executor:
    """Runs a cell that prints so many lines of 1,000 characters, or without end."""

    def __init__(self) -> None:
        self.kept = 0
        self.cancelled = False

    def process_message(self, message: dict[str, Any], _cell: object, _index: int) -> None:
        self.kept += len(message["content"].get("text", ""))

    async def execute_cell(self, lines: int | None) -> str:
        printed = 0
        try:
            while lines is None or printed < lines:
                printed += 1
                self.process_message({"content": {"name": "stdout", "text": "x" * 1_000}, "buffers": []}, None, 0)
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return "cell"


async def test_cell_that_prints_without_end_is_given_up() -> None:
    executor = Executor()
    outputs = BoundedOutputs(executor, most=1_000_000)
    for _ in range(2):
        assert await outputs.during(executor.execute_cell(400)) == "cell"
    async with asyncio.timeout(60):
        with pytest.raises(RenderingFailed, match="output is larger than 1 million characters"):
            await outputs.during(executor.execute_cell(None))
    assert executor.cancelled
    assert 900_000 < executor.kept <= 1_000_000


async def test_cell_that_fails_and_one_that_is_cancelled_end_as_without_a_bound() -> None:
    executor = Executor()
    outputs = BoundedOutputs(executor, most=1_000_000)

    async def failing() -> None:
        raise ValueError("cell")

    with pytest.raises(ValueError, match="cell"):
        await outputs.during(failing())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await outputs.during(executor.execute_cell(None))
    assert executor.cancelled


async def test_failed_rendering_does_not_hold_what_its_notebook_printed() -> None:
    class Renderer:
        ended = False
        scripts = ()

        async def snippets(self) -> AsyncIterator[str]:
            yield "head"
            raise RenderingFailed("cell 1: ValueError: no")

        async def end(self) -> None:
            self.ended = True

    renderer = Renderer()
    alive = weakref.ref(renderer)
    rendering = Rendering(cast("PageRenderer", renderer), timeout_s=60)
    await rendering.task
    assert renderer.ended
    del renderer
    gc.collect()
    assert alive() is None
    assert "ValueError" in "".join([text async for text in rendering.follow()])


@given(st.lists(st.integers(0, 3 * MAX_PIECE), max_size=8))
def test_pieces_are_short_and_none_is_lost(lengths: list[int]) -> None:
    texts = ["abcdefg"[at % 7] * length for at, length in enumerate(lengths)]
    pieces = list(in_pieces(texts))
    assert "".join(pieces) == "".join(texts)
    assert all(0 < len(piece) <= MAX_PIECE for piece in pieces)
    assert len(pieces) <= 2 * (sum(lengths) // MAX_PIECE + 1), "short ones are joined"


async def test_viewers_read_a_failed_page_in_pieces() -> None:
    """It may have printed 32 million characters before it failed, and is not kept as a page."""
    rig = ScriptedPages()
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    await rig.finish(rendering, "x" * 300_000, RenderingFailed("cell 2: ValueError: no"))
    texts = [text async for text in rendering.follow()]
    assert max(map(len, texts)) <= MAX_PIECE
    assert "".join(texts).startswith("x" * 300_000)
    assert "ValueError" in texts[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="its event loop does not wait for pipes")
async def test_little_of_what_a_kernels_process_writes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    program = "import os\nfor _ in range(16): os.write(2, b'first line\\n' + b'y' * 16_373)"
    with caplog.at_level(logging.INFO):
        with bounded_output("abc") as output:
            process = subprocess.Popen([sys.executable, "-c", program], **output)  # noqa: ASYNC220
        assert await asyncio.to_thread(process.wait, 60) == 0
        await until(lambda: any("left out" in line for line in caplog.messages))
    assert caplog.messages[0].startswith("kernel=abc wrote: first line")
    assert sum(map(len, caplog.messages)) < MAX_LOGGED + 500
