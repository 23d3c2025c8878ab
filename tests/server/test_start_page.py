"""The start page of ``orderfox serve``, the cards of a folder's notebooks, and their pages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

import orderfox_nb
from orderfox_nb.cli import main
from orderfox_nb.server.start import site as site_module
from orderfox_nb.server.start.card import MAX_PICTURE, read_card
from orderfox_nb.server.start.shape import shape
from orderfox_nb.server.start.site import CHECK_S, Site
from orderfox_nb.server.viewer.modules import PackedScript
from orderfox_nb.server.viewer.rendering import Rendering
from tests.server.conftest import NOTEBOOK, Child
from tests.server.test_public_server import ask

pytestmark = pytest.mark.server

PNG = b"\x89PNG\r\n\x1a\n and more"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0"/></svg>'
HOSTILE = '<img src=x onerror=bad()> & "more"'


def write(path: Path, *cells: str, outputs: list[dict[str, Any]] | None = None, **metadata: Any) -> Path:
    """Write a notebook; cells that start with # are text."""
    made: list[dict[str, Any]] = []
    for at, source in enumerate(cells):
        cell = {**NOTEBOOK["cells"][0], "id": f"cell{at}", "source": source}
        if source.startswith("#"):
            cell = {
                "id": f"cell{at}",
                "cell_type": "markdown",
                "metadata": {},
                "source": source.splitlines(keepends=True),
            }
        made.append(cell)
    if outputs:
        made[-1]["outputs"] = outputs
    path.write_bytes(
        msgspec.json.encode({**NOTEBOOK, "cells": made, "metadata": {**NOTEBOOK["metadata"], "orderfox": metadata}})
    )
    return path


@pytest.mark.parametrize(
    ("cells", "title", "summary"),
    [
        (
            ("# Who is in a hurry?\n\nEach trade has two sides. More.",),
            "Who is in a hurry?",
            "Each trade has two sides.",
        ),
        (("# `a` [b](http://c) **d**", "1", "# Next"), "a b d", ""),
        (("1 + 1", "# Late\n| a table |\n\nA text without an end"), "Late", "A text without an end"),
        (("1 + 1",), "Some study", ""),
        ((f"# {HOSTILE}",), '& "more"', ""),
    ],
)
def test_a_card_has_the_first_heading_and_sentence(tmp_path: Path, cells: tuple[str, ...], title: str, summary: str):
    card = read_card(write(tmp_path / "some_study.ipynb", *cells))
    assert (card.name, card.title, card.summary, card.problem) == ("some_study", title, summary, "")
    card = read_card(write(tmp_path / "some_study.ipynb", *cells, title="Own", summary="Said."))
    assert (card.title, card.summary) == ("Own", "Said.")


def test_a_card_s_picture_is_the_metadata_s_or_the_first_saved_one(tmp_path: Path):
    inside = tmp_path / "folder"
    inside.mkdir()
    (inside / "mine.png").write_bytes(PNG)
    saved = [
        {"output_type": "stream", "name": "stdout", "text": "hello"},
        {"output_type": "display_data", "metadata": {}, "data": {"image/svg+xml": [SVG]}},
    ]
    chosen = read_card(write(inside / "a.ipynb", "1", outputs=saved, picture="mine.png"))
    assert chosen.light == chosen.dark
    assert chosen.light is not None
    assert (chosen.light.kind, chosen.light.data) == ("image/png", PNG)
    (inside / "linked.png").symlink_to((inside / "mine.png").rename(inside / "stored"))
    assert read_card(write(inside / "e.ipynb", "1", picture="linked.png")).light == chosen.light
    output = read_card(write(inside / "b.ipynb", "1", outputs=saved)).light
    assert output is not None
    assert (output.kind, output.data) == ("image/svg+xml", SVG.encode())
    still = [{"output_type": "display_data", "metadata": {}, "data": {"text/html": f"<div>{SVG}</div><p>more</p>"}}]
    assert read_card(write(inside / "c.ipynb", "1", outputs=still)).light == output
    damaged = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": "no base64!"}}]
    assert read_card(write(inside / "d.ipynb", "1", outputs=damaged)).light is None


