"""One frame of the order book, and of its depth, as SVG."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from orderfox_nb.widgets.static_svg import HEADER, ROW, Anchor, Look, panel, path, quality_text, rect, text, units_text

_MIDDLE = 32.0


def book_svg(frame: dict[str, Any], colours: Look, *, width: float = 320, height: float = 640) -> str:
    """Draw the ladder of a ``book`` frame: asks above bids, as many rows as fit."""
    top = HEADER + 24
    fit = int((height - top - _MIDDLE - 6) / 2 // ROW)
    prices, sizes = frame["price_digits"], frame["size_digits"]
    asks, bids = ([column[:fit] for column in frame[side]] for side in ("asks", "bids"))
    largest = max([1, *asks[2], *bids[2]])
    columns: tuple[tuple[float, str, Anchor], ...] = (
        (12, "Price", "start"),
        (width * 0.64, "Size", "end"),
        (width - 12, "Total", "end"),
    )
    parts = [text(x, HEADER + 12, name, fill=colours.muted, size=11.5, anchor=anchor) for x, name, anchor in columns]
    middle = top + fit * ROW

    def row(y: float, price: int, size: int, total: int, ink: str) -> None:
        share = width * total / largest
        parts.append(rect(width - share, y + 1, share - 1, ROW - 2, fill=ink, opacity=0.14))
        parts.append(text(12, y + ROW / 2, units_text(price, prices), fill=ink))
        parts.append(text(width * 0.64, y + ROW / 2, units_text(size, sizes), fill=colours.text, anchor="end"))
        parts.append(text(width - 12, y + ROW / 2, units_text(total, sizes), fill=colours.muted, anchor="end"))

    for at, (price, size, total) in enumerate(zip(*asks, strict=True)):
        row(middle - (at + 1) * ROW, price, size, total, colours.ask)
    for at, (price, size, total) in enumerate(zip(*bids, strict=True)):
        row(middle + _MIDDLE + at * ROW, price, size, total, colours.bid)
    parts.append(rect(1, middle, width - 2, _MIDDLE, fill=colours.raised))
    bid, ask, digits = frame["best_bid"], frame["best_ask"], frame["tick_digits"]
    if bid is not None and ask is not None:
        mid = units_text((bid + ask) * 5, digits + 1)
        spread = f"spread {units_text(ask - bid, digits)} · {2e4 * (ask - bid) / (ask + bid):.2f} bp"
        parts.append(text(12, middle + _MIDDLE / 2, mid, fill=colours.text, size=16, weight=650))
        parts.append(text(width - 12, middle + _MIDDLE / 2, spread, fill=colours.muted, anchor="end"))
    else:
        parts.append(text(12, middle + _MIDDLE / 2, "one side is empty", fill=colours.muted))
    note = f"{frame['symbol']} · by {frame['rounding']} · {quality_text(frame)}"
    return panel("Order book", note, parts, colours, width=width, height=height)


def depth_svg(frame: dict[str, Any], colours: Look, *, width: float = 640, height: float = 320) -> str:
    """Draw the cumulative size of a ``book`` frame's rows over their price."""
    plot_top, plot_bottom = HEADER + 10, height - 26
    prices = [*frame["bids"][0], *frame["asks"][0]]
    parts: list[str] = []
    if len(prices) > 1:
        low, high = min(prices), max(prices)
        largest = max([1, *frame["bids"][2], *frame["asks"][2]])

        def place(price: int, total: int) -> tuple[float, float]:
            x = (price - low) / max(1, high - low) * width
            return x, plot_bottom - total / largest * (plot_bottom - plot_top)

        for side, ink in (("bids", colours.bid), ("asks", colours.ask)):
            steps = list(zip(frame[side][0], frame[side][2], strict=True))
            if not steps:
                continue
            points = [place(steps[0][0], 0), place(*steps[0])]
            for (_, total), (price, after) in pairwise(steps):
                points += [place(price, total), place(price, after)]
            points.append(place(steps[-1][0], 0))
            parts.append(path(points, stroke=ink, fill=ink, opacity=0.14))
        digits = frame["price_digits"]
        ends: tuple[tuple[int, Anchor, float], ...] = ((low, "start", 8), (high, "end", width - 8))
        for price, anchor, x in ends:
            parts.append(text(x, height - 13, units_text(price, digits), fill=colours.muted, size=11, anchor=anchor))
    note = f"{frame['symbol']} · {quality_text(frame)}"
    return panel("Depth", note, parts, colours, width=width, height=height)
