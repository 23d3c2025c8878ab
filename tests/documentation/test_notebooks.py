from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from orderfox_nb.server.start.card import read_card

pytestmark = pytest.mark.widgets

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_clean_and_names_its_kernel(name: str):
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    nbformat.validate(notebook)
    # Without a kernelspec JupyterLab opens a dialog, and Voila cannot know what to start.
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_a_card_and_says_where_it_is_from(name: str):
    card = read_card(NOTEBOOKS / name)
    assert card.title
    assert card.summary
    assert card.light
    assert card.dark
    assert card.light != card.dark
    metadata = nbformat.read(NOTEBOOKS / name, as_version=4).metadata
    assert metadata.orderfox.shipped_as == card.name  # by which the launcher knows a copy of it
    last = [cell for cell in nbformat.read(NOTEBOOKS / name, as_version=4).cells if cell.cell_type == "code"][-1]
    assert last.metadata.jupyter.source_hidden, "a reader sees analysis, not its checks"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ORDERFOX")}
    environment |= {"ORDERFOX_DATA_DIR": str(tmp_path), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    # The plugins of the tests take seconds to import, and a notebook needs this one alone.
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            str(tmp_path / "pytest.ini"),
            "-p",
            "nbval.plugin",
            "--nbval-lax",
            "--nbval-kernel-startup-timeout=300",
            "-q",
            str(NOTEBOOKS / name),
        ],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
