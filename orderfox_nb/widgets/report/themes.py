"""Colours of a report's bqplot figures."""

from __future__ import annotations

from typing import Final

from orderfox_nb.market.report.themes import AUTO, check_theme
from orderfox_nb.market.svg.pieces import Colours, colours_of

# Surfaces and text are JupyterLab's variables, which pages of Voila have too. bqplot computes the colours between those
# of a scale, which it cannot do with a variable: these have contrast on light and on dark.
_FROM_PAGE: Final = Colours(
    background="var(--jp-layout-color0)", panel="var(--jp-layout-color1)", raised="rgba(138, 150, 162, 0.2)",
    line="var(--jp-border-color2)", text="var(--jp-content-font-color1)", muted="var(--jp-content-font-color2)",
    bid="#26a69a", ask="#ef5350", warning="#d9920a", tag="#ffffff",
    overlay1="#a766f0", overlay2="#3b8eea", overlay3="#1f9db3", overlay4="#8a96a2",
)  # fmt: skip


def figure_colours(theme: str) -> Colours:
    """Return the colours of a theme; ``auto`` follows the page.

    Raises:
        ValueError: There is no such theme.
    """
    check_theme(theme)
    return _FROM_PAGE if theme == AUTO else colours_of(theme)
