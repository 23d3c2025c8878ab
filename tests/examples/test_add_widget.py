"""Adding a widget: a folder with its Python class, ``.js`` and ``.css``, its name, and a row for each view setting."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import orderfox_nb
from tests.conftest import missing

pytestmark = pytest.mark.widgets

ROW = '    Setting("spread_unit", Spread.unit),\n'
IMPORT = "from orderfox_nb.widgets.spread.spread import Spread\n"

PYTHON = """
import json
from traitlets import TraitError
from orderfox_nb.widgets import Dashboard, Spread
from orderfox_nb.widgets.esm import module_text
from orderfox_nb.widgets.still.still import Sketch

def fetch(symbol, stream, **parameters):
    assert (symbol, stream) == ("ETHUSDT", "book")
    return {"time": 0, "best_bid": 31_000, "best_ask": 31_003, "tick_digits": 2}

assert ">0.03<" in Spread(symbol="eth/usdt").still(Sketch(fetch=fetch)).svg
try:
    Spread(unit="miles")
except TraitError as error:
    assert "unit 'miles': expected one of price, bp." in str(error), error
else:
    raise AssertionError("a wrong value was accepted")

desk = Dashboard(spread_unit="bp")
assert "spread_unit" in desk.page_state.given
spread = Spread()
with desk.page_state.hold_sync():
    desk.page_state.panels = [*desk.page_state.panels, spread]
    desk.page_state.columns = [*desk.page_state.columns, 0]
desk.symbol = "SOLUSDT"
assert (spread.symbol, spread.unit) == ("SOLUSDT", "bp")
print(json.dumps({"rows": desk.page_state.settings, "module": module_text("spread/spread.js")}))
"""

JAVASCRIPT = """
import { usePage } from "%(support)s";
usePage({ address: "http://127.0.0.1/?symbol=ETHUSDT&spread_unit=bp" });
const { ViewSettings } = await import("%(widgets)s/page/page_settings.js");
const page = await import("%(widgets)s/page/page_url.js");
const { spreadText } = await import("%(widgets)s/spread/spread.js");
const settings = new ViewSettings(%(rows)s);
const { view } = page.fromUrl("dashboard", settings);
const defaults = settings.rows.map(({ name, each, default: fresh }) => [name, each ? [fresh] : fresh]);
page.keep("dashboard", { ...Object.fromEntries(defaults), ...view }, settings, new Set());
console.log(JSON.stringify([
    view.spread_unit, location.search, page.fromStore("dashboard", settings).spread_unit,
    settings.readParameters(new URLSearchParams("spread_unit=miles"), "").refused[0].reason,
    spreadText({ best_bid: 31000, best_ask: 31003, tick_digits: 2 }, view.spread_unit),
]));
"""


def test_a_widget_is_a_folder_its_name_and_a_row_for_its_setting(tmp_path: Path):
    node = shutil.which("node") or missing("node", "node is not installed: the modules' own tests need it")
    package = tmp_path / "orderfox_nb"
    shutil.copytree(Path(orderfox_nb.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(Path(__file__).parent / "spread", package / "widgets" / "spread")
    _insert(package / "widgets" / "page" / "settings.py", "from orderfox_nb.widgets.panels.order_book", IMPORT)
    _insert(package / "widgets" / "page" / "settings.py", '    Setting("fixed_scale"', ROW)
    _insert(package / "widgets" / "__init__.py", "\n__all__", IMPORT)

    built = json.loads(_run([sys.executable, "-c", PYTHON], tmp_path))
    assert "export" not in built["module"].replace("export default {", "")
    _run([node, "--input-type=module", "--check"], tmp_path, built["module"])
    places = {
        "support": (Path(__file__).parents[1] / "js" / "support.js").as_uri(),
        "widgets": (package / "widgets").as_uri(),
        "rows": json.dumps(built["rows"]),
    }
    asked, search, remembered, reason, text = json.loads(
        _run([node, "--input-type=module", "--eval", JAVASCRIPT % places], tmp_path)
    )
    assert (asked, remembered) == ("bp", "bp")
    assert search.endswith("&spread_unit=bp")
    assert reason == "expected price or bp"
    assert text == "0.97 bp"


def _insert(path: Path, before: str, line: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, line + before), encoding="utf-8")


def _run(command: list[str], root: Path, given: str = "") -> str:
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "ORDERFOX_DATA_DIR": str(root)}
    done = subprocess.run(
        command, cwd=root, env=environment, input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
