"""The table of view settings: what Python says and what the page reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.desk.streams.depth import RANGE
from orderfox_nb.widgets import Dashboard
from orderfox_nb.widgets.page.settings import SETTINGS
from tests.widgets.conftest import RunModule

pytestmark = pytest.mark.widgets

TABLE = Path(__file__).parents[1] / "js" / "view_settings.json"

CHOSEN = {
    "timeframe": "15m", "rows": 10, "overlays": ["vwap", "ema20"], "depth_percent": 0.25, "whole_market": True,
    "span": "15m", "show_volume": False, "show_liquidations": False, "show_liquidation_average": False,
    "show_lapses": False, "log_scale": True, "fixed_scale": True,
    "layout": "book", "symbol": ["ETHUSDT"], "venue": ["sim-spot"], "rounding": ["0.5"], "minimum_notional": [0.125],
    "all_venues": [True], "currency": ["joined"],
}  # fmt: skip


def test_the_javascript_tests_read_the_table_that_a_page_receives():
    """On a difference: ``python -m tests.widgets.test_view_settings`` writes the file again."""
    assert json.loads(TABLE.read_text(encoding="utf-8")) == table()


def test_the_choices_of_the_table_are_those_of_the_wire():
    choices = {one.name: one.row()["choices"] for one in SETTINGS}
    assert choices["timeframe"] == list(TIMEFRAME_US)
    assert [f"{one:g}" for one in choices["depth_percent"]] == list(RANGE.choices or ())


def test_everything_that_is_chosen_comes_back_from_the_code_and_from_the_address(run_module: RunModule):
    assert CHOSEN.keys() == {one.name for one in SETTINGS}
    printed = run_module(f"""
        import {{ settings, usePage, view }} from "../../tests/js/support.js";
        usePage();
        const page = await import("./page/page_url.js");
        const chosen = view({json.dumps(CHOSEN)});
        const back = settings.readView(page.viewTexts(chosen, settings)).view;
        console.log(JSON.stringify([page.viewCode(chosen, settings), back]));
    """)
    code, back = json.loads(printed)
    assert back == CHOSEN
    made = eval(code.strip().splitlines()[-1], {"Dashboard": Dashboard})
    assert {one.name: getattr(made.page_state, one.trait) for one in SETTINGS} == CHOSEN
    assert (made.chart.overlays, made.chart.show_lapses, made.depth.percent) == (["vwap", "ema20"], False, 0.25)
    assert (made.tape.minimum_notional, made.liquidations.whole_market, made.liquidations.span) == (0.125, True, "15m")


def table() -> list[dict[str, object]]:
    return json.loads(json.dumps([one.row() for one in SETTINGS]))


if __name__ == "__main__":
    lines = ",\n".join(f"  {json.dumps(row)}" for row in table())
    TABLE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
