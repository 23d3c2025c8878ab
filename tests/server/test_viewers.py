"""Pages without a kernel: rendered once for everybody, and again when there is reason."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable, Hashable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from orderfox_nb.server.viewer.failures import RenderingFailed
from orderfox_nb.server.viewer.notebook import has_kernel_per_viewer
from orderfox_nb.server.viewer.pages import CHECK_S, RETRY_S, Pages, rendering_key
from orderfox_nb.server.viewer.panels import has_only_panels
from orderfox_nb.server.viewer.renderer import public_reason
from orderfox_nb.server.viewer.rendering import Page, Rendering
from tests.server.conftest import NOTEBOOK, Child, until
from tests.server.kernel_socket import V1
from tests.server.test_dashboard import children_of, open_page

pytestmark = pytest.mark.server

Start = Callable[..., tuple[Child, str]]

WIDGETS = """
import numpy as np
from bqplot import Lines, LinearScale
from ipywidgets import Text

line = Lines(x=np.arange(3.0), y=np.arange(3.0), scales={"x": LinearScale(), "y": LinearScale()})
Text("</script><script>bad()</script>", description="shown")
"""


def write_notebook(path: Path, *cells: str, **metadata: Any) -> None:
    sources = [{**NOTEBOOK["cells"][0], "id": f"cell{at}", "source": source} for at, source in enumerate(cells)]
    path.write_text(json.dumps({**NOTEBOOK, "cells": sources, "metadata": {**NOTEBOOK["metadata"], **metadata}}))


async def page_with(session: ClientSession, address: str, text: str) -> str:
    """Ask for the page until it says something."""
    async with asyncio.timeout(60):
        while True:
            async with session.get(address + "/") as response:
                page = await response.text()
            if text in page:
                return page
            await asyncio.sleep(0.1)


async def test_every_viewer_gets_one_page_and_no_kernel(dashboard: tuple[Child, str]) -> None:
    child, address = dashboard
    async with ClientSession() as session:
        first, kernel = await open_page(session, address)
        pages = await asyncio.gather(*(open_page(session, address) for _ in range(20)))
        assert {page for page, _ in pages} == {first}
        assert kernel == "viewer"
        # Viewers have their page a moment before its kernel has ended.
        await until(lambda: children_of(child, "ipykernel") == 0)
        async with session.get(address + "/") as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert "Set-Cookie" not in response.headers
            tag = response.headers["ETag"]
        async with session.get(address + "/", headers={"If-None-Match": tag}) as response:
            assert response.status == 304
            assert await response.read() == b""
        async with session.head(address + "/") as response:
            assert response.status == 200
            assert response.headers["ETag"] == tag
        async with session.get(address + "/", headers={"Accept-Encoding": "identity"}) as response:
            assert await response.text() == first


async def test_viewer_finds_no_kernel_to_talk_to(dashboard: tuple[Child, str]) -> None:
    _, address = dashboard
    async with ClientSession() as session:
        _, kernel = await open_page(session, address)
        for method in ("GET", "POST", "DELETE"):
            for path in ("", "/restart", "/interrupt"):
                async with session.request(method, f"{address}/api/kernels/{kernel}{path}") as response:
                    assert response.status in (404, 405), (method, path)
        async with session.post(f"{address}/voila/api/shutdown/{kernel}") as response:
            assert response.status == 404
    for path in (f"api/kernels/{kernel}/channels", f"voila/query/{kernel}"):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws{address[4:]}/{path}", subprotocols=[V1]):  # type: ignore[list-item]
                pass
        assert refused.value.response.status_code == 404


async def test_page_is_rendered_again_when_its_notebook_changes_and_says_when_it_cannot(
    start_dashboard: Start, tmp_path: Path
) -> None:
    notebook = tmp_path / "changing.ipynb"
    write_notebook(notebook, "1 + 1", f"open({str(tmp_path / 'none' / 'there.csv')!r})")
    child, address = start_dashboard("--notebook", str(notebook))
    try:
        async with ClientSession() as session:
            # A failure is reported at once, also to clients that asked before it was known.
            page, _ = await open_page(session, address)
            assert "could not be rendered: cell 2: FileNotFoundError" in page
            assert "there.csv" in page
            assert str(tmp_path) not in page
            assert "Traceback" not in page
            write_notebook(notebook, WIDGETS)
            page = await page_with(session, address, 'id="of-widget-states"')
            assert "could not be rendered" not in page
            check_states(page)
            # The page that is whole is there until the next one is.
            write_notebook(notebook, "1 / 0")
            page = await page_with(session, address, "ZeroDivisionError")
            check_states(page)
            assert "the page before that change" in page
            write_notebook(notebook, "print('whole', 'again')")
            page = await page_with(session, address, "whole again")
            assert "ZeroDivisionError" not in page
            await until(lambda: children_of(child, "ipykernel") == 0)
    finally:
        child.end()
    assert "ZeroDivisionError" in child.text


def check_states(page: str) -> None:
    """Check that the page holds every widget's state with its binary parts, and nothing of it as a script."""
    assert "<script>bad()" not in page
    texts = dict(re.findall(r'<script id="(of-widget-\w+)" type="application/json">(.*?)</script>', page, re.DOTALL))
    written = json.loads(texts["of-widget-states"])
    (text,) = (one["state"] for one in written["states"].values() if one["model_name"] == "TextModel")
    assert text["value"] == "</script><script>bad()</script>"
    buffers = [base64.b64decode(one) for one in json.loads(texts["of-widget-buffers"])]
    assert len(buffers) == len(written["buffer_paths"]) == 2
    assert {len(one) for one in buffers} == {24}


