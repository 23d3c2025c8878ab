"""The line above a dashboard, and a list of symbols, as SVG."""

from __future__ import annotations

from typing import Any

from orderfox_nb.widgets.static_svg import HEADER, ROW, Anchor, Look, panel, price_text, quality_text, short_text, text

HEAD = 58.0


def _percent(fraction: float | None, digits: int = 2) -> str:
    return "–" if fraction is None else f"{fraction * 100:+.{digits}f} %"


def market_svg(frame: dict[str, Any], colours: Look, *, origin: str, width: float = 900, height: float = HEAD) -> str:
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
    parts = [
        text(14, height / 2, frame["ui_name"], fill=colours.text, size=16, weight=680),
        text(116, height / 2, price_text(frame["last"], digits), fill=ink, size=22, weight=680),
    ]
    x = 245.0
    for value, name, figure_ink in figures:
        if x > width - 290:
            break
        parts.append(text(x, height / 2 - 8, value, fill=figure_ink, weight=620))
        parts.append(text(x, height / 2 + 9, name, fill=colours.muted, size=11.5))
        x += max(78, 8 * len(value) + 16)
    note = f"{origin} · {quality_text(frame)}"
    parts.append(text(width - 14, height / 2, note, fill=colours.warning, size=11.5, anchor="end", weight=650))
    return border + "".join(parts)


def symbols_svg(frame: dict[str, Any], colours: Look, *, width: float = 420, height: float = 400) -> str:
    """Draw the first rows of a ``symbols`` frame: name, last price, change, volume."""
    muted = colours.muted
    places: tuple[tuple[float, Anchor], ...] = (
        (12, "start"),
        (width * 0.52, "end"),
        (width * 0.74, "end"),
        (width - 12, "end"),
    )

    def row(y: float, cells: tuple[tuple[str, str], ...]) -> str:
        return "".join(
            text(x, y + ROW / 2, content, fill=ink, anchor=anchor)
            for (x, anchor), (content, ink) in zip(places, cells, strict=True)
        )

    parts = [row(HEADER + 2, (("Symbol", muted), ("Last", muted), ("24 h", muted), ("Volume", muted)))]
    y = HEADER + 24
    for _, name, volume, change, _, last in zip(*frame["symbols"][:6], strict=True):
        if y + ROW > height:
            break
        ink = colours.text if not change else colours.bid if change > 0 else colours.ask
        last_text = "–" if last is None else f"{last:,.10g}"
        cells = ((name, colours.text), (last_text, colours.text), (_percent(change), ink), (short_text(volume), muted))
        parts.append(row(y, cells))
        y += ROW
    note = "the built-in list" if frame.get("demo") else f"{len(frame['symbols'][0])} by volume"
    return panel("Symbols", note, parts, colours, width=width, height=height)
