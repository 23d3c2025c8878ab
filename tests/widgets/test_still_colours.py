"""The colours of stills, which are those of the page."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from orderfox_nb.market.svg.pieces import Colours, colours_of
from tests.widgets.conftest import WIDGETS
from tests.widgets.test_stills import OPTIONS, still_of

pytestmark = pytest.mark.widgets


def page_colours(theme: str, palette: str) -> dict[str, str]:
    """Return the tokens of the page's style sheets under the names of a ``Colours``."""
    sheets = [(WIDGETS / name).read_text() for name in ("page/theme.css", "chart/candle_layer.css")]
    light, safe = '[data-of-theme="light"]', '[data-of-palette="safe"]'
    both = theme == "light" and palette == "safe"
    # In the order in which the rules stand above each other.
    holds = {"": True, light: theme == "light", safe: palette == "safe", safe + light: both, light + safe: both}
    tokens: dict[str, str] = {}
    for rule in (rule for rule, applies in holds.items() if applies):
        for sheet in sheets:
            for block in re.findall(rf"^:root{re.escape(rule)} \{{(.*?)\}}", sheet, re.MULTILINE | re.DOTALL):
                tokens |= dict(re.findall(r"--of-([\w-]+): (#[0-9a-f]{6});", block))
    names = {"background": "bg", "tag": "tag-text"}
    return {field.name: tokens[names.get(field.name, field.name)] for field in fields(Colours)}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("palette", ["standard", "safe"])
def test_a_still_has_the_colours_of_its_theme_and_palette(theme: str, palette: str):
    svg = still_of("OrderBook", OPTIONS, theme=theme, palette=palette).svg
    page = page_colours(theme, palette)
    assert colours_of(theme, palette) == Colours(**page)
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) <= set(page.values())
    assert {page["panel"], page["bid"], page["ask"]} <= set(re.findall(r"#[0-9a-f]{6}", svg))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("palette", ["standard", "safe"])
def test_a_price_on_its_tag_can_be_read(theme: str, palette: str):
    page = page_colours(theme, palette)
    assert min(contrast(page["tag"], page[side]) for side in ("bid", "ask")) >= 4.5
    chart = still_of("CandleChart", OPTIONS, theme=theme, palette=palette).svg
    (ink,) = re.findall(r'fill="(#\w+)"[^>]*>98\.5</text>', chart)
    assert ink == page["tag"]


def test_an_unknown_theme_or_palette_is_refused():
    with pytest.raises(ValueError, match="sepia"):
        still_of("OrderBook", OPTIONS, theme="sepia")
    with pytest.raises(ValueError, match="loud"):
        still_of("OrderBook", OPTIONS, palette="loud")
