"""One frame of the candles with volume and liquidations as SVG."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orderfox_nb.widgets.static_svg import HEADER, Look, line, panel, path, price_text, quality_text, rect, text

_AXIS = 74.0
_BAR = 6.0


def candles_svg(frame: dict[str, Any], colours: Look, *, width: float = 760, height: float = 520) -> str:
    """Draw the newest bars of a ``candles`` frame, as many as fit."""
    count = max(1, int((width - _AXIS) // _BAR) - 2)
    times, opens, highs, lows, closes, volumes = (column[-count:] for column in frame["bars"])
    note = f"{frame['symbol']} · {frame['interval']} · {quality_text(frame)}"
    if not times:
        empty = text(12, HEADER + 20, "No bars yet", fill=colours.muted)
        return panel("Candles", note, [empty], colours, width=width, height=height)
    _, shorts, longs, averages, _ = (column[-count:] for column in frame["liquidations"])
    top, bottom = HEADER + 10, height - 26
    liquid_top = bottom - (bottom - top) * 0.2
    price_bottom = liquid_top - (bottom - top) * 0.12
    low, high = min(lows), max(highs)
    if high <= low:
        high = low + abs(low) * 1e-4 + 1e-9

    def y_of(price: float) -> float:
        return top + (high - price) / (high - low) * (price_bottom - top)

    digits = frame["price_digits"]
    right = width - _AXIS
    parts: list[str] = []
    for step in range(6):
        price = low + (high - low) * step / 5
        parts.append(line(0, y_of(price), right, y_of(price), stroke=colours.line))
        parts.append(text(right + 8, y_of(price), price_text(price, digits), fill=colours.muted, size=11))
    most_volume = max(volumes) or 1
    most_liquid = max([1e-9, *shorts, *longs, *averages])
    zero = (liquid_top + bottom) / 2 + 6
    half = (bottom - liquid_top) / 2 - 8
    averaged: list[tuple[float, float]] = []
    for at in range(len(times)):
        x = at * _BAR + 1
        ink = colours.bid if closes[at] >= opens[at] else colours.ask
        upper, lower = y_of(max(opens[at], closes[at])), y_of(min(opens[at], closes[at]))
        tall = volumes[at] / most_volume * (bottom - top) * 0.12
        parts.append(rect(x, liquid_top - 2 - tall, _BAR - 2, tall, fill=ink, opacity=0.35))
        parts.append(line(x + 2, y_of(highs[at]), x + 2, y_of(lows[at]), stroke=ink))
        parts.append(rect(x, upper, _BAR - 2, max(1, lower - upper), fill=ink))
        net = shorts[at] - longs[at]
        reach = abs(net) / most_liquid * half
        if net:
            above = net > 0
            ink = colours.bid if above else colours.ask
            parts.append(rect(x, zero - reach if above else zero, _BAR - 2, reach, fill=ink))
        averaged.append((x + 2, zero - averages[at] / most_liquid * half))
    parts.append(line(0, zero, right, zero, stroke=colours.line))
    parts.append(path(averaged, stroke=colours.warning))
    known = "" if frame.get("liquidation_history") == "complete" else " · only what was seen live"
    parts.append(text(10, liquid_top + 8, f"Liquidations, shorts − longs{known}", fill=colours.muted, size=11))
    every = max(1, len(times) // 6)
    parts += [
        text(at * _BAR, height - 13, _bar_time(times[at], frame["interval"]), fill=colours.muted, size=11)
        for at in range(every // 2, len(times), every)
    ]
    last = closes[-1]
    ink = colours.bid if last >= opens[-1] else colours.ask
    parts.append(line(0, y_of(last), right, y_of(last), stroke=ink, dash="2 3"))
    parts.append(rect(right + 3, y_of(last) - 9, _AXIS - 8, 18, fill=ink, radius=2))
    parts.append(text(right + 8, y_of(last), price_text(last, digits), fill=colours.tag, size=11))
    return panel("Candles", note, parts, colours, width=width, height=height)


def _bar_time(seconds: float, interval: str) -> str:
    form = "%d %b %Y" if interval[-1] in "dwM" else "%H:%M"
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
