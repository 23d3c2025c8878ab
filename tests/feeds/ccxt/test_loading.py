"""Only the module of the exchange that is used is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orderfox_nb.cli import main
from orderfox_nb.errors import MissingExtra
from orderfox_nb.feeds.ccxt import loading
from orderfox_nb.feeds.ccxt.loading import exchange_ids, load_exchange

pytestmark = pytest.mark.feeds

_SETTINGS = "from orderfox_nb.config import load_settings\nfrom orderfox_nb.feeds.sources import open_feeds\n"


def run(code: str) -> str:
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def test_other_sources_do_not_load_ccxt() -> None:
    code = f"{_SETTINGS}import sys\nopen_feeds('sim,binance', load_settings())\nprint('ccxt' in sys.modules)"
    assert run(code) == "False"


def test_a_source_loads_its_exchange_and_no_other() -> None:
    code = (
        f"{_SETTINGS}import sys\n(feed,) = open_feeds('ccxt:okx', load_settings())\nprint(feed.venue, *sorted("
        "name for name in sys.modules if name.startswith('ccxt.') and name.count('.') == 2 and '.base' not in name))"
    )
    assert run(code) == "ccxt-okx ccxt.abstract.okx ccxt.async_support.okx ccxt.pro.okx"


def test_ccxt_is_whole_for_those_who_import_it_afterwards() -> None:
    code = (
        "from orderfox_nb.feeds.ccxt.loading import load_exchange\nload_exchange('kraken', {})\n"
        "import ccxt, ccxt.pro\n"
        "assert ccxt.pro.bybit.__name__ == 'bybit' and ccxt.bybit.__module__ == 'ccxt.bybit'\n"
        "assert issubclass(ccxt.BadSymbol, ccxt.BaseError) and 'okx' in ccxt.exchanges\n"
        "assert ccxt.__version__ and not hasattr(ccxt, 'no_such_thing')\n"
        "from ccxt.async_support import okx\nprint(okx.__module__)"
    )
    assert run(code) == "ccxt.async_support.okx"


def test_an_exchange_without_websockets_is_loaded_as_well() -> None:
    ids = exchange_ids()
    assert {"okx", "bybit", "kraken", "hyperliquid"} <= set(ids)
    assert not {"base", "__init__"} & set(ids)
    without = next(name for name in ids if not (loading._folder() / "pro" / f"{name}.py").is_file())
    assert load_exchange(without, {}).id


def test_a_missing_ccxt_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r'pip install "orderfox_nb\[venues\]"'):
        exchange_ids()
    assert main(["serve", "--source", "ccxt:okx"]) == 2
    assert 'pip install "orderfox_nb[venues]"' in capsys.readouterr().err