VIEW = "application/vnd.jupyter.widget-view+json"
PANEL = ("anywidget", "AnyModel")


@pytest.mark.parametrize(
    ("models", "output", "text", "only_panels"),
    [
        ({PANEL, ("bqplot", "FigureModel"), ("@jupyter-widgets/controls", "HBoxModel")}, {VIEW: {}}, "# Desk", True),
        ({PANEL, ("@jupyter-widgets/controls", "TextModel")}, {VIEW: {}}, "# Desk", False),
        ({PANEL, ("jupyterlab-plotly", "FigureModel")}, {VIEW: {}}, "# Desk", False),
        ({PANEL}, {"text/html": "<table>"}, "# Desk", False),
        ({PANEL}, {VIEW: {}}, "$x^2$", False),
        (set[tuple[str, str]](), {VIEW: {}}, "# Desk", False),
    ],
)
def test_only_panels_need_no_application(
    models: set[tuple[str, str]], output: dict[str, Any], text: str, only_panels: bool
) -> None:
    code = new_code_cell(outputs=[new_output("stream", text="shown"), new_output("display_data", data=output)])
    assert has_only_panels([new_markdown_cell(text), code], models) is only_panels


def test_notebook_s_own_metadata_asks_for_kernels(tmp_path: Path) -> None:
    notebook = tmp_path / "own.ipynb"
    write_notebook(notebook, "1", orderfox={"kernel_per_viewer": True})
    assert has_kernel_per_viewer(notebook)
    write_notebook(notebook, "1", orderfox={})
    assert not has_kernel_per_viewer(notebook)
    notebook.write_text("no notebook")
    assert not has_kernel_per_viewer(notebook)


def test_key_follows_the_notebook_and_the_source(tmp_path: Path) -> None:
    notebook = tmp_path / "keyed.ipynb"
    write_notebook(notebook, "1")
    first = rendering_key(notebook, "sim")
    assert rendering_key(notebook, "sim") == first
    assert rendering_key(notebook, "sim?seed=2") != first
    write_notebook(notebook, "12")
    assert rendering_key(notebook, "sim") != first
    notebook.unlink()
    assert rendering_key(notebook, "sim") != first


