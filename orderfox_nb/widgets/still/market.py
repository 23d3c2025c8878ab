"""The line above a dashboard, and a list of symbols, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderfox_nb.core.formatting import with_minus
from orderfox_nb.market.svg.pieces import (
    HEADER,
    ROW,
    Colours,
    panel,
    price_text,
    quality_text,
    short_text,
    table,
    text,
    text_width,
)

HEAD = 58.0


def _percent(fraction: float | None, digits: int = 2) -> str:
    return "–" if fraction is None else with_minus(f"{fraction * 100:+.{digits}f} %")


def market_svg(
    frame: dict[str, Any], colours: Colours, *, origin: str, width: float = 900, height: float = HEAD
) -> str:
    """Draw a ``ticker`` frame in one line; ``origin`` says in words where the numbers come from."""
    border = panel("", "", (), colours, width=width, height=height).split("<text", 1)[0]
    change = frame["change"]
    ink = colours.text if not change else colours.bid if change > 0 else colours.ask
    digits = frame["price_digits"]
    figures = (
        (_percent(change), "24 h", ink),
        (price_text(frame["mark"], digits), "Mark", colours.text),
        (_percent(frame["funding"], 4), "Funding", colours.text),
        (f"{short_text(frame['open_interest'])} {frame['base_asset']}", "Open interest", colours.text),
        (short_text(frame["volume_quote"]), f"Volume, {frame['quote']}", colours.text),
    )
    last = price_text(frame["last"], digits)
    beside = max(116.0, 14 + text_width(frame["ui_name"], 16) + 14)
    parts = [
        text(14, height / 2, frame["ui_name"], fill=colours.text, size=16, weight=680),
        text(beside, height / 2, last, fill=ink, size=22, weight=680),
    ]
    x = max(245.0, beside + text_width(last, 22) + 16)
    for value, name, figure_ink in figures:
        if x > width - 290:
            break
        parts.append(text(x, height / 2 - 8, value, fill=figure_ink, weight=620))
        parts.append(text(x, height / 2 + 9, name, fill=colours.muted, size=11.5))
        x += max(78, 8 * len(value) + 16)
    note = f"{origin} · {quality_text(frame)}"
    parts.append(text(width - 14, height / 2, note, fill=colours.warning, size=11.5, anchor="end", weight=650))
    return border + "".join(parts)


def symbols_svg(frame: dict[str, Any], colours: Colours, *, width: float = 420, height: float = 400) -> str:
    """Draw the first rows of a ``symbols`` frame: name, last price, change, volume."""
    muted = colours.muted
    titles = (("Symbol", muted), ("Last", muted), ("24 h", muted), ("Volume", muted))
    rows: list[Sequence[tuple[str, str]]] = [titles]
    for _, name, volume, change, _, last in zip(*frame["symbols"][:6], strict=True):
        if HEADER + 2 + (len(rows) + 1) * ROW > height:
            break
        ink = colours.text if not change else colours.bid if change > 0 else colours.ask
        cells = (name, colours.text), (price_text(last, None), colours.text), (_percent(change), ink)
        rows.append((*cells, (short_text(volume), muted)))
    parts = [table(HEADER + 2, width, rows)]
    note = "the built-in list" if frame.get("demo") else f"{len(frame['symbols'][0])} by volume"
    return panel("Symbols", note, parts, colours, width=width, height=height)
