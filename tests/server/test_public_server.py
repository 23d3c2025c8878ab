"""``orderfox serve`` as strangers meet it: what it serves, to whom, and what they find out about its machine."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from orderfox_nb.config import load_settings
from orderfox_nb.errors import SettingError
from orderfox_nb.server.page_routes import PAGE_EXTENSIONS, is_plain_path
from tests.server.conftest import Child

pytestmark = pytest.mark.server

FOREIGN = "a-foreign-extension"


@pytest.fixture(scope="module")
def public(
    start_dashboard: Callable[..., tuple[Child, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Child, str]]:
    """``orderfox serve`` on a machine with an extension, a theme and a template of another project."""
    shared = tmp_path_factory.mktemp("shared")
    extension = shared / "labextensions" / FOREIGN
    described = {"name": FOREIGN, "version": "1.0.0", "jupyterlab": {"_build": {"load": "static/entry.js"}}}
    for path, text in (
        (extension / "package.json", json.dumps(described)),
        (extension / "static" / "entry.js", "globalThis.foreign = true"),
        (extension / "themes" / "foreign.css", "body { display: none }"),
        (shared / "voila" / "templates" / FOREIGN / "static" / "foreign.js", "globalThis.foreign = true"),
        (shared / "nbconvert" / "templates" / FOREIGN / "static" / "foreign.js", "globalThis.foreign = true"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    child, address = start_dashboard("--source", "sim?symbols=2", JUPYTER_PATH=str(shared))
    yield child, address
    child.leave()


async def ask(address: str, path: str, *, method: str = "GET", headers: str = "") -> tuple[int, str]:
    """Send a path exactly as it is written, which a client's library would tidy up; gives status and whole answer."""
    host = urlsplit(address).netloc
    reader, writer = await asyncio.open_connection(*host.split(":"))
    host_line = "" if "Host:" in headers else f"Host: {host}\r\n"
    head = f"{method} {path} HTTP/1.1\r\n{host_line}Connection: close\r\nContent-Length: 0\r\n{headers}\r\n"
    writer.write(head.encode())
    try:
        async with asyncio.timeout(60):
            answer = (await reader.read()).decode(errors="replace")
    finally:
        writer.close()
        await writer.wait_closed()
    return int(answer.split(" ", 2)[1]), answer


async def test_page_loads_the_extensions_of_its_widgets_and_no_other(public: tuple[Child, str]) -> None:
    async with ClientSession() as session, session.get(public[1] + "/") as response:
        page = await response.text()
    text = page[page.index('"federated_extensions"') :].split(":", 1)[1]
    loaded = json.JSONDecoder().raw_decode(text.strip())[0]
    assert {extension["name"] for extension in loaded} == set(PAGE_EXTENSIONS)
    assert FOREIGN not in page
    hashed = 0
    for name in PAGE_EXTENSIONS:
        entry = next(extension["load"] for extension in loaded if extension["name"] == name)
        status, answer = await ask(public[1], f"/voila/labextensions/{name}/{entry.removeprefix('./')}")
        assert status == 200, name
        # A browser asks once for what has the hash of its content in its name, and each time for what has not.
        is_hashed = re.search(r"\.[0-9a-f]{8,}\.js$", entry) is not None
        assert ("immutable" in answer.split("\r\n\r\n", 1)[0]) == is_hashed, name
        hashed += is_hashed
    assert hashed >= 4


@pytest.mark.parametrize(
    "path",
    [
        f"/voila/labextensions/{FOREIGN}/static/entry.js",
        f"/voila/labextensions/{FOREIGN}/package.json",
        f"/voila/labextensions/bqplot/../{FOREIGN}/static/entry.js",
        f"/voila/labextensions/bqplot/..%2f{FOREIGN}/static/entry.js",
        f"/voila/labextensions//{FOREIGN}/static/entry.js",
        f"/voila/labextensions/./{FOREIGN}/static/entry.js",
        "/voila/api/themes/foreign.css",
        f"/voila/templates/{FOREIGN}/static/foreign.js",
    ],
)
async def test_nothing_else_that_is_installed_is_served(public: tuple[Child, str], path: str) -> None:
    status, answer = await ask(public[1], path)
    assert status == 404
    assert "foreign = true" not in answer
    assert "display: none" not in answer