@pytest.mark.parametrize(
    "name", ["../outside.png", "link.png", ".hidden/x.png", "secret.txt", "large.png", "x\0.png", "no.png"]
)
def test_a_card_s_picture_is_an_image_of_its_folder(tmp_path: Path, name: str):
    inside = tmp_path / "folder"
    (inside / ".hidden").mkdir(parents=True)
    for path in (tmp_path / "outside.png", inside / ".hidden" / "x.png", inside / "secret.txt"):
        path.write_bytes(PNG)
    (inside / "large.png").write_bytes(PNG + bytes(MAX_PICTURE))
    (inside / "link.png").symlink_to(tmp_path / "outside.png")
    card = read_card(write(inside / "a.ipynb", "1", picture=name))
    assert card.light is None
    assert card.problem == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"cells": 1}', b"\xff\xfe", b'{"cells": ' + b"[" * 5000])
def test_a_file_that_is_no_notebook_has_a_card_that_says_so(tmp_path: Path, content: bytes):
    path = tmp_path / "broken_one.ipynb"
    path.write_bytes(content)
    card = read_card(path)
    assert card.title == "Broken one"
    assert card.problem.startswith("its file is not a notebook")
    path.unlink()
    assert read_card(path).problem == "its file cannot be read"


def test_a_card_without_a_picture_has_a_drawing_of_its_own():
    assert shape("one") == shape("one") != shape("two")
    assert re.fullmatch(r"M0 200(V[0-9.]+H[0-9]+){20}V200Z", shape("one"))


def test_the_colours_are_those_of_the_widgets():
    package = Path(orderfox_nb.__file__).parent
    tokens = [
        [re.findall(r"(--of-[a-z]+): (#[0-9a-f]{6})", rule) for rule in re.findall(r":root[^{]*\{[^}]*\}", text)[:2]]
        for text in (
            (package / "server" / "templates" / "start.css").read_text(),
            (package / "widgets" / "page" / "theme.css").read_text(),
        )
    ]
    for ours, theirs in zip(*tokens, strict=True):
        assert len(ours) == 8
        assert set(ours) <= set(theirs)


class ScriptedSite:
    def __init__(self, main: Path, folder: Path | None) -> None:
        self.now_s = 0.0
        self.site = Site(
            main=main,
            pages=None,
            built_in=[main, main.with_name("bot_dashboard.ipynb")],
            folder=folder,
            make=lambda path: pytest.fail(f"{path} is rendered"),
            source="sim",
            timeout_s=1,
            now_s=lambda: self.now_s,
        )

    async def names(self) -> tuple[list[str], list[str]]:
        self.now_s += CHECK_S
        cards = await self.site.cards()
        return [card.title for card in cards.built_in], [card.name for card in cards.folder]


async def test_a_folder_shows_its_notebooks_and_nothing_else(tmp_path: Path):
    ours, folder = tmp_path / "ours", tmp_path / "folder"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "below").mkdir()
    (folder / "folder.ipynb").mkdir()
    ours.mkdir()
    main = write(ours / "dashboard.ipynb", "# Dashboard")
    write(ours / "bot_dashboard.ipynb", "# Bots")
    for name in ("b.ipynb", ".hidden.ipynb", ".ipynb_checkpoints/b-checkpoint.ipynb", "below/c.ipynb", "notes.txt"):
        write(folder / name, "# Mine")
    # Its address is the main notebook's.
    write(folder / "dashboard.ipynb", "# Another one")
    (folder / "out.ipynb").symlink_to(main)
    (folder / "in.ipynb").symlink_to(folder / "b.ipynb")
    scripted = ScriptedSite(main, folder)
    assert await scripted.names() == (["Dashboard", "Bots"], ["b", "in"])
    # A new one, and one that takes the place of a built-in one.
    write(folder / "A.ipynb", "# New")
    write(folder / "bot_dashboard.ipynb", "# My bots")
    assert await scripted.names() == (["Dashboard", "My bots"], ["A", "b", "in"])
    card = await scripted.site.find("bot_dashboard")
    assert card is not None
    assert card.path == folder / "bot_dashboard.ipynb"
    (folder / "b.ipynb").write_text("{")
    (folder / "bot_dashboard.ipynb").unlink()
    (folder / "A.ipynb").unlink()
    assert await scripted.names() == (["Dashboard", "Bots"], ["b", "in"])
    card = await scripted.site.find("b")
    assert card is not None
    assert scripted.site.problem(card).startswith("its file is not a notebook")
    # A folder that is gone shows nothing, and says so in the log.
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    assert await scripted.names() == (["Dashboard", "Bots"], [])


