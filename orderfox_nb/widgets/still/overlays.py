"""Overlay lines of a still, the same as ``candle_lines.js`` computes them on the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from orderfox_nb.market.svg.pieces import Colours, path, price_text

_NAME: Final = re.compile(r"(vwap|ema|bollinger)([0-9]*)")
_DAY_S: Final = 86_400

Values = Sequence[float]


@dataclass(frozen=True)
class Overlay:
    """Lines over the bars, NaN if there is none: one, or a middle with its two sides."""

    title: str
    ink: str
    lines: tuple[list[float], ...]
    begins: frozenset[int] = frozenset()
    """Bars at which a line starts again."""

    def legend(self, digits: int) -> str:
        """Return what it is at the newest bar."""
        first, *sides = (line[-1] for line in self.lines)
        if not math.isfinite(first):
            return f"{self.title} –"
        around = f" ({price_text(sides[1], digits)} – {price_text(sides[0], digits)})" if sides else ""
        return f"{self.title} {price_text(first, digits)}{around}"

    def paths(self, first: int, x_of: Callable[[int], float], y_of: Callable[[float], float]) -> list[str]:
        """Draw the lines from a bar on."""
        drawn: list[str] = []
        for line in self.lines:
            points: list[tuple[float, float]] = []
            for at in range(first, len(line)):
                if points and (at in self.begins or not math.isfinite(line[at])):
                    drawn.append(path(points, stroke=self.ink))
                    points = []
                if math.isfinite(line[at]):
                    points.append((x_of(at), y_of(line[at])))
            if points:
                drawn.append(path(points, stroke=self.ink))
        return drawn


def overlays_of(names: Sequence[str], bars: Sequence[Values], length_s: int, colours: Colours) -> list[Overlay]:
    """Return the overlays of a ``candles`` frame's bars, of which there is one at least.

    Args:
        names: As ``CandleChart.overlays`` has them.
        bars: Columns: open time in seconds, open, high, low, close, volume.
        length_s: Length of a bar.
        colours: Colours of the still.
    """
    found: list[Overlay] = []
    averages = 0
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        kind, length = match[1], int(match[2] or 0)
        if kind == "vwap":
            found.append(_vwap(bars, length_s, colours.overlay1))
        elif kind == "ema":
            ink = colours.overlay3 if averages % 2 else colours.overlay2
            averages += 1
            found.append(Overlay(f"EMA {length}", ink, (_ema(bars[4], length),)))
        else:
            found.append(Overlay(f"BB {length}", colours.overlay4, _bollinger(bars[4], length)))
    return found


def _ema(values: Values, length: int) -> list[float]:
    average, line = values[0], list[float]()
    for at, value in enumerate(values):
        average += (value - average) * 2 / (length + 1)
        line.append(average if at + 1 >= length else math.nan)
    return line


def _bollinger(values: Values, length: int) -> tuple[list[float], list[float], list[float]]:
    middle, upper, lower = list[float](), list[float](), list[float]()
    for end in range(1, len(values) + 1):
        window = values[max(0, end - length) : end]
        mean = math.fsum(window) / length if end >= length else math.nan
        width = 2 * math.sqrt(math.fsum((value - mean) ** 2 for value in window) / length)
        middle.append(mean)
        upper.append(mean + width)
        lower.append(mean - width)
    return middle, upper, lower


def _vwap(bars: Sequence[Values], length_s: int, ink: str) -> Overlay:
    times, _, highs, lows, closes, volumes = bars
    anchor, money, volume = math.nan, 0.0, 0.0
    line, begins = list[float](), set[int]()
    for at, time in enumerate(times):
        start = _anchor(time, length_s)
        if start != anchor:
            anchor, money, volume = start, 0.0, 0.0
            begins.add(at)
        money += (highs[at] + lows[at] + closes[at]) / 3 * volumes[at]
        volume += volumes[at]
        line.append(money / volume if volume > 0 else math.nan)
    # Bars that begin within a day do not know what was before.
    whole = times[0] <= _anchor(times[-1], length_s)
    at = datetime.fromtimestamp(times[0], UTC)
    since = f"{at:%b} {at.day}, {at.year}" if length_s >= _DAY_S else f"{at:%b} {at.day} {at:%H:%M} UTC"
    title = "VWAP" if whole else f"VWAP since {since}"
    return Overlay(title, ink, (line,), frozenset(begins))


def _anchor(time_s: float, length_s: int) -> float:
    if length_s < _DAY_S / 2:
        return time_s - time_s % _DAY_S
    at = datetime.fromtimestamp(time_s, UTC)
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
