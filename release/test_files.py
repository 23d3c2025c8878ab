"""The wheel and the sdist hold what they must, and the package page can show README."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import orderfox_nb
from release.conftest import ROOT
from release.installed import UV


def tracked(folder: str) -> set[str]:
    """Return the files of a folder that are in the repository."""
    shown = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return set(shown.stdout.split("\n")) - {""}


def test_the_wheel_has_every_file_of_the_package_and_the_notebooks(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert not tracked("orderfox_nb") - names
    data = f"orderfox_nb-{orderfox_nb.__version__}.data/data"
    assert not {f"{data}/share/orderfox_nb/{name}" for name in tracked("notebooks")} - names
    assert f"{data}/etc/jupyter/jupyter_server_config.d/orderfox_nb.json" in names
    assert f"{data}/share/jupyter/labextensions/orderfox-nb/package.json" in names
    outside = {name.split("/")[0] for name in names} - {"orderfox_nb"}
    assert all(name.startswith(f"orderfox_nb-{orderfox_nb.__version__}.") for name in outside), outside


def test_the_sdist_builds_and_has_the_tests(dist: Path):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert not tracked("orderfox_nb") - names
    assert {"CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "tests/conftest.py"} <= names


def test_the_package_page_has_absolute_links_and_the_files_are_well_formed(dist: Path, wheel: Path):
    text = zipfile.ZipFile(wheel).read(f"orderfox_nb-{orderfox_nb.__version__}.dist-info/METADATA").decode()
    page = Parser().parsestr(text)
    readme = str(page.get_payload())
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"^```.*?^```", "", readme, flags=re.DOTALL | re.MULTILINE))
    assert len(targets) > 20
    assert not {target for target in targets if not target.startswith(("https://", "http://127.0.0.1", "#"))}
    version = f"v{orderfox_nb.__version__}"
    images = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert any(f"/{version}/docs/images/" in image for image in images)
    assert page["Version"] == orderfox_nb.__version__
    assert {line.split(",")[0] for line in page.get_all("Project-URL", [])} >= {"Homepage", "Repository", "Changelog"}
    twine = [*UV[:-1], "tool", "run", "--python", sys.executable, "twine", "check", "--strict"]
    checked = subprocess.run(
        [*twine, *map(str, dist.glob("orderfox*"))], check=False, capture_output=True, text=True, timeout=300
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