async def test_a_card_changes_with_its_picture_alone(tmp_path: Path):
    main = write(tmp_path / "main.ipynb", "# Main", picture="there.png", picture_dark="later.png")
    write(tmp_path / "bot_dashboard.ipynb", "1")
    (tmp_path / "there.png").write_bytes(PNG)
    scripted = ScriptedSite(main, None)

    async def pictures() -> list[bytes]:
        scripted.now_s += CHECK_S
        card = (await scripted.site.cards()).built_in[0]
        return [picture.data for picture in (card.light, card.dark) if picture is not None]

    assert await pictures() == [PNG, PNG]
    (tmp_path / "there.png").write_bytes(PNG + b", changed")
    (tmp_path / "later.png").write_bytes(PNG + b", new")
    assert await pictures() == [PNG + b", changed", PNG + b", new"]
    (tmp_path / "later.png").unlink()
    assert await pictures() == [PNG + b", changed"] * 2


class WholePage:
    """A renderer of a page of so many characters, and of a script of so many bytes."""

    def __init__(self, size: int, script: PackedScript | None = None) -> None:
        self._size = size
        self.scripts = () if script is None else (script,)

    async def snippets(self) -> AsyncIterator[str]:
        yield "x" * self._size

    async def end(self) -> None:
        pass


async def test_the_pages_that_are_kept_have_a_bound_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(site_module, "MAX_PAGES", 100_000)
    paths = [write(tmp_path / f"n{at}.ipynb", "1") for at in range(6)]
    made: list[str] = []

    def make(path: Path) -> Any:
        made.append(path.stem)
        # Half of a page's bytes are those of its script.
        return WholePage(7_500, PackedScript(path.stem, b"x" * 15_000, b""))

    site = Site(main=paths[0], pages=None, built_in=[], folder=tmp_path, make=make, source="sim", timeout_s=60)

    async def visit(*names: str) -> None:
        for name in names:
            card = await site.find(name)
            assert card is not None
            current = site.pages(card).current()
            if isinstance(current, Rendering):
                await current.task

    # Three of them have room.
    await visit("n1", "n2", "n3", "n1", "n2", "n3")
    assert made == ["n1", "n2", "n3"]
    await visit("n4", "n5", "n5")
    # The ones that were asked for longest ago are rendered again.
    await visit("n3", "n5")
    assert made == ["n1", "n2", "n3", "n4", "n5"]
    await visit("n1")
    assert made[5:] == ["n1"]
    await site.stop()


async def test_a_folder_is_read_at_most_once_a_second_and_shows_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(site_module, "MAX_NOTEBOOKS", 3)
    main = write(tmp_path / "main.ipynb", "1")
    write(tmp_path / "bot_dashboard.ipynb", "1")
    folder = tmp_path / "folder"
    folder.mkdir()
    for at in range(5):
        write(folder / f"n{at}.ipynb", "1")
    scripted = ScriptedSite(main, folder)
    assert (await scripted.names())[1] == ["n0", "n1", "n2"]
    assert (await scripted.site.cards()).left_out == 2
    (folder / "n0.ipynb").unlink()
    assert [card.name for card in (await scripted.site.cards()).folder] == ["n0", "n1", "n2"]
    assert (await scripted.names())[1] == ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    write(
        folder / "one & two.ipynb",
        f"# One {HOSTILE}",
        "import os\nprint('in', os.path.basename(os.getcwd()))",
        title=HOSTILE,
    )
    write(folder / "broken.ipynb", "1").write_text("{")
    write(folder / "failing.ipynb", "# Failing", "1 / 0")
    write(folder / "kernel.ipynb", "# Kernel", "print('kernel is', 6 * 7)", kernel_per_viewer=True)
    return folder


