# Jupyter Server calls what no module of the package calls.
# pyright: reportUnusedFunction=false
"""The order-flow desk that lives in a notebook."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from orderfox_nb import errors, widgets
    from orderfox_nb.bots.strategy import Strategy
    from orderfox_nb.bots.terms import PaperTerms
    from orderfox_nb.market.backtest.sweeping import sampled
    from orderfox_nb.market.backtest.walking import walk_forward
    from orderfox_nb.market.connection import Market
    from orderfox_nb.market.recorded import RecordedMarket
    from orderfox_nb.widgets import (
        BotPanel,
        CandleChart,
        Dashboard,
        DepthChart,
        Liquidations,
        MarketHeader,
        OrderBook,
        QualityBadge,
        Rewind,
        SymbolPicker,
        Tape,
    )
    from orderfox_nb.widgets.report.backtests import backtest, sweep

__version__ = "0.1.0"
__all__ = [
    "BotPanel",
    "CandleChart",
    "Dashboard",
    "DepthChart",
    "Liquidations",
    "MarketHeader",
    "OrderBook",
    "PaperTerms",
    "QualityBadge",
    "Rewind",
    "Strategy",
    "SymbolPicker",
    "Tape",
    "__version__",
    "backtest",
    "connect",
    "errors",
    "import_recording",
    "open_recording",
    "sampled",
    "sql",
    "sweep",
    "walk_forward",
    "widgets",
]


_PLACES = {
    "PaperTerms": "bots.terms",
    "Strategy": "bots.strategy",
    "backtest": "widgets.report.backtests",
    "sampled": "market.backtest.sweeping",
    "sweep": "widgets.report.backtests",
    "walk_forward": "market.backtest.walking",
}
"""Modules of the names that are not widgets; they are loaded on first use."""


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    # Offered by completion, loaded on first use.
    if name in {"errors", "widgets"}:
        return import_module(f"orderfox_nb.{name}")
    if name in _PLACES:
        return getattr(import_module(f"orderfox_nb.{_PLACES[name]}"), name)
    if name in __all__:
        return getattr(import_module("orderfox_nb.widgets"), name)
    raise AttributeError(f"module 'orderfox_nb' has no attribute {name!r}")


def connect(source: str | None = None) -> Market:
    """Connect this kernel to market data: ``connect()["BTCUSDT"].trades.df``.

    Args:
        source: As in ORDERFOX_SOURCE: ``sim``, ``binance``, ``http://<server>``. By default the server that started
            this kernel or the one at BACKEND_URL; without either, the source of ORDERFOX_SOURCE.

    Returns:
        The market; nothing is subscribed until data is read from it.

    Raises:
        SettingError: A source that cannot be used.
        VenueUnreachable: The server does not answer.
    """
    # Importing the package, for its version for example, must not import any feed.
    from orderfox_nb.market.connection import connect as connect_market  # noqa: PLC0415

    return connect_market(source)


def open_recording(path: str | Path) -> RecordedMarket:
    """Open a recording: ``open_recording(path)["BTCUSDT"].trades.df``.

    Args:
        path: The folder of the recording.

    Raises:
        RecordingError: It cannot be read as a recording; names the file.
    """
    from orderfox_nb.market.recorded import open_recording as open_market  # noqa: PLC0415

    return open_market(path)


def sql(
    text: str,
    recordings: RecordedMarket | str | Path | Sequence[RecordedMarket | str | Path] | None = None,
    *,
    parameters: object = None,
) -> duckdb.DuckDBPyRelation:
    """Query recordings in SQL: ``sql("select * from trades where symbol = 'BTCUSDT'").df()``.

    Args:
        text: One statement over ``trades``, ``book_levels``, ``candles``, ``liquidations``, ``mark``, ``funding``,
            ``ticker``, ``open_interest`` and ``quality``.
        recordings: A recording, a part of one, the folder of one, or several; by default all in the data directory.
        parameters: Values of ``?`` (a list) or ``$name`` (a dict) in the text.

    Returns:
        DuckDB's relation: ``df()``, ``arrow()``, ``pl()``, ``fetchall()``, ``show()``.

    Raises:
        MissingExtra: DuckDB is not installed.
        RecordingError: There is no recording, or one cannot be read.
    """
    from orderfox_nb.market.tables import sql as ask  # noqa: PLC0415

    return ask(text, recordings, parameters=parameters)


def import_recording(
    *files: str | Path, out: str | Path, instruments: str | Path | None = None, symbol: str = ""
) -> RecordedMarket:
    """Import other people's recordings: ``import_recording("btcusdt.gz", out="recordings")["BTCUSDT"].trades.df``.

    Args:
        files: Raw frames, csv of Tardis or Binance Vision, hftbacktest's npz, or cryptofeed's captures, of one venue.
        out: Folder to make the recording in.
        instruments: Answer of the venue to ``exchangeInfo``, for ticks and lots; by default from the numbers.
        symbol: Symbol of files that do not name theirs.

    Returns:
        The recording; ``info().notes`` has what the files lack.

    Raises:
        RecordingError: A file that cannot be imported; names it.
    """
    from orderfox_nb.market.importing import import_recording as import_market  # noqa: PLC0415

    return import_market(*files, out=out, instruments=instruments, symbol=symbol)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    # Called by Jupyter Server; a kernel that imports the package must not load the server.
    from orderfox_nb.server.app import OrderFoxApp  # noqa: PLC0415

    return [{"module": "orderfox_nb.server.app", "app": OrderFoxApp}]
