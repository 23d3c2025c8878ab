from __future__ import annotations

import pytest

from orderfox_nb.desk.strategies import load_strategy, strategy_names
from orderfox_nb.errors import BadValue

pytestmark = pytest.mark.core

NAMES = ["EmaCross", "GridMaker", "ImbalanceMaker", "LiquidationFade"]


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_is_installed_and_its_parameters_have_defaults_and_units(name: str):
    assert name in strategy_names()
    found = load_strategy(name)
    assert found.__name__ == name
    assert found.__doc__
    for spec in found.parameters():
        assert spec.default is not None
        assert spec.unit or spec.help or spec.kind in {"bool", "choice", "duration"}
    assert found().values
    with pytest.raises(BadValue, match="size"):
        found(size=0)
