"""The notebooks that come with the package, and a new one to start from."""

from __future__ import annotations

import json
import shutil
import sysconfig
from pathlib import Path
from typing import Any, Final

from orderfox_nb.errors import SettingError

TOUR: Final = "00_tour.ipynb"
DASHBOARD: Final = "dashboard.ipynb"
BOT_DASHBOARD: Final = "bot_dashboard.ipynb"
_KERNEL: Final = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks_folder() -> Path:
    """Return the folder of the notebooks: the repository's, or the installed one.

    Raises:
        FileNotFoundError: Neither is there.
    """
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    installed = [Path(sysconfig.get_path("data", scheme)) / "share" / "orderfox_nb" / "notebooks" for scheme in schemes]
    for folder in (Path(__file__).parents[1] / "notebooks", *installed):
        if (folder / DASHBOARD).is_file():
            return folder
    raise FileNotFoundError("the notebooks are not installed: reinstall orderfox_nb")


def copy_notebooks(folder: Path) -> list[Path]:
    """Copy the notebooks into a folder, and return those that were not there: a file that exists is never replaced.

    Raises:
        SettingError: The folder cannot be written to.
    """
    missing = [path for path in sorted(notebooks_folder().glob("*.ipynb")) if not (folder / path.name).exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(path, folder / path.name)) for path in missing]
    except OSError as error:
        raise SettingError("FOLDER", folder, f"a folder that can be written to ({error.strerror or error})") from None


def write_notebook(path: Path, *, symbol: str) -> Path:
    """Write a short notebook that connects to the market of a symbol, and return where it is.

    Args:
        path: Where; ``.ipynb`` is added where it is missing.
        symbol: The market, in any common spelling.

    Raises:
        SettingError: The file is there already, or cannot be written.
    """
    path = path if path.suffix == ".ipynb" else path.with_name(f"{path.name}.ipynb")
    cells = [
        _cell(number, kind, text.strip().replace("{name}", symbol).replace("{text}", repr(symbol)))
        for number, (kind, text) in enumerate(_CELLS)
    ]
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": _KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(notebook, indent=1) + "\n")
    except FileExistsError:
        raise SettingError("NAME", path, "a file that is not there yet: choose another name") from None
    except OSError as error:
        raise SettingError("NAME", path, f"a file that can be written ({error.strerror or error})") from None
    return path


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


_CELLS: Final = (
    ("markdown", "# A study of {name}\n\nWhat do you want to know?"),
    (
        "code",
        """
import orderfox_nb
from orderfox_nb.widgets import CandleChart

market = orderfox_nb.connect()  # the server that started this kernel, or ORDERFOX_SOURCE
symbol = market[{text}]
market.origin.source, "simulated" if market.origin.simulated else "real"
""",
    ),
    ("markdown", "## What there is\n\n`df.attrs` says where the data are from and how good they are."),
    ("code", "symbol.trades.df.tail()"),
    ("code", 'bars = symbol.candles("5m").df\nbars.tail()'),
    ("markdown", "## Your idea, on the chart"),
    (
        "code",
        """
mean = bars["close"].rolling(50).mean()

chart = CandleChart(symbol=symbol.symbol, timeframe="5m")
chart.add_series(mean.index, mean, name="mean of 50")
chart
""",
    ),
    (
        "markdown",
        """
## Further

- Live: `async for trade in symbol.trades: ...`, or `symbol.trades.on(print)`.
- Further back: `symbol.candles("1h", start="-30d")`, `symbol.trades.history("-1h")`.
- Everything that was watched is recorded: `market.rewind("-10m")`, `orderfox_nb.sql("select …")`.
- A strategy: `orderfox_nb.backtest(…)`, `symbol.run(…)`.
""",
    ),
)
