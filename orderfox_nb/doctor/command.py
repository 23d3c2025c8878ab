"""Run all checks and print what they found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orderfox_nb import __version__
from orderfox_nb.config import Settings
from orderfox_nb.doctor.installation import check_installation
from orderfox_nb.doctor.report import Check, Diagnosis, State, VenueCheck
from orderfox_nb.doctor.venues import check_venue
from orderfox_nb.feeds.base import Feed
from orderfox_nb.feeds.sources import open_feeds

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "note": ("–", "dim"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
}


def diagnose(settings: Settings, *, timeout_s: float, done: Callable[[VenueCheck], object] = bool) -> Diagnosis:
    """Check installation and venues; the venues are asked at the same time.

    Args:
        settings: Settings with the source to check.
        timeout_s: For each venue.
        done: Called with each venue that has answered.

    Raises:
        SettingError: A source that cannot be used.
    """
    feeds = open_feeds(settings.source, settings, beside=True)

    async def ask(feed: Feed) -> VenueCheck:
        found = await check_venue(feed, timeout_s=timeout_s)
        done(found)
        return found

    async def ask_all() -> list[VenueCheck]:
        return await asyncio.gather(*(ask(feed) for feed in feeds))

    return Diagnosis(
        version=__version__,
        source=settings.source,
        installation=check_installation(settings),
        venues=asyncio.run(ask_all()),
    )


def run_doctor(settings: Settings, *, as_json: bool, timeout_s: float) -> int:
    """Print a diagnosis.

    Returns:
        Exit code: 1 if something does not work.
    """
    if as_json:
        diagnosis = diagnose(settings, timeout_s=timeout_s)
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(diagnosis)).decode() + "\n")
        return int(diagnosis.failed)
    console = Console()
    with console.status("Asking the venues …") as status:
        answered: list[str] = []

        def done(check: VenueCheck) -> None:
            answered.append(check.venue)
            status.update(f"Asking the venues … {', '.join(answered)} answered")

        diagnosis = diagnose(settings, timeout_s=timeout_s, done=done)
    show_diagnosis(diagnosis, console)
    return int(diagnosis.failed)


def show_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print a diagnosis as two tables with what to do below each row."""
    table = Table(title="Installation", title_justify="left", box=None, show_header=False, pad_edge=False)
    for check in diagnosis.installation:
        table.add_row(_mark(check), check.name, _with_advice(check.found, check.advice))
    console.print(table)
    console.print()
    table = Table(title=f"Venues of {diagnosis.source}", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("venue", no_wrap=True, min_width=max(len(venue.venue) for venue in diagnosis.venues))
    table.add_column("reachable")
    for title in ("symbols", "latency", "clock", "first book"):
        table.add_column(title, justify="right")
    table.add_column("absent")
    table.add_column("unverified")
    for venue in diagnosis.venues:
        table.add_row(
            _mark(venue),
            venue.venue,
            "blocked" if venue.blocked else "yes" if venue.reachable else "no",
            "" if venue.symbols is None else str(venue.symbols),
            _ms(venue.latency_ms),
            _ms(venue.clock_offset_ms, sign=True),
            _ms(venue.stream_ms),
            ", ".join(venue.absent) or ("nothing" if venue.reachable else ""),
            ", ".join(venue.unverified),
        )
    console.print(table)
    for venue in diagnosis.venues:
        if venue.problem:
            console.print()
            problem = venue.problem.removeprefix(f"{venue.venue}: ")
            console.print(_mark(venue), Text(f"{venue.venue}: {problem}"))
            if venue.advice and venue.advice not in venue.problem:
                console.print(Text(f"  {venue.advice}", style="bold"))


def _mark(check: Check | VenueCheck) -> Text:
    mark, style = _MARKS[check.state]
    return Text(mark, style=style)


def _with_advice(found: str, advice: str) -> Text:
    return Text(found) if not advice else Text.assemble(found, "\n", (advice, "bold"))


def _ms(value: float | None, *, sign: bool = False) -> str:
    return "" if value is None else f"{value:+,.0f} ms" if sign else f"{value:,.0f} ms"
