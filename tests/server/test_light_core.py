"""The package without its extras: it starts, and each feature that needs one names it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

import orderfox_nb
from orderfox_nb.config import load_settings
from orderfox_nb.desk.store.store import Store
from orderfox_nb.errors import MissingExtra
from orderfox_nb.extras import EXTRAS, extra_needed
from tests.market.made_market import record_market
from tests.processes import Child

pytestmark = pytest.mark.server

PROJECT = Path(orderfox_nb.__file__).parents[1]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
WITHOUT = """
import os, sys
from importlib.machinery import PathFinder

blocked = set(os.environ["ORDERFOX_TEST_WITHOUT"].split(","))

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""
"""Run by Python when it starts: these packages are not found, as if they were not installed."""
USES = """
import asyncio, json, os
import orderfox_nb
from orderfox_nb.bots.builtin.ema_cross import EmaCross
from orderfox_nb.config import load_settings
from orderfox_nb.desk.store.store import Store
from orderfox_nb.feeds import transport

recorded = orderfox_nb.open_recording(os.environ["RECORDED"])
uses = {
    "bots": lambda: asyncio.run(Store(load_settings()).bots()),
    "bots, sweeps": lambda: orderfox_nb.sweep(EmaCross, {"fast": [5, 6]}, recorded, workers=2),
    "venues": lambda: orderfox_nb.connect("ccxt:okx"),
    "recording": lambda: orderfox_nb.sql("select 1", recorded),
}
found = {}
for name, use in uses.items():
    try:
        use()
        found[name] = "no error"
    except orderfox_nb.errors.MissingExtra as error:
        found[name] = str(error)
found["trades"] = len(recorded["BTCUSDT"].trades.df)
found["backtest"] = type(orderfox_nb.backtest(EmaCross(), recorded)).__name__
found["client"] = transport.CLIENT
print(json.dumps(found))
"""


def without(folder: Path, *modules: str) -> dict[str, str]:
    """Return the environment of a Python in which modules are not installed."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(WITHOUT)
    paths = os.pathsep.join([str(folder), str(PROJECT)])
    return {"PYTHONPATH": paths, "ORDERFOX_TEST_WITHOUT": ",".join(modules), "ORDERFOX_DATA_DIR": str(folder / "data")}


EVERY = [module for extra in EXTRAS.values() for module in extra.modules]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("light")
    command = [sys.executable, "-m", "orderfox_nb", "serve", "--port", "0", "--no-browser"]
    child = Child(
        [*command, "--source", "sim?symbols=2"],
        "OrderFox is at",
        folder / "log",
        without(folder / "without", *EVERY) | {"PYTHONUNBUFFERED": "1"},
    )
    found = re.search(r"OrderFox is at (\S+)", child.text)
    assert found
    yield found[1].rstrip("/")
    child.leave()
    assert "Traceback" not in child.text


async def test_the_dashboard_and_the_endpoints_need_no_extra(address: str):
    async with ClientSession() as session:
        async with session.get(f"{address}/") as page:
            assert (page.status, "orderfox" in await page.text()) == (200, True)
        async with session.get(f"{address}/api/v1/symbols") as symbols:
            assert (symbols.status, len(await symbols.json())) == (200, 2)


async def test_bots_without_their_extra_are_refused_with_its_name(address: str):
    async with ClientSession() as session:
        async with session.get(f"{address}/api/v1/bots") as refused:
            assert refused.status == 503
            assert 'pip install "orderfox_nb[bots]"' in (await refused.json())["detail"]
        async with session.get(f"{address}/api/v1/health") as health:
            assert 'pip install "orderfox_nb[bots]"' in (await health.json())["database_problem"]


def test_each_feature_without_its_extra_says_how_to_install_it(tmp_path: Path):
    record_market(tmp_path / "recorded", 3)
    missing = [module for module in EVERY if module != "picows"]
    environment = {**os.environ, **without(tmp_path / "without", *missing), "RECORDED": str(tmp_path / "recorded")}
    # As before its version 2.0: there is no picows.websockets in it.
    (tmp_path / "without" / "picows").mkdir()
    (tmp_path / "without" / "picows" / "__init__.py").write_text("")
    ran = subprocess.run(
        [sys.executable, "-c", USES], check=False, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    for name in ("bots", "bots, sweeps", "venues", "recording"):
        assert f'pip install "orderfox_nb[{name.partition(",")[0]}]"' in found[name], name
    assert found["trades"] > 0
    assert (found["backtest"], found["client"]) == ("BacktestReport", "websockets")


async def test_postgresql_without_its_driver_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)  # its import fails
    store = Store(load_settings(DATABASE_URL="postgresql://u@127.0.0.1:1/x"))
    with pytest.raises(MissingExtra, match=r'this needs asyncpg: .*pip install "orderfox_nb\[postgres\]"'):
        await store.bots()
    await store.close()


def test_a_module_that_no_extra_has_stays_an_error_of_its_own():
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught, extra_needed():
        __import__("no_such_module")
    assert not isinstance(caught.value, MissingExtra)


def test_the_extras_are_those_of_the_package_and_are_all_tested():
    for name, extra in EXTRAS.items():
        packages = {re.split(r"[\[<>=]", line)[0].lower() for line in DECLARED[name]} - {"orderfox_nb"}
        assert packages == set(extra.modules), name
    assert DECLARED["all"] == [f"orderfox_nb[{','.join(sorted(EXTRAS))}]"]
    assert any(re.fullmatch(r"orderfox_nb\[.*\ball\b.*\]", line) for line in DECLARED["test"])