STRAY = [
    "/login",
    "/logout",
    "/favicon.ico",
    "/robots.txt",
    "/tree",
    "/lab",
    "/nothing",
    "/a/b",
    "/*",
    "/voila",
    "/voila/",
    "/voila/templates",
    "/voila/templates/",
    "/voila/templates/lab",
    "/voila/templates/lab/",
    "/voila/templates/lab/static",
    "/voila/templates/lab/static/",
    "/voila/templates/lab/other/x",
    "/voila/templates/..%2f..%2fetc",
    "/voila/templates/%2e%2e/static/x",
    "/voila/templates/lab/static/..%2f..%2findex.html.j2",
    "/voila/templates/lab/static/..%2f..%2f..%2fetc%2fpasswd",
    "/voila/templates/nope/static/x",
    "/voila/static",
    "/voila/static/",
    "/voila/static/..%2f..%2fapp.py",
    "/voila/static/%00",
    "/voila/static/a%2f%2fb",
    "/voila/api/themes",
    "/voila/api/themes/",
    "/voila/api/themes/x/..",
    "/voila/api/themes/..%2f..%2fx",
    "/voila/labextensions",
    "/voila/labextensions/",
    "/voila/labextensions/bqplot",
    "/voila/labextensions/bqplot/static",
    "/voila/labextensions/bqplot%5c..%5cx",
    "/voila/files",
    "/voila/files/",
    "/voila/files/tiny.ipynb",
    "/voila/query",
    "/voila/tree",
    "/voila/query/a-b-c-d-e",
    "/voila/execution/a-b-c-d-e",
    "/voila/render/tiny.ipynb",
    "/voila/api/shutdown/x",
    "/api",
    "/api/me",
    "/api/kernels",
    "/api/kernels/a-b-c-d-e",
    "/api/status",
    "/static/",
    "/static/x",
    "/%ff",
    "/%2e%2e/%2e%2e/etc",
    "/..%2f",
    "//etc/passwd",
]


async def test_a_stray_path_is_a_404_without_a_cookie_and_without_a_word_about_this_machine(
    public: tuple[Child, str],
) -> None:
    child, address = public
    secrets = ["Traceback", "site-packages", str(Path(__file__).parents[2]), str(Path.home()), str(child.log.parent)]
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "MADEUP"):
        for path in STRAY:
            status, answer = await ask(address, path, method=method)
            assert status == 404 or (status == 405 and method != "GET"), (method, path, answer)
            assert "set-cookie" not in answer.lower(), (method, path)
            assert [one for one in secrets if one in answer] == [], (method, path)
    assert "Traceback" not in child.text


async def test_no_answer_of_a_page_sets_a_cookie(public: tuple[Child, str]) -> None:
    for path in ("/", "/health", "/voila/static/voila.js", "/voila/labextensions/bqplot/package.json"):
        status, answer = await ask(public[1], path)
        assert (status, "set-cookie" in answer.lower()) == (200, False), path
    # A proxy's check, which makes no page and uses no kernel.
    assert (await ask(public[1], "/", method="HEAD"))[0] == 200


async def test_query_sockets_of_voila_are_not_there(public: tuple[Child, str]) -> None:
    """They were counted nowhere and stayed open for as long as anybody liked."""
    url = f"ws{public[1][4:]}/voila/query/0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url):
            pass
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\\b", "a\x00b", "a\nb"])
def test_what_is_not_names_between_slashes_is_no_plain_path(path: str) -> None:
    assert not is_plain_path(path)
    assert is_plain_path("@scope/name/static/a-b.c_1.js")


def test_extensions_that_are_added_are_names() -> None:
    assert load_settings(ORDERFOX_EXTENSIONS="@scope/one, two").extension_names == ("@scope/one", "two")
    with pytest.raises(SettingError, match="ORDERFOX_EXTENSIONS"):
        load_settings(ORDERFOX_EXTENSIONS="../..")
