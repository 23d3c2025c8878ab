"""Wrong arguments of a widget, and the arguments that completion shows."""

from __future__ import annotations

import inspect
from typing import Any, cast

import pytest
import traitlets
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from orderfox_nb import engine as engines
from orderfox_nb import widgets
from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine, source_of
from orderfox_nb.widgets import CandleChart, Dashboard, DepthChart, OrderBook, SymbolPicker, Tape

pytestmark = pytest.mark.widgets


@pytest.mark.parametrize("name", widgets.__all__)
def test_an_argument_that_a_widget_does_not_have_is_refused_with_the_one_that_was_meant(name: str):
    """Each was taken in silence, and the widget showed its default."""
    kind: Any = getattr(widgets, name)
    with pytest.raises(TypeError, match=rf"^{name} has no argument 'symbl'\. Did you mean: symbol"):
        kind(symbl="ETHUSDT")
    kind(tooltip="mine").close()  # what ipywidgets has of its own


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Tape(minimum_size=5), "no argument 'minimum_size'. Did you mean: minimum_notional?"),
        (lambda: CandleChart(timeframe="7m"), "3d, 1w, 1M. Did you mean: 5m, 15m?"),
        (lambda: Dashboard(timeframe="60m"), "Did you mean: 1h?"),
        (lambda: setattr(CandleChart(), "timeframe", "7m"), "timeframe '7m': expected one of 1m, 3m"),
        (lambda: OrderBook(rows=15), "rows 15: expected one of fit, 10, 20, 50."),
        (lambda: DepthChart(percent=3), "percent 3: expected one of 0.1, 0.25"),
        (lambda: SymbolPicker(sort="volum"), "Did you mean: volume?"),
        (lambda: Dashboard(layout="books"), "Did you mean: book, bots?"),
        (lambda: OrderBook(rounding="١٠"), "rounding '١٠' must be a positive decimal"),
        (lambda: CandleChart(overlays=["ema２٠"]), "Not an overlay"),
        (lambda: CandleChart(symbol=cast("Any", 5)), "symbol: expected a unicode string, not the int 5."),
        (lambda: Tape(minimum_notional="10k"), "minimum_notional: expected a float, not the str '10k'."),
        (lambda: Tape(minimum_notional=-1), "should not be less than 0.0, but a value of -1.0 was specified"),
        (lambda: setattr(Tape(), "minimum_notional", ["9"] * 5000), "minimum_notional: expected a float, not the list"),
        (lambda: OrderBook(symbol="x" * 5000 + "\n", rounding=[0] * 5000), "rounding"),
    ],
)
def test_a_value_that_cannot_be_shown_is_refused_in_one_short_line(make: Any, error: str):
    with pytest.raises((TypeError, traitlets.TraitError)) as raised:
        make()
    assert error in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.fixture
def listed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A market of BTC, ETH and SOL that runs in this process already."""
    monkeypatch.setenv("ORDERFOX_SOURCE", "sim?seed=7&symbols=3")
    monkeypatch.delenv("ORDERFOX_URL", raising=False)
    engine.run(engine.desk.catalogue.rows())
    monkeypatch.setitem(engines._engines, source_of(load_settings()), engine)


@pytest.mark.usefixtures("listed")
def test_a_symbol_that_is_not_listed_is_refused_where_the_list_is_at_hand():
    for kind in (CandleChart, Tape, Dashboard):
        with pytest.raises(traitlets.TraitError, match=r"^Symbol BTCUSD not found\. Did you mean: BTCUSDT\?$"):
            kind(symbol="BTCUSD")
    assert CandleChart(symbol="sol").layer.symbol == "SOLUSDT"
    assert Dashboard(symbols=["btc", "ETH-USDT"]).symbols == ["BTCUSDT", "ETHUSDT"]
    tape = Tape(symbol="ETH/USDT:USDT")
    with pytest.raises(traitlets.TraitError, match="Symbol nothinglikeit not found"):
        tape.symbol = "nothinglikeit"
    assert tape.symbol == "ETHUSDT"
    tape.set_state({"symbol": "NEWUSDT"})
    assert tape.symbol == "NEWUSDT", "a page chooses from the venue's list, which may be newer"


def test_without_a_list_at_hand_a_symbol_is_accepted_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "_engines", {})
    monkeypatch.delenv("ORDERFOX_URL", raising=False)
    assert CandleChart(symbol="eth/usdt").symbol == "ETHUSDT"
    assert engines._engines == {}


def test_completion_and_help_show_the_arguments_of_a_widget():
    shell = InteractiveShell.instance()
    shell.user_ns.update({name: getattr(widgets, name) for name in widgets.__all__})
    shell.user_ns["widgets"] = widgets
    assert sorted(dir(widgets)) == sorted(widgets.__all__)
    for call, wanted in (
        ("OrderBook(row", "rows="),
        ("Tape(minimum", "minimum_notional="),
        ("CandleChart(time", "timeframe="),
        ("SymbolPicker(fav", "favourites="),
        ("Dashboard(over", "overlays="),
    ):
        with provisionalcompleter():
            offered = {one.text for one in shell.Completer.completions(call, len(call))}
        assert wanted in offered, call
    assert list(inspect.signature(Tape).parameters) == [
        "symbol", "venue", "market", "all_venues", "currency", "large_notional", "length", "minimum_notional",
        "symbols", "layout",
    ]  # fmt: skip
    text = shell.object_inspect_mime("OrderBook")["text/plain"]
    assert "rows=20" in text
    assert "Price axis with the sizes of both sides" in text


def test_a_notebook_shows_a_mistake_in_one_line(capsys: pytest.CaptureFixture[str]):
    shell = InteractiveShell.instance()
    shell.run_cell("from orderfox_nb.widgets import CandleChart\nCandleChart(symbl='ETHUSDT')")
    shell.run_cell("CandleChart(timeframe='7m')")
    shell.run_cell("CandleChart(symbol=5)")
    shell.run_cell("CandleChart().symbol = 5")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(lines) == 4
    assert lines[0] == "UnknownArgument: CandleChart has no argument 'symbl'. Did you mean: symbol?"
    assert lines[1].startswith("WrongValue: timeframe '7m': expected one of")
    assert [line.startswith("WrongValue: symbol") for line in lines[2:]] == [True, True]
