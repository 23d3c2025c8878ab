"""Misuse is answered: one short error that says what to do, at once."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import orderfox_nb
from orderfox_nb import widgets
from orderfox_nb.config import load_settings
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, ForkedProcess, UnknownSymbol, VenueUnreachable
from orderfox_nb.market.connection import Market

pytestmark = pytest.mark.widgets


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    settings = load_settings(
        ORDERFOX_SOURCE="sim?seed=7&symbols=3",
        ORDERFOX_URL="",
        BACKEND_URL="",
        ORDERFOX_DATA_DIR=str(tmp_path_factory.mktemp("data")),
    )
    engine = Engine(settings).start()
    with Market(engine) as market:
        yield market
    engine.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize("named", ["argument", "BACKEND_URL"])
def test_connecting_to_a_server_that_is_not_there_fails_at_once(
    named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("ORDERFOX_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ORDERFOX_URL", raising=False)
    monkeypatch.setenv("BACKEND_URL", url)
    with pytest.raises(VenueUnreachable, match=url) as refused:
        orderfox_nb.connect(url if named == "argument" else None)
    assert str(refused.value).count("cannot be reached") == 1


def test_a_venue_whose_list_is_not_known_has_no_symbols(tmp_path: Path) -> None:
    settings = load_settings(
        ORDERFOX_SOURCE="binance",
        BINANCE_API_BASE_URL=f"http://127.0.0.1:{free_port()}",
        ORDERFOX_URL="",
        BACKEND_URL="",
        ORDERFOX_DATA_DIR=str(tmp_path),
    )
    engine = Engine(settings).start()
    try:
        with pytest.raises(VenueUnreachable):
            _ = Market(engine).symbols
        with pytest.raises(VenueUnreachable):
            _ = Market(engine).df
    finally:
        engine.stop()


def test_an_error_below_a_cell_is_the_callers_line_and_one_sentence(
    market: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = InteractiveShell()
    shell.user_ns["market"] = market
    for cell, kind in (
        ("market['BTCUSD']", UnknownSymbol),
        ("x = 1\nmarket['btc'].candles('7m')", BadValue),
        ("market[5]", BadValue),
        ("market[' ']", BadValue),
    ):
        result = shell.run_cell(cell)
        shown = capsys.readouterr().out
        assert isinstance(result.error_in_exec, kind)
        assert cell.splitlines()[-1] in shown
        assert str(result.error_in_exec) in shown
        assert len(shown.strip().splitlines()) == 2


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_learns_that_the_market_is_its_parents_and_may_connect(market: Market) -> None:
    assert len(market["BTCUSDT"].trades.df)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def child() -> None:
        try:
            answers.put(str(len(market["BTCUSDT"].trades.df)))
        except ForkedProcess as error:
            answers.put(str(error))
        own = orderfox_nb.connect("sim?seed=7&symbols=1")
        answers.put(str(own.symbols))
        market.close()

    process = context.Process(target=child)
    process.start()
    try:
        assert "connect() in this process" in answers.get(timeout=120)
        assert answers.get(timeout=120) == "('BTCUSDT',)"
    finally:
        process.join(60)
        process.kill()
    # What the parent reads is as before.
    assert market["BTCUSDT"].trades.df.attrs["quality"]["state"] == "live"


def test_the_package_shows_what_is_for_users_and_nothing_else() -> None:
    shown = {name for name in dir(orderfox_nb) if not name.startswith("_")}
    data = {"connect", "errors", "import_recording", "open_recording", "sql", "widgets"}
    bots = {"PaperTerms", "Strategy", "backtest", "sampled", "sweep", "walk_forward"}
    assert shown == data | bots | set(widgets.__all__)
    for name in widgets.__all__:
        assert getattr(orderfox_nb, name) is getattr(widgets, name)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = orderfox_nb.nothing_such  # pyright: ignore[reportAttributeAccessIssue]
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, orderfox_nb; dir(orderfox_nb); print('ipywidgets' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "False", "the version alone must not pay for widgets"
