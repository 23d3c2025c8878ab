"""One frame of the trades and of the liquidations as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderfox_nb.widgets.static_svg import (
    HEADER,
    ROW,
    Look,
    clock_text,
    panel,
    price_text,
    quality_text,
    short_text,
    text,
    units_text,
)


def _row(y: float, width: float, cells: Sequence[tuple[str, str]]) -> str:
    """Write three cells: left, right in the middle, right at the edge."""
    (first, ink), (second, second_ink), (third, third_ink) = cells
    return (
        text(12, y + ROW / 2, first, fill=ink)
        + text(width * 0.64, y + ROW / 2, second, fill=second_ink, anchor="end")
        + text(width - 12, y + ROW / 2, third, fill=third_ink, anchor="end")
    )


def tape_svg(
    frame: dict[str, Any], colours: Look, *, width: float = 300, height: float = 400, minimum_size: float = 0.0
) -> str:
    """Draw the newest trades of a ``trades`` frame, newest above."""
    muted, plain = colours.muted, colours.text
    parts = [_row(HEADER + 2, width, [("Price", muted), ("Size", muted), ("Time UTC", muted)])]
    y = HEADER + 24
    least = minimum_size * 10 ** frame["size_digits"]
    for _, time, price, size, side in zip(*(reversed(column) for column in frame["trades"]), strict=True):
        if y + ROW > height:
            break
        if size < least:
            continue
        ink = colours.bid if side > 0 else colours.ask
        cells = [
            (units_text(price, frame["price_digits"]), ink),
            (units_text(size, frame["size_digits"]), plain),
            (clock_text(time), muted),
        ]
        parts.append(_row(y, width, cells))
        y += ROW
    note = f"{frame['symbol']} · {frame['rate']:.1f}/s · {quality_text(frame)}"
    return panel("Trades", note, parts, colours, width=width, height=height)


def liquidations_svg(
    frame: dict[str, Any], colours: Look, *, width: float = 300, height: float = 400, span: str = "1h"
) -> str:
    """Draw the newest orders of a ``liquidations`` frame under its sums, newest above."""
    shorts, longs = frame["sums"].get(span, (0, 0))
    y = HEADER + 4
    parts = [
        text(12, y + ROW / 2, f"{span} longs {short_text(longs)}", fill=colours.ask, weight=650),
        text(width - 12, y + ROW / 2, f"shorts {short_text(shorts)}", fill=colours.bid, anchor="end", weight=650),
    ]
    y += ROW + 2
    for time, side, price, _, notional in zip(*frame["orders"], strict=True):
        if y + ROW > height:
            break
        ink = colours.bid if side > 0 else colours.ask
        kind = "short" if side > 0 else "long"
        cells = [
            (f"{kind} {price_text(price, frame['price_digits'])}", ink),
            (f"{notional:,.0f} $", colours.text),
            (clock_text(time), colours.muted),
        ]
        parts.append(_row(y, width, cells))
        y += ROW
    if not frame["orders"][0]:
        parts.append(text(12, y + ROW / 2, "None yet", fill=colours.muted))
    note = f"{frame['symbol']} · {quality_text(frame)}"
    return panel("Liquidations", note, parts, colours, width=width, height=height)
