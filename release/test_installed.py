"""From the wheel in an empty environment outside the repository: every command works, with the notebooks inside."""

from __future__ import annotations

import json
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

import orderfox_nb
from release.conftest import ROOT, Install
from release.installed import pythons
from tests.browser.chromium import ARGUMENTS

PATIENCE_MS = 180_000
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
TOOLS = {"test", "docs", "bench"}
NOTEBOOKS = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
pytestmark = pytest.mark.timeout(1200)


def answer(address: str, path: str) -> Any:
    """Return the JSON of a path; the address may have a token."""
    base, _, query = address.partition("?")
    with urllib.request.urlopen(f"{base.split('/lab')[0].rstrip('/')}/{path}?{query}", timeout=180) as response:
        return json.load(response)


@pytest.mark.parametrize("python", pythons())
def test_the_doctor_finds_nothing_wrong_and_names_the_extras(install: Install, python: str):
    one = install(python=python)
    assert one.run("orderfox", "--version").split() == ["orderfox", orderfox_nb.__version__]
    found = one.doctor()
    states = {check["name"]: check["state"] for check in found["installation"]}
    assert states["version"] == states["server extension"] == states["data directory"] == "ok"
    assert {name: state for name, state in states.items() if name.startswith("extra ")}.keys() == {
        f"extra {name}" for name in EXTRAS if name not in TOOLS | {"all"}
    }
    assert all(state == "note" for name, state in states.items() if name.startswith("extra "))
    assert [venue["state"] for venue in found["venues"]] == ["ok"]


@pytest.mark.parametrize("python", pythons())
def test_serve_shows_the_dashboard(install: Install, python: str, chromium: str):
    errors: list[str] = []
    served = install(python=python).server("orderfox", "serve", "--port", "0", "--no-browser", ready="OrderFox is at")
    with served as address, sync_playwright() as playwright:
        assert len(answer(address, "api/v1/symbols")) == 24
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address, wait_until="commit", timeout=PATIENCE_MS)
        for panel in (".of-chart", ".of-book", ".of-tape"):
            page.wait_for_selector(f'{panel}[data-state="live"]', state="attached", timeout=PATIENCE_MS)
        page.wait_for_selector(".of-candle-chart .of-ready", timeout=PATIENCE_MS)
        assert "SIMULATED" in page.locator(".of-badge").first.inner_text().upper()
        browser.close()
    assert not errors


@pytest.mark.parametrize("python", pythons())
def test_lab_opens_on_the_notebooks_and_has_the_extension(install: Install, python: str):
    lab = ("orderfox", "lab", "studies", "--port", "0", "--no-browser")
    one = install(python=python)
    with one.server(*lab, ready="http://127.0.0.1") as address:
        files = {file["name"] for file in answer(address, "api/contents")["content"]}
        assert files >= NOTEBOOKS
        assert answer(address, "api/v1/health")["source"].startswith("sim")
    assert {path.name for path in (one.folder / "studies").glob("*.ipynb")} == NOTEBOOKS


@pytest.mark.parametrize("python", pythons())
def test_a_new_notebook_runs(install: Install, python: str):
    one = install(python=python)
    one.run("orderfox", "new", "study.ipynb")
    one.run("jupyter", "execute", "study.ipynb")
    assert json.loads((one.folder / "study.ipynb").read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("python", pythons())
def test_what_is_recorded_is_read_again(install: Install, python: str):
    one = install(python=python)
    record = ("orderfox", "record", "--source", "sim?symbols=1", "--symbols", "BTCUSDT", "--duration", "5s")
    folder = one.run(*record, "--out", "recordings").split()[-1]
    code = f"import orderfox_nb; print(orderfox_nb.open_recording({folder!r})['BTCUSDT'].book.df.size)"
    assert int(one.run("python", "-c", code)) > 0


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - TOOLS))
def test_an_extra_installs_and_the_doctor_finds_it(install: Install, extra: str):
    found = install(python=pythons()[0], extra=extra).doctor()
    states = {check["name"]: check["state"] for check in found["installation"]}
    wanted = {name for name in states if name.startswith("extra ")} if extra == "all" else {f"extra {extra}"}
    assert {name for name, state in states.items() if name in wanted and state == "ok"} == wanted


def test_the_installed_package_is_the_wheel_s(install: Install):
    code = "import orderfox_nb; print(orderfox_nb.__file__)"
    one = install(python=pythons()[0])
    assert Path(one.run("python", "-c", code).strip()).is_relative_to(one.home)
