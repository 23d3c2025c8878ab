"""Records topics of a feed into a folder until a time has passed: what ``orderfox record`` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from orderfox_nb import __version__
from orderfox_nb.clock import SystemClock
from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import Topic
from orderfox_nb.core.symbols import is_venue_name, resolve_symbol
from orderfox_nb.desk.catalogue import by_volume
from orderfox_nb.desk.hub import Hub
from orderfox_nb.desk.recorder import Recorder
from orderfox_nb.errors import BadValue, OrderFoxError, RecordingError
from orderfox_nb.feeds.base import Feed, SeveralVenues
from orderfox_nb.views.contract import RecordingHealth

_UNBOUNDED_BYTES = 1 << 60
_UNBOUNDED_S = 1e9
_POLL_S = 1.0


async def record_all(
    feeds: Sequence[Feed],
    folder: Path,
    *,
    symbols: Sequence[str],
    channels: Sequence[str],
    interval: str = "1m",
    duration_s: float | None = None,
    report: Callable[[str, RecordingHealth, float], None] = lambda _venue, _status, _elapsed_s: None,
) -> None:
    """Record several venues at once, each into a recording of its own; the first failure ends all.

    Args:
        feeds: One a venue; a server stands for all of its venues.
        folder: Where the recordings' folders are made.
        symbols: Symbols in any usual form, at every venue or at one: ``binance-spot:BTCUSDT``.
        channels: As for ``record``.
        interval: As for ``record``.
        duration_s: As for ``record``.
        report: As for ``record``, with the venue before the status.

    Raises:
        BadValue: A symbol of no such venue, or a venue without any symbol; also as ``record``.
        OrderFoxError: As ``record``.
    """
    named: list[Feed] = []
    for feed in feeds:
        if isinstance(feed, SeveralVenues):
            named += await feed.venues(taken=[one.venue for one in named])
        else:
            named.append(feed)
    venues = [feed.venue for feed in named]
    wanted: dict[str, list[str]] = {venue: [] for venue in venues}
    for symbol in symbols:
        # A unified name such as BTC/USDT:USDT has a colon, too.
        venue, colon, name = symbol.partition(":")
        prefixed = bool(colon) and is_venue_name(venue)
        if prefixed and venue not in wanted:
            raise BadValue("venue", venue, "one of " + ", ".join(venues))
        for one in [venue] if prefixed else venues:
            wanted[one].append(name if prefixed else symbol)
    if unused := [venue for venue in venues if not wanted[venue]]:
        raise BadValue("symbols", ",".join(symbols), f"at least one symbol of {unused[0]}")
    try:
        async with asyncio.TaskGroup() as group:
            for feed in named:
                group.create_task(
                    record(
                        feed,
                        folder,
                        symbols=wanted[feed.venue],
                        channels=channels,
                        interval=interval,
                        duration_s=duration_s,
                        report=partial(report, feed.venue),
                    )
                )
    except* OrderFoxError as errors:
        raise errors.exceptions[0] from None


async def record(
    feed: Feed,
    folder: Path,
    *,
    symbols: Sequence[str],
    channels: Sequence[str],
    interval: str = "1m",
    duration_s: float | None = None,
    report: Callable[[RecordingHealth, float], None] = lambda _status, _elapsed_s: None,
) -> Path:
    """Record topics and return the folder of the recording.

    Args:
        feed: Where the data comes from.
        folder: Where the recording's folder is made.
        symbols: Symbols in any usual form.
        channels: Names of channels; those that the venue's market lacks are left out.
        interval: Interval of the candles.
        duration_s: When to stop; None for never.
        report: Called once a second with the recorder's status and the seconds since the start.

    Raises:
        BadValue: No such channel.
        UnknownSymbol: The venue does not list a symbol; carries suggestions.
        FeedError: The venue cannot be asked.
        RecordingError: The folder cannot be written.
    """
    for channel in channels:
        if channel not in CHANNELS:
            raise BadValue("channel", channel, "one of " + ", ".join(CHANNELS))
    clock = SystemClock()
    recorder = Recorder(
        folder,
        clock,
        now_us=lambda: hub.now_us(),  # noqa: PLW0108 - made below
        origin=lambda: feed.origin,
        max_bytes=_UNBOUNDED_BYTES,
        max_age_s=_UNBOUNDED_S,
        software=f"orderfox_nb {__version__}",
    )
    hub = Hub(feed, clock=clock, opened=recorder.opened, closed=recorder.closed)
    async with hub, AsyncExitStack() as stack:
        stack.push_async_callback(recorder.close)
        listed = [row.instrument for row in by_volume(await hub.listings())]
        ids, names = [each.symbol for each in listed], [each.unified for each in listed]
        for symbol in dict.fromkeys(resolve_symbol(text, ids, names) for text in symbols):
            for channel in channels:
                if channel in feed.origin.absent:
                    continue
                spec = CHANNELS[channel]
                topic = Topic(hub.venue, symbol, channel, interval if spec.needs_interval else "")
                await stack.enter_async_context(hub.watch(topic))
        start_s = asyncio.get_running_loop().time()
        written = folder
        while duration_s is None or asyncio.get_running_loop().time() - start_s < duration_s:
            left_s = _POLL_S if duration_s is None else duration_s - (asyncio.get_running_loop().time() - start_s)
            await asyncio.sleep(max(0.0, min(_POLL_S, left_s)))
            status = recorder.status()
            if status.state == "stopped":
                raise RecordingError(folder, f"a folder that can be written: {status.problem}")
            if status.recording:
                written = folder / status.recording
            report(status, asyncio.get_running_loop().time() - start_s)
    return written
