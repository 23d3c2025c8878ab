"""The scripts of pages without a kernel: files of their own, and the parts of bundles as one."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from orderfox_nb.server.start.site import Site
from orderfox_nb.server.viewer.bundle import extension_parts, panel_bundle, shared_parts
from orderfox_nb.server.viewer.modules import PackedScript, Scripts
from orderfox_nb.server.viewer.rendering import Page, Rendering
from tests.server.test_viewers import Start, page_with, write_notebook

if TYPE_CHECKING:
    from orderfox_nb.server.viewer.renderer import PageRenderer

pytestmark = pytest.mark.server


PANELS = (
    "from ipywidgets import Box\nfrom orderfox_nb.widgets import OrderBook, Tape\nBox([OrderBook(), Tape(), Tape()])"
)


async def test_scripts_of_a_page_are_files_that_a_browser_keeps(start_dashboard: Start, tmp_path: Path) -> None:
    notebook = tmp_path / "panels.ipynb"
    write_notebook(notebook, PANELS)
    child, address = start_dashboard("--notebook", str(notebook))
    try:
        await check_scripts(address)
    finally:
        child.end()


async def check_scripts(address: str) -> None:
    async with ClientSession() as session:
        page = await page_with(session, address, "of-widget-states")
        text = re.search(r'<script id="of-widget-states" type="application/json">(.*?)</script>', page, re.DOTALL)
        assert text is not None
        states = [one["state"] for one in json.loads(text[1])["states"].values()]
        places = [one["_esm"].partition("/")[2] for one in states if "_esm" in one]
        assert sum("#" in place for place in places) == 1, "the second tape has a module of its own"
        modules = {place.partition("#")[0] for place in places}
        assert modules == set(re.findall(r'<link rel="modulepreload" href="[^"]*voila/modules/(\w+\.js)">', page))
        for name in (*modules, bundle_of(page)):
            async with session.get(f"{address}/voila/modules/{name}", headers={"Accept-Encoding": "gzip"}) as response:
                assert response.headers["Content-Type"] == "text/javascript; charset=UTF-8"
                assert "immutable" in response.headers["Cache-Control"]
                assert "Set-Cookie" not in response.headers
                assert response.headers["Content-Encoding"] == "gzip"
                body = await response.read()
            assert hashlib.sha256(body).hexdigest().startswith(name.removesuffix(".js"))
        assert b"webpackChunkbqplot" in body
        for name in ("0" * 32 + ".js", "../../etc/passwd", "x.js"):
            async with session.get(f"{address}/voila/modules/{name}") as response:
                assert response.status == 404
    assert len(page) < 600_000, "the scripts are not in the page itself"


def bundle_of(page: str) -> str:
    found = re.search(r'<script src="[^"]*voila/modules/(\w+\.js)"></script>', page)
    assert found is not None
    return found[1]


def widget(module: str) -> dict[str, Any]:
    return {"state": {"_esm": module, "value": 1}}


@given(st.lists(st.sampled_from(["export default 1", "export default 2", "https://elsewhere/x.js"]), max_size=6))
def test_each_model_keeps_a_module_of_its_own(modules: list[str]) -> None:
    scripts = Scripts()
    states = {str(at): widget(module) for at, module in enumerate(modules)}
    names = [script.name for script in scripts.take(states)]
    places = [one["state"]["_esm"] for one in states.values()]
    ours = [(place, module) for place, module in zip(places, modules, strict=True) if not module.startswith("https")]
    assert len({place for place, _ in ours}) == len(ours)
    assert {place.partition("/")[2].partition("#")[0] for place, _ in ours} == set(names)
    for place, module in ours:
        script = scripts[place.removeprefix("@modules/").partition("#")[0]]
        assert script.plain == gzip.decompress(script.packed) == module.encode()
    assert [place for place in places if place.startswith("https")] == [one for one in modules if "https" in one]


def test_the_scripts_that_were_requested_longest_ago_are_dropped() -> None:
    scripts = Scripts(max_bytes=2 * Scripts().add("1").size)
    first, second = (scripts.add(text).name for text in "12")
    assert scripts[first].plain == b"1"
    third = scripts.add("3").name
    assert [scripts[name].plain for name in (first, third)] == [b"1", b"3"]
    with pytest.raises(KeyError):
        scripts[second]


@given(st.lists(st.tuples(st.sampled_from(["keep", "leave", "request"]), st.integers(0, 9)), max_size=40))
def test_a_script_of_a_page_that_is_kept_can_be_loaded(steps: list[tuple[str, int]]) -> None:
    size = Scripts().add("0").size
    scripts = Scripts(max_bytes=3 * size)
    names = {at: Scripts().add(str(at)).name for at in range(10)}
    kept: dict[int, PackedScript] = {}
    recent: list[int] = []
    for step, at in steps:
        if step == "leave":
            kept.pop(at, None)
            continue
        there = at in kept or at in recent
        if step == "keep":
            kept[at] = scripts.add(str(at))
        elif there:
            assert scripts[names[at]].plain == str(at).encode()
        else:
            with pytest.raises(KeyError):
                scripts[names[at]]
            continue
        recent = [*(other for other in recent if other != at), at][-3:]


async def test_pages_that_are_rendered_keep_their_scripts(tmp_path: Path) -> None:
    """Scripts of other pages are rendered and requested meanwhile, more than have room."""
    scripts = Scripts(max_bytes=0)
    made: list[str] = []

    class ScriptedPage:
        def __init__(self, path: Path) -> None:
            made.append(path.stem)
            self._text = path.stem
            self.scripts: tuple[PackedScript, ...] = ()

        async def snippets(self) -> AsyncIterator[str]:
            self.scripts = (scripts.add(self._text), scripts.add("of all pages"))
            yield " ".join(script.name for script in self.scripts)

        async def end(self) -> None:
            pass

    paths = [tmp_path / f"n{at}.ipynb" for at in range(4)]
    for path in paths:
        write_notebook(path, "1")
    make = cast("Callable[[Path], PageRenderer]", ScriptedPage)
    site = Site(main=paths[0], pages=None, built_in=[], folder=tmp_path, make=make, source="sim", timeout_s=60)
    for name in ("n1", "n2", "n3", "n1", "n2", "n3"):
        card = await site.find(name)
        assert card is not None
        current = site.pages(card).current()
        if isinstance(current, Rendering):
            await current.task
            current = site.pages(card).current()
        assert isinstance(current, Page)
        assert [scripts[script].plain.decode() for script in current.plain.decode().split()] == [name, "of all pages"]
    assert made == ["n1", "n2", "n3"]
    await site.stop()


def test_parts_of_bundles_are_joined_and_what_is_missing_is_left_out(tmp_path: Path) -> None:
    voila, extension = tmp_path / "voila", tmp_path / "extension"
    for folder in (voila, extension):
        folder.mkdir()
    shares = [
        '"react","18.3.1",(()=>x.e(3).then((',
        '"@lumino/widgets","2.5.0",(()=>Promise.all([x.e(1),x.e(2)]).then((',
    ]
    shares.append('"@lumino/datagrid","2.4.1",(()=>Promise.all([x.e(4)]).then((')
    (voila / "voila.js").write_text(";".join(shares))
    for number in (1, 3, 4):
        (voila / f"{number}.voila.js").write_text(f'"use strict";part({number}) // é')
    for name in ("12.0123456789ab.js", "remoteEntry.0123456789ab.js", "style.js"):
        (extension / name).write_text(f'part("{name}")')
    assert [path.name for path in shared_parts(voila)] == ["1.voila.js"]
    assert [path.name for path in extension_parts(extension)] == ["12.0123456789ab.js"]
    bundle = panel_bundle([tmp_path / "none", voila], [extension])
    assert bundle == '(()=>{"use strict";part(1) // é\n})();\n(()=>{part("12.0123456789ab.js")\n})();\n'
    assert panel_bundle([tmp_path / "none"], []) == ""