class Script:
    """A renderer whose pieces come when the test says so."""

    scripts = ()

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.running = False
        self.ended = 0

    async def snippets(self) -> AsyncIterator[str]:
        self.running = True
        while (piece := await self.pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def end(self) -> None:
        self.running = False
        self.ended += 1


class ScriptedPages:
    def __init__(self, *, timeout_s: float = 60) -> None:
        self.key: Hashable = 1
        self.now_s = 0.0
        self.scripts: list[Script] = []
        self.pages = Pages(key=lambda: self.key, make=self._make, timeout_s=timeout_s, now_s=lambda: self.now_s)

    def _make(self) -> Any:
        self.scripts.append(Script())
        return self.scripts[-1]

    async def finish(self, rendering: Rendering, *pieces: str | Exception | None) -> None:
        for piece in pieces:
            self.scripts[-1].pieces.put_nowait(piece)
        await rendering.task

    def shown(self) -> str:
        current = self.pages.current()
        assert isinstance(current, Page)
        return current.plain.decode()


async def test_viewers_read_the_first_page_as_it_is_made() -> None:
    rig = ScriptedPages()
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    assert rig.pages.current() is rendering
    readers = [rendering.follow() for _ in range(3)]
    rig.scripts[0].pieces.put_nowait("head")
    assert [await anext(reader) for reader in readers] == ["head"] * 3
    await rig.finish(rendering, "body", None)
    assert [[text async for text in reader] for reader in readers] == [["body"]] * 3
    assert [text async for text in rendering.follow()] == ["headbody"]
    assert rig.shown() == "headbody"
    assert len(rig.scripts) == rig.scripts[0].ended == 1


@pytest.mark.parametrize("stops", [True, False])
async def test_what_fails_since_the_server_stops_is_not_logged_as_a_fault(
    stops: bool, caplog: pytest.LogCaptureFixture
) -> None:
    rig = ScriptedPages()
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    if stops:
        await rig.pages.stop(but={rendering.task})
    # A kernel that is being started cannot be left before: it dies under the rendering.
    await rig.finish(rendering, RuntimeError("Kernel died"))
    assert ("rendering=failed" in caplog.text) is not stops
    assert rendering.failure
    assert rig.scripts[0].ended == 1


async def test_one_rendering_at_a_time_and_the_page_before_until_the_next_is_whole() -> None:
    rig = ScriptedPages()
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    await rig.finish(rendering, '<div id="loading">one', None)
    first = rig.shown()
    rig.key = 2
    assert rig.shown() == first
    assert len(rig.scripts) == 1, "looked for changes sooner than once a second"
    rig.now_s += CHECK_S
    rig.shown()
    rig.key = 3
    rig.now_s += CHECK_S
    assert rig.shown() == first
    assert len(rig.scripts) == 2, "two renderings at once"
    assert rig.pages._newest is not None
    await rig.finish(rig.pages._newest, RenderingFailed("cell 1: <b>"))
    assert "cell 1: &lt;b&gt;" in rig.shown()
    assert rig.shown().endswith('<div id="loading">one')
    # What failed is made again when something has changed, or after a while.
    assert len(rig.scripts) == 3
    await rig.finish(rig.pages._newest, ValueError("/a/secret/path"))
    assert "secret" not in rig.shown()
    rig.now_s += RETRY_S - CHECK_S
    assert len(rig.scripts) == 3
    rig.now_s += 2 * CHECK_S
    rig.shown()
    assert len(rig.scripts) == 4
    await rig.finish(rig.pages._newest, "two", None)
    assert rig.shown() == "two"
    assert [script.ended for script in rig.scripts] == [1, 1, 1, 1]


async def test_rendering_that_does_not_end_is_given_up_and_one_that_is_stopped_leaves_nothing() -> None:
    rig = ScriptedPages(timeout_s=0)
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    await rendering.task
    assert "longer than 0 s" in "".join([text async for text in rendering.follow()])
    rig = ScriptedPages()
    rendering = rig.pages.current()
    assert isinstance(rendering, Rendering)
    follower = asyncio.ensure_future(anext(rendering.follow()))
    await asyncio.sleep(0)
    await rig.pages.stop()
    assert "the server is shutting down" in await follower
    assert rig.scripts[0].ended == 1


@given(st.lists(st.text("abc._-", min_size=1, max_size=8), min_size=2, max_size=5), st.sampled_from(["", "C:"]))
def test_reason_names_no_folder(parts: list[str], drive: str) -> None:
    sign = "\\" if drive else "/"
    path = drive + sign + sign.join(parts)
    reason = public_reason(f"No such file: '{path}'\x1b[31m and more")
    assert reason == f"No such file: '{parts[-1]}' and more"
