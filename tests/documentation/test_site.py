"""The site builds without a warning, its links lead somewhere, and no page loads anything from another host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

import orderfox_nb
from orderfox_nb.config import Settings
from orderfox_nb.feeds.sources import SOURCES
from orderfox_nb.server.routes import REST
from tests.browser.chromium import ARGUMENTS
from tests.documentation.site import BuiltPage, broken_links, is_foreign, pages, served

pytestmark = pytest.mark.browser

PROJECT = Path(orderfox_nb.__file__).parents[1]
PATIENCE_MS = 120_000
SHOWN = """async () => {
    // Those below the window are not loaded before they are seen.
    const pictures = [...document.images];
    for (const picture of pictures) picture.loading = "eager";
    await Promise.allSettled(pictures.map((picture) => picture.decode()));
    const heading = document.querySelector("h1");
    return {
        heading: heading?.checkVisibility() ? heading.innerText.trim() : "",
        width: document.querySelector("article")?.getBoundingClientRect().width ?? 0,
        broken: pictures.filter((picture) => !picture.naturalWidth).map((picture) => picture.src),
    };
}"""
"""What a page of the site shows."""
STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\s\"')]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as ``make docs`` does; a warning ends the build."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        command,
        check=False,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, BuiltPage]:
    return pages(site)


def test_every_link_leads_to_a_page_and_to_its_anchor(built: dict[Path, BuiltPage]):
    assert len(built) > 20
    assert sum(len(page.links) for page in built.values()) > 1000
    assert not broken_links(built)


def test_no_page_names_a_file_of_another_host(site: Path, built: dict[Path, BuiltPage]):
    loaded = {(path.name, url) for path, page in built.items() for url in page.loaded}
    assert len(loaded) > len(built), "the parser sees what a page loads"
    assert not {(name, url) for name, url in loaded if is_foreign(url)}
    styles = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    styles |= {path: " ".join(page.styles) for path, page in built.items()}
    assert not {(path.name, url) for path, text in styles.items() for url in STYLES.findall(text)}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as url:
        yield url


def test_every_page_is_shown_and_asks_no_other_host(
    site: Path, built: dict[Path, BuiltPage], address: str, chromium: str
):
    hosts: set[str] = set()
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on("console", lambda line: problems.append(f"{page.url}: {line.text}") if line.type == "error" else None)
        page.on(
            "response",
            lambda answer: problems.append(f"{answer.url}: {answer.status}") if answer.status > 399 else None,
        )
        for path in built:
            page.goto(address + path.relative_to(site).as_posix(), wait_until="load")
            shown = page.evaluate(SHOWN)
            if not shown["heading"] or shown["width"] < 500 or shown["broken"]:
                problems.append(f"{path.name}: {shown}")
        page.goto(address)
        expect(page.locator("h1")).to_contain_text("order-flow desk", timeout=PATIENCE_MS)
        # The search's index and worker are loaded by the first question only, and keys are what it listens to.
        page.locator(".md-search__input").first.press_sequentially("liquidations")
        expect(page.locator(".md-search-result__item").first).to_be_visible(timeout=PATIENCE_MS)
        browser.close()
    assert hosts == {urlsplit(address).netloc}
    assert not problems


def test_the_oldest_versions_are_those_of_the_package():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (PROJECT / "docs" / "supported.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w-]+) \| ([0-9.]+) \|$", page, re.MULTILINE))
    assert len(rows) > 5
    assert not {f"{name.lower()}>={version}" for name, version in rows.items()} - set(project["dependencies"])
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in page


def test_the_reference_has_every_setting_source_route_command_and_name(site: Path):
    def text(name: str) -> str:
        return (site / "reference" / f"{name}.html").read_text(encoding="utf-8")

    settings = text("settings")
    variables = {field.alias for field in Settings.model_fields.values()} - {"ORDERFOX_URL"}
    assert not {name for name in variables if f"<code>{name}</code>" not in settings}
    assert not {kind.form for kind in SOURCES if kind.name not in settings}
    rows = dict(
        re.findall(r"<td><code>([A-Z_]+)</code></td>.*?<td>([^<]*(?:<code>.*?)?)</td>\s*</tr>", settings, re.DOTALL)
    )
    assert not {name for name in variables if not rows.get(name)}, "each has a meaning"
    assert text("rest").count("<code>GET /api/v1/") >= len([path for path, kind in REST if "get" in kind.operations()])
    assert all(f"orderfox-{name}" in text("command-line") for name in ("serve", "sim", "record", "import"))
    python = text("python")
    functions = {name for name in orderfox_nb.__all__ if not name.startswith("__")} - {"errors", "widgets"}
    assert not {name for name in functions if not re.search(rf'id="orderfox_nb[\w.]*\.{name}"', python)}
