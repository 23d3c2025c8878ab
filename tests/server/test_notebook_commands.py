"""``orderfox new`` and ``orderfox lab``, in processes of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import nbformat
import pytest

from orderfox_nb.cli import main
from orderfox_nb.notebook_files import copy_notebooks, notebooks_folder
from tests.processes import Child, until_listening

pytestmark = pytest.mark.server


def test_a_new_notebook_runs_and_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["new", str(tmp_path / "study"), "--symbol", "ETH/USDT"]) == 0
    path = tmp_path / "study.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert "market['ETH/USDT']" in notebook.cells[1].source
    before = path.read_bytes()
    assert main(["new", str(path)]) == 2
    assert "choose another name" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main(["new", str(tmp_path / "none" / "study")]) == 2
    assert "a file that can be written" in capsys.readouterr().err

    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORDERFOX_")}
    environment |= {"ORDERFOX_DATA_DIR": str(tmp_path), "ORDERFOX_SOURCE": "sim?seed=7&symbols=2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_lab_opens_the_notebooks_with_the_source_and_keeps_what_was_edited(tmp_path: Path):
    (tmp_path / "studies").mkdir()
    edited = tmp_path / "studies" / "00_tour.ipynb"
    edited.write_text("mine")
    command = [
        sys.executable,
        "-m",
        "orderfox_nb",
        "lab",
        str(tmp_path / "studies"),
        "--source",
        "sim?seed=9&symbols=2",
    ]
    command += ["--port", "0", "--no-browser"]
    environment = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "ORDERFOX_DATA_DIR": str(tmp_path / "data")}
    # Its log has every module that it imports.
    child = Child(command, "?token=", tmp_path / "log", environment | {"PYTHONPROFILEIMPORTTIME": "1"})
    try:
        modules = {
            line.rsplit("|", 1)[-1].strip() for line in child.text.splitlines() if line.startswith("import time")
        }
        assert {"jupyterlab.labapp", "jsonschema"} <= modules
        assert not {"lark", "rfc3987_syntax.syntax_helpers"} & modules, "a grammar that no schema needs"
        found = re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/00_tour\.ipynb\?token=(\w+)", child.text)
        assert found, child.text
        address, token = found.groups()
        until_listening(int(address.rpartition(":")[2]))

        def get(path: str) -> dict[str, object]:
            request = urllib.request.Request(f"{address}/{path}", headers={"Authorization": f"token {token}"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)

        assert get("api/v1/health")["source"] == "sim?seed=9&symbols=2"
        listed = get("api/contents/")["content"]
        assert isinstance(listed, list)
        assert {path.name for path in notebooks_folder().glob("*.ipynb")} <= {entry["name"] for entry in listed}
        assert edited.read_text() == "mine"
    finally:
        child.leave()


def test_notebooks_are_copied_once_and_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert len(copy_notebooks(tmp_path / "new")) == len(list(notebooks_folder().glob("*.ipynb")))
    assert copy_notebooks(tmp_path / "new") == []
    (tmp_path / "file").write_text("")
    assert main(["lab", str(tmp_path / "file"), "--no-browser"]) == 2
    assert "FOLDER=" in capsys.readouterr().err
    assert main(["lab", str(tmp_path / "other"), "--source", "simm"]) == 2
    assert "did you mean sim" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
