"""A report as one HTML file: no script, no style sheet, no image and no font from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from orderfox_nb.bots.results.round_trips import RoundTrip
from orderfox_nb.core.formatting import with_minus
from orderfox_nb.market.backtest.result import BacktestResult
from orderfox_nb.market.report.columns import columns_of
from orderfox_nb.market.report.drawing import report_svg
from orderfox_nb.market.report.themes import AUTO, report_colours, theme_css
from orderfox_nb.market.svg.pieces import Colours

MAX_TRADES: Final = 500
"""Rows of the list of trades, the newest."""


def report_html(result: BacktestResult, *, theme: str = AUTO, trades: bool = True) -> str:
    """Return the report as part of a page: title, figures, charts, notes.

    Args:
        result: The backtest.
        theme: ``auto`` follows the page that shows it, otherwise ``dark`` or ``light``.
        trades: Whether to add the list of trades.

    Raises:
        ValueError: There is no such theme.
    """
    colours = report_colours(theme)
    columns = columns_of(result)
    charts = "" if columns.empty else report_svg(columns, result.instrument, colours)
    start, end = (datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S") for us in _span(result))
    given = ", ".join(f"{name} = {value}" for name, value in result.parameters.items()) or "no parameters"
    source = f"{given} · {result.origin.venue} · {start} to {end} UTC · {result.events:,} events"
    # What a bot did on a server has no recording of its own, and only its code is named.
    digests = {"Data": result.data_digest, "code": result.code_digest, "result": result.digest}
    parts = [
        f"<h2>{escape(result.strategy)} on {escape(result.instrument.symbol)}</h2>",
        f"<p>{escape(result.description)}</p>" if result.description else "",
        f"<p class=q>{escape(source)}</p>",
        f"<p class=b>Profit {escape(with_minus(result.band_text))}</p>",
        _table(["", *(run.model.replace("_", " ") for run in result.runs)],
               [[name, *map(with_minus, values)] for name, values in result.summary()]),
        charts,
        "".join(f"<p class=n>{escape(note)}</p>" for note in result.notes),
        _trades(result) if trades else "",
        f"<p class=q>{' · '.join(f'{name} {digest}' for name, digest in digests.items() if digest)}</p>",
    ]  # fmt: skip
    return f'<div class="of-report"><style>{theme_css(theme)}{_style(colours)}</style>{"".join(parts)}</div>'


def page_html(*results: BacktestResult, theme: str = AUTO) -> str:
    """Return a whole file with one report or several, one below the other; see ``report_html``."""
    colours = report_colours(theme)
    title = escape(", ".join(f"{result.strategy} on {result.instrument.symbol}" for result in results[:3]))
    reports = "".join(report_html(result, theme=theme) for result in results)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><style>body{{margin:0;background:{colours.background}}}'
        ".of-report{max-width:960px;margin:0 auto;padding:16px}</style></head>"
        f'<body class="of-report-page"><main>{reports}</main></body></html>'
    )  # fmt: skip


def _span(result: BacktestResult) -> tuple[int, int]:
    times = result.runs[0].curve.time_us
    return (int(times[0]), int(times[-1])) if len(times) else (result.start_us, result.end_us)


def _trades(result: BacktestResult) -> str:
    parts: list[str] = []
    for run in result.runs:
        shown = list(run.trips)[-MAX_TRADES:]
        count = (
            f"{len(run.trips):,}" if len(shown) == len(run.trips) else f"the last {len(shown)} of {len(run.trips):,}"
        )
        head = ["opened", "side", "size", "entry", "exit", "held", "fees", "profit"]
        rows = [_trade(trip, result) for trip in shown]
        name = escape(run.model.replace("_", " "))
        parts.append(f"<details><summary>Trades, {name}: {count}</summary>{_table(head, rows)}</details>")
    return "".join(parts)


def _trade(trip: RoundTrip, result: BacktestResult) -> list[str]:
    instrument = result.instrument
    leave = trip.exit(instrument)
    digits = instrument.price_digits
    held = f"{(trip.closed_us - trip.opened_us) / 1e6:,.1f} s" if trip.closed_us else "open"
    return [
        datetime.fromtimestamp(trip.opened_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        trip.side + (", liquidated" if trip.liquidated else ""),
        f"{instrument.size(trip.lots):,.{instrument.size_digits}f}",
        f"{trip.entry(instrument):,.{digits}f}",
        "–" if leave is None else f"{leave:,.{digits}f}",
        held,
        with_minus(f"{trip.fees:,.4f}"),
        with_minus(f"{trip.profit:,.4f}"),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _style(colours: Colours) -> str:
    return (
        f".of-report{{background:{colours.background};color:{colours.text};padding:12px;"
        "font:13px/1.5 Inter,system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
        "font-variant-numeric:tabular-nums}.of-report h2{margin:0 0 4px;font-size:18px}.of-report p{margin:4px 0}"
        f".of-report .q{{color:{colours.muted};overflow-wrap:anywhere}}.of-report .b{{font-size:16px;font-weight:650}}"
        f".of-report .n{{color:{colours.warning}}}"
        ".of-report svg{display:block;width:100%;height:auto;margin:12px 0}.of-report summary{cursor:pointer}"
        ".of-report table{border-collapse:collapse;margin:8px 0;color:inherit}"
        ".of-report th,.of-report td{padding:2px 12px;text-align:right;white-space:nowrap;background:none}"
        ".of-report td:first-child,.of-report th:first-child{text-align:left}"
        # Jupyter stripes the rows of every table.
        ".of-report tbody tr{background:none!important}"
        f".of-report tr{{border-bottom:1px solid {colours.line}}}.of-report thead{{color:{colours.muted}}}"
    )
