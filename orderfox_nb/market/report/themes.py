"""Colours of a report: those of one theme, or of the theme of the page that shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from orderfox_nb.market.svg.pieces import Colours, colours_of

AUTO: Final = "auto"
_LIGHT: Final = asdict(colours_of("light"))
_DARK: Final = asdict(colours_of("dark"))
# A page that drops style sheets shows the light colours.
_FROM_PAGE: Final = Colours(**{name: f"var(--of-report-{name},{value})" for name, value in _LIGHT.items()})


def report_colours(theme: str) -> Colours:
    """Return the colours of a theme; those of ``auto`` are CSS variables, see ``theme_css``.

    Raises:
        ValueError: There is no such theme.
    """
    check_theme(theme)
    return _FROM_PAGE if theme == AUTO else colours_of(theme)


def theme_css(theme: str) -> str:
    """Return the style rules that give the variables of ``auto`` their values; none for another theme.

    The theme that the widgets of a page have decides, then that of JupyterLab, and elsewhere the preference of the
    reader's system.
    """
    if theme != AUTO:
        return ""
    light, dark = (
        "{" + ";".join(f"--of-report-{name}:{value}" for name, value in colours.items()) + "}"
        for colours in (_LIGHT, _DARK)
    )
    return (
        f".of-report,.of-report-page{light}"
        f"@media (prefers-color-scheme:dark){{.of-report,.of-report-page{dark}}}"
        f'[data-jp-theme-light="true"] .of-report{light}[data-jp-theme-light="false"] .of-report{dark}'
        # On a page of Voila the attribute above keeps its first value when the reader chooses another theme.
        f':root[data-of-theme="light"] .of-report{light}:root[data-of-theme="dark"] .of-report{dark}'
    )


def check_theme(theme: str) -> None:
    """Check the name of a theme.

    Raises:
        ValueError: There is no such theme.
    """
    if theme not in (AUTO, "dark", "light"):
        raise ValueError(f"theme {theme!r} is neither auto, dark nor light")