@pytest.fixture(scope="module")
def shown(start_dashboard: Callable[..., tuple[Child, str]], folder: Path) -> Iterator[tuple[Child, str]]:
    """``orderfox serve`` with the notebooks of a folder, under a prefix."""
    child, address = start_dashboard("--source", "sim?symbols=2", "--base-url", "/desk/", "--notebooks", str(folder))
    yield child, address
    child.leave()


async def read(address: str, path: str = "") -> str:
    async with ClientSession() as session, session.get(f"{address}/{path}") as response:
        assert response.status == 200
        assert "Set-Cookie" not in response.headers
        assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]
        return await response.text()


async def read_until(address: str, path: str, text: str, *, there: bool = True) -> None:
    """Read a page again until it has a text, or has it no more."""
    async with asyncio.timeout(60):
        while (text in await read(address, path)) != there:  # noqa: ASYNC110 - only the page knows
            await asyncio.sleep(0.1)


async def test_the_start_page_shows_every_notebook_as_text(shown: tuple[Child, str], folder: Path):
    child, address = shown
    page = await read(address, "pages/")
    links = [unescape(link) for link in re.findall(r'<h3><a href="([^"]+)"', page)]
    assert links == [
        "/desk/",  # the server's own notebook
        "/desk/pages/dashboard",
        "/desk/pages/bot_dashboard",
        *(f"/desk/pages/{name}" for name in ("broken", "failing", "kernel", "one%20%26%20two")),
    ]
    assert escape(HOSTILE) in page
    assert "<img src=x" not in page
    assert page.count("Cannot be shown: its file is not a notebook") == 1
    assert page.count("With a Python kernel for each viewer") == 1
    assert str(folder) not in page
    assert f"are at {address}/pages/" in child.text
    assert (await ask(address, "/desk/pages"))[1].count("\r\nLocation: /desk/pages/\r\n") == 1


async def test_each_notebook_has_a_page_and_its_failure_stays_there(shown: tuple[Child, str], folder: Path):
    _, address = shown
    page = await read(address, "pages/one%20%26%20two")
    assert f"in {folder.name}" in page
    assert '"kernelId": "viewer"' in page
    assert f"<title>{escape(HOSTILE, quote=False)}</title>" in page
    assert "its file is not a notebook" in await read(address, "pages/broken")
    assert "cell 2: ZeroDivisionError" in await read(address, "pages/failing")
    start = await read(address, "pages/")
    assert "Cannot be shown: cell 2: ZeroDivisionError" in start
    assert "kernel is 42" in await read(address)
    write(folder / "failing.ipynb", "# Failing", "print('whole', 'again')")
    await read_until(address, "pages/failing", "whole again")
    assert "ZeroDivisionError" not in await read(address, "pages/")
    write(folder / "new.ipynb", "# Brand new")
    await read_until(address, "pages/", "Brand new")
    (folder / "new.ipynb").unlink()
    await read_until(address, "pages/", "Brand new", there=False)


async def test_a_notebook_that_asks_for_it_has_a_kernel_for_each_viewer(shown: tuple[Child, str]):
    pages = [await read(shown[1], "pages/kernel") for _ in range(2)]
    kernels = [re.findall(r'"kernelId": ?"([^"]+)"', page)[0] for page in pages]
    assert len({*kernels, "viewer"}) == 3
    assert all("kernel is 42" in page for page in pages)


@pytest.mark.parametrize(
    "path",
    [
        "..%2fcli",
        "../pages/../api",
        "%2e%2e",
        ".hidden",
        "broken.ipynb",
        "nope",
        "kernel/picture",
        "kernel/x",
        "%00",
        "a%5cb",
    ],
)
async def test_no_other_path_leads_anywhere(shown: tuple[Child, str], path: str):
    assert (await ask(shown[1], f"/desk/pages/{path}"))[0] == 404


def test_a_folder_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["serve", "--notebooks", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("orderfox: --notebooks")
