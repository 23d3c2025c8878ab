from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from orderfox_nb.widgets.esm import module_text, style_text
from tests.conftest import missing
from tests.widgets.conftest import WIDGETS

pytestmark = pytest.mark.widgets

ROOT = Path(__file__).parents[2]
ENTRIES = [
    path.relative_to(WIDGETS).as_posix()
    for path in sorted(WIDGETS.rglob("*.js"))
    if "export default" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_joined_module_is_one_module_that_imports_nothing(name: str):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    text = module_text(name)
    assert text.count("export default") == 1
    assert not any(line.startswith(("import ", "export function", "export class")) for line in text.splitlines())
    # Also finds two files that declare one name: they share a scope once they are joined.
    done = subprocess.run(
        [node, "--input-type=module", "--check"], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_modules_come_after_what_they_import():
    text = module_text("panels/order_book.js")
    positions = [
        text.index(f"// {name}\n") for name in ("page/fold.js", "page/link.js", "page/panel.js", "panels/order_book.js")
    ]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_module_carries_the_tokens_which_no_sheet_of_a_widget_repeats(name: str):
    assert module_text(name).count(json.dumps(style_text("page/theme.css"))) == 1
    for sheet in WIDGETS.rglob("*.css"):
        assert sheet.name == "theme.css" or "--of-bg:" not in sheet.read_text(encoding="utf-8")


def test_nothing_is_asked_of_another_host_and_no_text_becomes_html():
    for path in (*WIDGETS.rglob("*.js"), *WIDGETS.rglob("*.css"), *WIDGETS.parent.glob("labextension/**/*.js")):
        # The namespace of SVG is a name and no address.
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        for forbidden in ("http://", "https://", "//cdn", "innerHTML", "insertAdjacentHTML", "@import", "eval("):
            assert forbidden not in text, f"{forbidden} in {path.name}"


def test_the_linter_has_nothing_to_say():
    linter = ROOT / "node_modules" / ".bin" / "eslint"
    if not linter.exists():
        missing("eslint", "npm ci has not been run: eslint is not there")
    done = subprocess.run(
        [str(linter), "orderfox_nb", "tests"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
