"""One frame of the candles with volume, overlays and liquidations as SVG."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.market.svg.axis import axis_text, nice_ticks, price_ticks
from orderfox_nb.market.svg.pieces import (
    HEADER,
    Colours,
    clipped,
    line,
    panel,
    path,
    price_text,
    quality_text,
    rect,
    text,
)
from orderfox_nb.widgets.still.overlays import overlays_of

_AXIS = 74.0
_BAR = 6.0
_MIN_WIDTH: Final = 3.0
"""Width of a lapse that lasted less than half a bar."""
_TAG: Final = 16.0
"""Distance from the middle of a tag to that of a label that it does not touch."""
_SCALE_GAP: Final = 16.0


@dataclass(frozen=True)
class Shown:
    """Traits of ``CandleChart`` that decide what a still shows beside the candles."""

    overlays: Sequence[str] = ()
    volume: bool = True
    liquidations: bool = True
    average: bool = True
    lapses: bool = True
    log: bool = False


def candles_svg(
    frame: dict[str, Any], colours: Colours, *, width: float = 760, height: float = 520, shown: Shown | None = None
) -> str:
    """Draw the newest bars of a ``candles`` frame, as many as fit."""
    shown = shown or Shown()
    count = max(1, int((width - _AXIS) // _BAR) - 2)
    times, opens, highs, lows, closes, volumes = (column[-count:] for column in frame["bars"])
    note = f"{frame['symbol']} · {frame['interval']} · {quality_text(frame)}"
    if not times:
        empty = text(12, HEADER + 20, "No bars yet", fill=colours.muted)
        return panel("Candles", note, [empty], colours, width=width, height=height)
    top, bottom = HEADER + 10, height - 26
    floor = bottom - (bottom - top) * (0.2 if shown.liquidations else 0)
    price_bottom = floor - (bottom - top) * (0.14 if shown.volume else 0.02)
    low, high = min(lows), max(highs)
    if high <= low:
        high = low + abs(low) * 1e-4 + 1e-9
    scale = math.log if shown.log else float

    def y_of(price: float) -> float:
        return top + (scale(high) - scale(price)) / (scale(high) - scale(low)) * (price_bottom - top)

    right = width - _AXIS
    length_s = TIMEFRAME_US[frame["interval"]] // 1_000_000
    x_of = _time_axis(times, length_s)
    parts: list[str] = []
    last = closes[-1]
    parts += _prices(low, high, y_of, frame["price_digits"], log=shown.log, last=last, right=right, colours=colours)
    if shown.lapses:
        parts += _lapses(frame.get("lapses", ()), x_of, colours, top=top, height=floor - top)
    inks = [colours.bid if close >= open_ else colours.ask for open_, close in zip(opens, closes, strict=True)]
    if shown.volume:
        parts += _volume(volumes, inks, colours, floor=floor, tallest=(bottom - top) * 0.12, right=right)
    for at, ink in enumerate(inks):
        x = at * _BAR + 1
        upper, lower = y_of(max(opens[at], closes[at])), y_of(min(opens[at], closes[at]))
        parts.append(line(x + 2, y_of(highs[at]), x + 2, y_of(lows[at]), stroke=ink))
        parts.append(rect(x, upper, _BAR - 2, max(1, lower - upper), fill=ink))
    lines, legend = _overlays(frame, colours, shown, len(times), y_of)
    parts += [clipped(top, right, price_bottom - top, lines), legend]
    if shown.liquidations:
        if shown.lapses:
            parts += _lapses(frame.get("liquidation_lapses", ()), x_of, colours, top=floor, height=bottom - floor)
        columns = [column[-count:] for column in frame["liquidations"]]
        parts += _liquidations(columns, colours, average=shown.average, top=floor, bottom=bottom, right=right)
        known = "" if frame.get("liquidation_history") == "complete" else " · only what was seen live"
        title = f"Liquidations, shorts − longs{known}"
        parts.append(text(10, floor + 8, title, fill=colours.muted, size=11))
    every = max(1, len(times) // 6)
    parts.append(text(right + 8, height - 13, "UTC", fill=colours.muted, size=11))
    parts += [
        text(at * _BAR, height - 13, _bar_time(times[at], frame["interval"]), fill=colours.muted, size=11)
        for at in range(every // 2, len(times), every)
    ]
    parts.append(line(0, y_of(last), right, y_of(last), stroke=inks[-1], dash="2 3"))
    parts.append(rect(right + 3, y_of(last) - 9, _AXIS - 8, 18, fill=inks[-1], radius=2))
    parts.append(text(right + 8, y_of(last), price_text(last, frame["price_digits"]), fill=colours.tag, size=11))
    return panel("Candles", note, parts, colours, width=width, height=height)


def _time_axis(times: Sequence[float], length_s: int) -> Callable[[float], float]:
    """Return where a time in ms is; before the first bar and after the last one is the edge."""

    def x_of(ms: float) -> float:
        at = bisect_right(times, ms / 1000) - 1
        if at < 0:
            return 0
        return (at + min(1.0, (ms / 1000 - times[at]) / length_s)) * _BAR

    return x_of


def _lapses(
    lapses: Sequence[Sequence[Any]], x_of: Callable[[float], float], colours: Colours, *, top: float, height: float
) -> list[str]:
    """Shade when the data could not be trusted; one that lasts reaches the newest bar's end."""
    parts: list[str] = []
    for _, start, end, *_ in lapses:
        left, right = x_of(start), x_of(end or float("inf"))
        if right <= 0:
            continue
        across = max(_MIN_WIDTH, right - left)
        parts.append(rect(left, top, across, height, fill=colours.warning, opacity=0.13))
        parts.append(rect(left, top, across, 2, fill=colours.warning, opacity=0.9))
    return parts


