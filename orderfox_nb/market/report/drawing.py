"""A report's four charts as SVG: price with fills, equity by model, drawdown, position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np

from orderfox_nb.core.formatting import with_minus
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.market.report.columns import Curve, ReportColumns
from orderfox_nb.market.svg.axis import axis_text, nice_ticks
from orderfox_nb.market.svg.pieces import HEADER, Colours, document, group, line, number, panel, path, text

_AXIS: Final = 84.0
_GAP: Final = 10.0
_LABELS_BELOW: Final = 26.0
_MARK: Final = 4.5
_TIME_STEPS_S: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 604_800)


def model_colours(names: Sequence[str], colours: Colours) -> dict[str, str]:
    """Return a colour for each model, the same in every chart."""
    inks = (colours.overlay2, colours.warning, colours.overlay1, colours.overlay3, colours.overlay4)
    return {name: inks[at % len(inks)] for at, name in enumerate(names)}


def report_svg(columns: ReportColumns, instrument: Instrument, colours: Colours, *, width: float = 960) -> str:
    """Draw the charts one below the other, over the same time.

    Args:
        columns: What to draw; they are not empty.
        instrument: For names and digits.
        colours: Colours of the theme.
        width: In pixels.
    """
    inks = model_colours(list(columns.equity), colours)
    span = int(columns.price.time_us[0]), max(int(columns.price.time_us[-1]), int(columns.price.time_us[0]) + 1)
    note = f"{len(columns.buys.time_us):,} buys, {len(columns.sells.time_us):,} sells of {next(iter(inks))}"
    if columns.left_out:
        note += f", {columns.left_out:,} more are not drawn"
    charts = (
        _Chart(
            title="Price and fills",
            note=note.replace("_", " "),
            height=250,
            curves={"": columns.price},
            inks={"": colours.muted},
            digits=instrument.price_digits,
            marks=(columns.buys, columns.sells),
        ),
        _Chart(
            title=f"Equity, {instrument.quote}",
            height=210,
            curves=columns.equity,
            inks=inks,
            band=(columns.low, columns.high),
        ),
        _Chart(title="Drawdown, %", height=140, curves=columns.drawdown, inks=inks, zero=True),
        _Chart(
            title=f"Position, {instrument.base}",
            height=140,
            curves=columns.position,
            inks=inks,
            zero=True,
            digits=instrument.size_digits,
            stepped=True,
        ),
    )
    parts: list[str] = []
    top = 0.0
    for chart in charts:
        parts.append(group(0, top, _drawn(chart, span, colours, width=width)))
        top += chart.height + _GAP
    return document("".join(parts), width=width, height=top - _GAP, title=f"Backtest on {instrument.symbol}")


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """One panel: lines over time, with what else is in it."""

    title: str
    note: str = ""
    height: float
    curves: Mapping[str, Curve]
    inks: Mapping[str, str]
    digits: int = 8
    """After the point, of its values at most."""
    zero: bool = False
    """Whether zero is always on the axis."""
    stepped: bool = False
    """Whether a value holds until the next one."""
    band: tuple[Curve, Curve] | None = None
    marks: tuple[Curve, Curve] | None = None
    """Buys and sells."""


@dataclass(frozen=True)
class _Plane:
    """From time and value to pixels."""

    span: tuple[int, int]
    low: float
    high: float
    top: float
    bottom: float
    right: float

    def x(self, time_us: float) -> float:
        return 12 + (time_us - self.span[0]) / (self.span[1] - self.span[0]) * (self.right - 20)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def points(self, curve: Curve, *, stepped: bool = False) -> list[tuple[float, float]]:
        points = [(self.x(time), self.y(value)) for time, value in zip(curve.time_us, curve.value, strict=True)]
        if not stepped or not points:
            return points
        corners = [(after[0], before[1]) for before, after in pairwise(points)]
        return [point for pair in zip(points, [*corners, points[-1]], strict=True) for point in pair]


def _drawn(chart: _Chart, span: tuple[int, int], colours: Colours, *, width: float) -> str:
    low, high = _range([*chart.curves.values(), *(chart.marks or ())], zero=chart.zero)
    plane = _Plane(span, low, high, HEADER + 12, chart.height - _LABELS_BELOW, width - _AXIS)
    parts = _value_axis(plane, chart.digits, colours)
    parts += _time_axis(plane, chart.height, colours)
    if chart.zero and low < 0 < high:
        parts.append(line(12, plane.y(0), plane.right - 8, plane.y(0), stroke=colours.muted, dash="2 3"))
    if chart.band:
        edge = plane.points(chart.band[0]) + plane.points(chart.band[1])[::-1]
        parts.append(path(edge, stroke="none", fill=next(iter(chart.inks.values())), opacity=0.18))
    for name, curve in chart.curves.items():
        parts.append(path(plane.points(curve, stepped=chart.stepped), stroke=chart.inks[name]))
    if chart.marks:
        parts += _marks(chart.marks[0], plane, colours.bid, up=True)
        parts += _marks(chart.marks[1], plane, colours.ask, up=False)
    legend = _legend(chart.inks, width, colours) if any(chart.curves) else []
    return panel(chart.title, chart.note, [*parts, *legend], colours, width=width, height=chart.height)


def _range(curves: Sequence[Curve], *, zero: bool) -> tuple[float, float]:
    values = np.concatenate([curve.value for curve in curves])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    # A line that never moves still needs a height.
    margin = (high - low) * 0.06 or max(abs(high) * 1e-4, 1e-6)
    return low - margin, high + margin


def _value_axis(plane: _Plane, max_digits: int, colours: Colours) -> list[str]:
    wanted = max(2, round((plane.bottom - plane.top) / 24))
    ticks, digits = nice_ticks(plane.low, plane.high, wanted, max_digits)
    parts: list[str] = []
    for tick in ticks:
        label = with_minus(f"{tick:,.{digits}f}") if abs(tick) < 1e9 else axis_text(tick, digits)
        parts.append(line(12, plane.y(tick), plane.right - 8, plane.y(tick), stroke=colours.line))
        parts.append(text(plane.right, plane.y(tick), label, fill=colours.muted, size=11))
    return parts


def _time_axis(plane: _Plane, height: float, colours: Colours) -> list[str]:
    start_us, end_us = plane.span
    seconds = (end_us - start_us) / 1e6
    step_s = next((step for step in _TIME_STEPS_S if seconds / step <= 8), max(604_800, int(seconds / 8)))
    form = "%Y-%m-%d" if step_s >= 86_400 else "%m-%d %H:%M" if seconds > 86_400 else "%H:%M:%S"
    parts: list[str] = []
    for at in range(-(-start_us // (step_s * 1_000_000)) * step_s, end_us // 1_000_000 + 1, step_s):
        x = plane.x(at * 1e6)
        # A label further left would be cut.
        if x > 40:
            label = datetime.fromtimestamp(at, UTC).strftime(form)
            parts.append(text(x, height - 12, label, fill=colours.muted, size=11, anchor="middle"))
    return parts


def _marks(curve: Curve, plane: _Plane, ink: str, *, up: bool) -> list[str]:
    """Draw a triangle for each fill, its tip at the price."""
    base = _MARK * 1.7 if up else -_MARK * 1.7
    steps = "".join(
        f"M{number(plane.x(time))} {number(plane.y(price))}l{number(-_MARK)} {number(base)}h{number(2 * _MARK)}z"
        for time, price in zip(curve.time_us, curve.value, strict=True)
    )
    return [f'<path d="{steps}" fill="{ink}" fill-opacity="0.85"/>'] if steps else []


def _legend(inks: Mapping[str, str], width: float, colours: Colours) -> list[str]:
    parts: list[str] = []
    x = width - 12.0
    for name, ink in reversed(list(inks.items())):
        label = name.replace("_", " ")
        parts.append(text(x, HEADER / 2, label, fill=colours.muted, size=11, anchor="end"))
        x -= len(label) * 6.2 + 8
        parts.append(line(x - 14, HEADER / 2, x, HEADER / 2, stroke=ink))
        x -= 26
    return parts
