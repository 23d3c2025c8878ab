"""The files of Binder agree with the project; `make binder` builds and opens what they describe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from benchmarks.binder_build import binder_links
from orderfox_nb.feeds.sources import parse_source
from orderfox_nb.notebook_files import TOUR

pytestmark = pytest.mark.core

PROJECT = Path(__file__).parents[2]
BINDER = PROJECT / "binder"
README = (PROJECT / "README.md").read_text(encoding="utf-8")
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_readme_links_to_the_tour_in_jupyterlab_and_to_the_dashboard():
    tour, dashboard = binder_links(README)
    assert tour == f"lab/tree/notebooks/{TOUR}"
    assert dashboard == "voila/render/notebooks/dashboard.ipynb"
    for path in (tour, dashboard):
        # A path of the server without its prefix, which Binder puts in front.
        assert not path.startswith("/")
        assert (PROJECT / path.removeprefix("lab/tree/").removeprefix("voila/render/")).is_file()
    repository = urlsplit(METADATA["urls"]["Repository"]).path.strip("/")
    assert README.count(f"https://mybinder.org/v2/gh/{repository}/HEAD?") == 2


@pytest.mark.parametrize("url", ["https://mybinder.org/v2/gh/a/b/HEAD", "https://mybinder.org/v2/gh/a/b/HEAD?path=x"])
def test_a_link_without_a_path_is_an_error(url: str):
    with pytest.raises(ValueError, match="urlpath"):
        binder_links(f"[open]({url})")


def test_binder_installs_the_project_with_extras_and_a_python_that_it_has():
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if not line.startswith("#"))
    extras = Requirement(f"orderfox_nb{line.removeprefix('.')}").extras
    # From the repository's root, where repo2docker runs pip.
    assert line.startswith(".[")
    assert {"bots", "recording"} <= extras <= METADATA["optional-dependencies"].keys()
    name, version = (BINDER / "runtime.txt").read_text(encoding="utf-8").strip().split("-")
    assert name == "python"
    assert SpecifierSet(METADATA["requires-python"]).contains(version)
    # No other file: one with a higher rank, such as environment.yml, would replace these.
    assert {path.name for path in BINDER.iterdir()} == {"postBuild", "requirements.txt", "runtime.txt", "start"}


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_a_script_of_binder_can_be_run(name: str):
    assert os.access(BINDER / name, os.X_OK)
    subprocess.run(["bash", "-n", str(BINDER / name)], check=True, timeout=30)


def test_the_server_starts_with_a_market_that_a_small_machine_carries():
    environment = {name: value for name, value in os.environ.items() if name != "ORDERFOX_SOURCE"}
    show = [sys.executable, "-c", "import os, sys; print(os.environ['ORDERFOX_SOURCE'], sys.argv[1:])", "a b", "--c=d"]
    start = [str(BINDER / "start"), *show]
    shown = subprocess.run(start, check=True, capture_output=True, text=True, timeout=30, env=environment).stdout
    source, rest = shown.strip().split(" ", 1)
    assert rest == "['a b', '--c=d']", "the command and its arguments are those of Binder"
    assert re.fullmatch(r"sim\?symbols=8(&.*)?", source)
    parse_source(source)
    environment["ORDERFOX_SOURCE"] = "sim?symbols=2"
    shown = subprocess.run(start, check=True, capture_output=True, text=True, timeout=30, env=environment).stdout
    assert shown.startswith("sim?symbols=2 "), "a setting of the hub stays"