def _overlays(
    frame: dict[str, Any], colours: Colours, shown: Shown, count: int, y_of: Callable[[float], float]
) -> tuple[str, str]:
    """Return the lines, computed from all bars of the frame, and a legend of their own colours."""
    first = len(frame["bars"][0]) - count
    length_s = TIMEFRAME_US[frame["interval"]] // 1_000_000
    lines, legend = list[str](), list[str]()
    x = 10.0
    for overlay in overlays_of(shown.overlays, frame["bars"], length_s, colours):
        lines += overlay.paths(first, lambda at: (at - first) * _BAR + 3, y_of)
        label = overlay.legend(frame["price_digits"])
        legend.append(text(x, HEADER + 12, label, fill=overlay.ink, size=11))
        x += 6.2 * len(label) + 14
    return "".join(lines), "".join(legend)


def _prices(
    low: float,
    high: float,
    y_of: Callable[[float], float],
    max_digits: int,
    *,
    log: bool,
    last: float,
    right: float,
    colours: Colours,
) -> list[str]:
    """Draw the grid with its labels, without those that the tag of the last price would cover."""
    ticks, digits = price_ticks(low, high, y_of(low) - y_of(high), max_digits, log=log)
    parts: list[str] = []
    for price in ticks:
        y = y_of(price)
        parts.append(line(0, y, right, y, stroke=colours.line))
        if abs(y - y_of(last)) >= _TAG:
            parts.append(text(right + 8, y, price_text(price, digits), fill=colours.muted, size=11))
    return parts


def _volume(
    volumes: Sequence[float], inks: Sequence[str], colours: Colours, *, floor: float, tallest: float, right: float
) -> list[str]:
    """Draw the traded volume of each bar, with its scale."""
    largest = max(volumes) or 1

    def y_of(size: float) -> float:
        return floor - 2 - size / largest * tallest

    parts = [text(10, floor - tallest, "Volume", fill=colours.muted, size=11)]
    parts += _scale(0, max(volumes), y_of, right, colours)
    for at, (size, ink) in enumerate(zip(volumes, inks, strict=True)):
        parts.append(rect(at * _BAR + 1, y_of(size), _BAR - 2, floor - 2 - y_of(size), fill=ink, opacity=0.35))
    return parts


def _scale(low: float, high: float, y_of: Callable[[float], float], right: float, colours: Colours) -> list[str]:
    """Write the labels of a pane's scale beside it; the lowest value of the one stands beside the other's highest."""
    wanted = max(1, int((y_of(low) - y_of(high)) // _SCALE_GAP))
    ticks, digits = nice_ticks(low, high, wanted) if high > low else ([], 0)
    return [
        text(
            right + 8,
            y_of(value),
            "0" if value == 0 else axis_text(value, digits),
            fill=colours.muted,
            size=11,
        )
        for value in ticks
        if value or low < 0
    ]


def _liquidations(
    columns: Sequence[Sequence[Any]], colours: Colours, *, average: bool, top: float, bottom: float, right: float
) -> list[str]:
    """Draw the net of each bar around zero, and the moving average."""
    _, shorts, longs, averages, _ = columns
    # Bars before the first known bucket have no average.
    known = [(at, value) for at, value in enumerate(averages) if value is not None]
    largest = max([1e-9, *shorts, *longs, *(value for _, value in known if average)])
    zero = (top + bottom) / 2 + 6
    half = (bottom - top) / 2 - 8
    parts: list[str] = []
    for at, (short, long) in enumerate(zip(shorts, longs, strict=True)):
        net = short - long
        reach = abs(net) / largest * half
        if net:
            above = net > 0
            ink = colours.bid if above else colours.ask
            parts.append(rect(at * _BAR + 1, zero - reach if above else zero, _BAR - 2, reach, fill=ink))
    parts.append(line(0, zero, right, zero, stroke=colours.line))
    if largest > 1e-9:
        parts += _scale(-largest, largest, lambda value: zero - value / largest * half, right, colours)
    if average:
        points = [(at * _BAR + 3, zero - value / largest * half) for at, value in known]
        parts.append(path(points, stroke=colours.warning))
    return parts


def _bar_time(seconds: float, interval: str) -> str:
    form = "%d %b %Y" if interval[-1] in "dwM" else "%H:%M"
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
