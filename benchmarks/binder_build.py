"""Binder's environment, built from the files in ``binder/`` into an empty one, as repo2docker does.

repo2docker itself reads the files and says what to run and in which order; its base packages come from the package
index of pip, since its own are conda's. Links to Binder are read from the README.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from benchmarks.stage import ROOT

_LINK = re.compile(r"\((https://mybinder\.org/v2/[^)\s]+)\)")
# What repo2docker's conda environment calls differently.
_NAMES = {"jupyterhub-singleuser": "jupyterhub"}
_PLAN = """
import json
from importlib.resources import files
from repo2docker.app import Repo2Docker
from ruamel.yaml import YAML

app = Repo2Docker()
pack = next(one for one in (made(base_image=app.base_image) for made in app.buildpacks) if one.detect())
conda = YAML(typ="safe").load((files("repo2docker") / "buildpacks/conda/environment.yml").read_text())
print(json.dumps({
    "pack": type(pack).__name__,
    "python": pack.python_version,
    "base": [one for one in conda["dependencies"] if isinstance(one, str)],
    "assemble": [script for _, script in [*pack.get_preassemble_scripts(), *pack.get_assemble_scripts()]],
    "post_build": list(pack.get_post_build_scripts()),
    "start": pack.get_start_script() or "",
}))
"""


class BinderPlan(NamedTuple):
    """What repo2docker makes of the files.

    Args:
        pack: The name of its build pack.
        python: The version of Python.
        base: Requirements of its own environment.
        assemble: Commands that install the repository's.
        post_build: Files that are run afterwards.
        start: The file that starts a server, with ``${REPO_DIR}``.
    """

    pack: str
    python: str
    base: list[str]
    assemble: list[str]
    post_build: list[str]
    start: str


class BuiltBinder(NamedTuple):
    """An environment that was built.

    Args:
        home: The home of its user, with the repository.
        start: The command that starts the one behind it.
        environment: The variables of its processes.
        steps: Seconds of each step by its name.
    """

    home: Path
    start: list[str]
    environment: dict[str, str]
    steps: dict[str, float]


def binder_links(text: str) -> list[str]:
    """Return the path of each link to Binder in a text of Markdown: what follows the server's prefix.

    Raises:
        ValueError: A link names no path.
    """
    found: list[str] = []
    for url in _LINK.findall(text):
        paths = parse_qs(urlsplit(url).query).get("urlpath", [])
        if len(paths) != 1:
            raise ValueError(f"expected one urlpath in {url}")
        found += paths
    return found


def repository_files() -> Iterator[str]:
    """Yield the files of the working tree that git does not ignore."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    yield from (name for name in names.split("\0") if name and (ROOT / name).is_file())


def build(folder: Path) -> BuiltBinder:
    """Build the environment in a folder that is empty.

    Raises:
        subprocess.CalledProcessError: A step failed; its output has been shown.
    """
    home, prefix = folder / "home", folder / "environment"
    for name in repository_files():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, home / name)
    plan = read_plan(home)
    print(
        f"repo2docker: {plan.pack}, Python {plan.python}, {plan.assemble}, {plan.post_build}, {plan.start}", flush=True
    )
    foreign = ("ORDERFOX_", "JUPYTER", "PYTHON", "VIRTUAL_ENV", "XDG_", "BACKEND_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environment |= {
        "HOME": str(home),
        "REPO_DIR": str(home),
        "NB_PYTHON_PREFIX": str(prefix),
        "KERNEL_PYTHON_PREFIX": str(prefix),
        "PATH": f"{prefix / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "PIP_QUIET": "1",
        # With the user's own id Jupyter prefers what is in the environment, as on Binder.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    uv = [sys.executable, "-m", "uv", "--quiet"]
    steps: dict[str, float] = {}

    def step(name: str, command: Sequence[str]) -> None:
        began = time.monotonic()
        subprocess.run(command, check=True, cwd=home, env=environment, timeout=1200)
        steps[name] = time.monotonic() - began
        print(f"{name}: {steps[name]:.1f} s", flush=True)

    step("empty environment", [*uv, "venv", "--seed", "--python", plan.python, str(prefix)])
    step("packages of repo2docker", [*uv, "pip", "install", "--python", str(prefix / "bin" / "python"), *plan.base])
    for script in plan.assemble:
        step("requirements.txt", ["bash", "-c", script])
    for script in plan.post_build:
        step(Path(script).name, [str(home / script)])
    return BuiltBinder(home, [plan.start.replace("${REPO_DIR}", str(home))], environment, steps)


def read_plan(home: Path) -> BinderPlan:
    """Let repo2docker read the files of a repository."""
    command = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project", "--with", "jupyter-repo2docker"]
    done = subprocess.run(
        [*command, "python", "-c", _PLAN], cwd=home, check=True, stdout=subprocess.PIPE, text=True, timeout=600
    )
    plan = BinderPlan(**json.loads(done.stdout.splitlines()[-1]))
    names = {one: re.split(r"[=<>]", one)[0] for one in plan.base}
    base = [one.replace(name, _NAMES.get(name, name)) for one, name in names.items()]
    return plan._replace(base=[one for one in base if names.get(one) not in {"python", "nodejs", "pip"}])
