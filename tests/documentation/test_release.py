"""What a release says of itself: one version, one address, a picture that moves, and links that lead somewhere."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date

import pytest
import yaml
from PIL import Image, ImageStat

import orderfox_nb
from tests.documentation.blocks import PROJECT

pytestmark = pytest.mark.core

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
ADDRESS = PYPROJECT["project"]["urls"]["Repository"]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_newest_version_of_the_changelog_is_the_package_s_and_has_a_date():
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", text, re.MULTILINE)
    assert releases
    assert releases[0][0] == orderfox_nb.__version__
    days = [date.fromisoformat(day) for _, day in releases]
    assert days == sorted(days, reverse=True)
    others = re.findall(r"^## (?!\[\d)(.*)$", text, re.MULTILINE)
    assert others == ["[Unreleased]"]


def test_every_version_is_the_package_s():
    lab = json.loads((PROJECT / "orderfox_nb/labextension/package.json").read_text(encoding="utf-8"))
    assert lab["version"] == orderfox_nb.__version__
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "title", "message", "authors"} <= citation.keys()
    assert citation.get("version", orderfox_nb.__version__) == orderfox_nb.__version__
    assert citation["license"] == PYPROJECT["project"]["license"]


def test_the_repository_has_one_address():
    assert re.fullmatch(r"https://github\.com/[\w-]+/orderfox_nb", ADDRESS)
    owner = ADDRESS.split("/")[3]
    files = ["README.md", "pyproject.toml", "CITATION.cff", "mkdocs.yml", *map(str, (PROJECT / "docs").rglob("*.md"))]
    for name in files:
        text = (PROJECT / name).read_text(encoding="utf-8")
        owners = re.findall(r"(?:github\.com/|githubusercontent\.com/|mybinder\.org/v2/gh/)([\w-]+)/orderfox_nb", text)
        assert set(owners) <= {owner}, name
    assert all(url.startswith(ADDRESS) for url in PYPROJECT["project"]["urls"].values())


def test_the_links_of_readme_lead_to_files_and_headings():
    texts = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+(.*)$", texts, re.MULTILINE)
    }
    targets = {link for link in LINK.findall(texts) if not link.startswith("http")}
    assert len(targets) > 20
    assert not {link for link in targets if link.startswith("#") and link[1:] not in headings}
    assert not {
        link for link in targets if not link.startswith("#") and not (PROJECT / link.partition("#")[0]).exists()
    }


def test_the_picture_of_readme_moves_is_dark_and_small():
    path = PROJECT / next(link for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README) if "badge" not in link)
    assert path.stat().st_size < 2_000_000
    with Image.open(path) as picture:
        assert picture.n_frames > 30  # type: ignore[attr-defined]
        shown = set[bytes]()
        for at in (0, 20, 40):
            picture.seek(at)
            grey = picture.convert("L").resize((32, 18))
            assert ImageStat.Stat(grey).mean[0] < 60
            shown.add(grey.tobytes())
    assert len(shown) == 3


def test_readme_has_a_row_for_each_notebook():
    names = {path.name for path in (PROJECT / "notebooks").glob("*.ipynb")}
    rows = re.findall(r"\(notebooks/([\w.]+)\)", README)
    assert sorted(rows) == sorted(names)


def test_each_python_of_the_classifiers_is_on_the_page_of_supported_versions():
    classifiers = PYPROJECT["project"]["classifiers"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(classifiers))
    assert named
    page = (PROJECT / "docs/supported.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (3\.\d+) \|", page, re.MULTILINE) == named
