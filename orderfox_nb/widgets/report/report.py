# ipywidgets has no stubs.
# pyright: reportMissingTypeStubs=false
"""A backtest's result that can be shown: ``backtest(Fade(), rec).plot()``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.report.page import page_html, report_html
from orderfox_nb.market.report.themes import AUTO

if TYPE_CHECKING:
    from ipywidgets import VBox


class BacktestReport(BacktestResult, kw_only=True):
    """A backtest with charts; a notebook shows them also without a kernel."""

    @classmethod
    def of(cls, result: BacktestResult) -> Self:
        """Return a result as a report."""
        return cls(**{name: getattr(result, name) for name in BacktestResult.__struct_fields__})

    def plot(self, *, theme: str = AUTO) -> VBox:
        """Return bqplot figures over one time: price with fills, equity band, drawdown, position.

        Args:
            theme: ``auto`` follows the page that shows it, otherwise ``dark`` or ``light``.

        Raises:
            ValueError: There is no such theme.
        """
        # Load bqplot only on use: a sweep on a server does not need it.
        from orderfox_nb.widgets.report.plot import report_plot  # noqa: PLC0415

        return report_plot(self, theme=theme)

    def to_html(self, path: str | Path, *, theme: str = AUTO) -> Path:
        """Write the report as one file that needs no network, and return its path.

        Args:
            path: Path of the file; it is replaced.
            theme: ``auto`` follows the page that shows it, otherwise ``dark`` or ``light``.

        Raises:
            OSError: The file cannot be written.
            ValueError: There is no such theme.
        """
        target = Path(path).expanduser()
        target.write_text(page_html(self, theme=theme), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        return report_html(self, trades=False)
