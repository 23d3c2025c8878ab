"""The installed strategies as a form needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderfox_nb.desk.strategies import strategy_names
from orderfox_nb.views import bot_contract
from tests.desk.bot_runs.installed import install
from tests.server.conftest import TOKEN, Serve

pytestmark = pytest.mark.server


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strategies").mkdir()
    monkeypatch.syspath_prepend(str(install(tmp_path / "strategies")))


@pytest.mark.usefixtures("installed")
async def test_each_strategy_comes_with_what_a_form_needs(serve: Serve) -> None:
    async with serve() as server:
        status, answer = await server.ask("api/v1/strategies")
        assert status == 200
        msgspec.convert(answer, bot_contract.StrategiesAnswer)
        found: dict[str, Any] = {one["name"]: one for one in answer["strategies"]}
        assert list(found) == strategy_names()
        assert {"EmaCross", "GridMaker", "ImbalanceMaker", "LiquidationFade", "Churn"} <= found.keys()
        grid = found["GridMaker"]
        assert grid["doc"].startswith("Keep one post-only order")
        rows = {row["name"]: row for row in grid["parameters"]}
        assert list(rows) == ["size", "levels", "step", "max_position", "period"]
        assert rows["size"] == {
            "name": "size",
            "kind": "decimal",
            "default": "0.010",
            "required": False,
            "minimum": None,
            "above": 0,
            "maximum": None,
            "unit": "base",
            "choices": [],
            "help": "",
            "expected": "a decimal number above 0 (base)",
        }
        levels = rows["levels"]
        assert [levels[name] for name in ("kind", "default", "minimum", "maximum")] == ["int", 10, 1, 50]
        assert (levels["help"], rows["period"]["kind"]) == ("Orders on each side", "duration")
        # What a form starts with is what the server accepts.
        params = {row["name"]: row["default"] for row in grid["parameters"]}
        body = {
            "name": "of the form",
            "symbol": "BTCUSDT",
            "isActive": False,
            "strategy": "GridMaker",
            "params": params,
        }
        right = {"Authorization": f"token {TOKEN}"}
        assert (await server.ask("api/v1/bots", method="POST", json=body, headers=right))[0] == 201


@pytest.mark.usefixtures("installed")
async def test_strategy_that_cannot_be_used_says_why(serve: Serve) -> None:
    async with serve() as server:
        _, answer = await server.ask("api/v1/strategies")
        broken = next(one for one in answer["strategies"] if one["name"] == "Nothing")
        assert "a subclass of Strategy" in broken["problem"]
        assert (broken["doc"], broken["parameters"]) == ("", [])
