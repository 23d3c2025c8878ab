"""Which feed a source means."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from orderfox_nb.clock import Clock
from orderfox_nb.config import Settings, Source
from orderfox_nb.errors import SettingError
from orderfox_nb.feeds.base import Feed, Origin
from orderfox_nb.feeds.binance.feed import BinanceFeed
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.remote import RemoteFeed

MAX_SYMBOLS: Final = 42


def open_feed(source: Source | str, settings: Settings, *, clock: Clock | None = None) -> Feed:
    """Make the feed of a source, without any I/O towards it.

    Raises:
        SettingError: A source that cannot be used; names ORDERFOX_SOURCE.
    """
    if isinstance(source, str):
        source = Source.parse(source)
    match source.kind:
        case "sim":
            return _simulation(source, settings, clock)
        case "tape":
            return _tape(source, settings, clock)
        case "binance":
            source.check()
            return BinanceFeed(
                http_url=settings.binance_api_base_url,
                ws_url=settings.binance_ws_base_url,
                origin=Origin(source=source.text, venue="binance"),
                clock=clock,
                liquidation_url=settings.liquidation_api_base_url,
            )
        case _:  # another server's URL: Source.parse knows no further kind
            return RemoteFeed(source.target, token=_token(source.target, settings), clock=clock)


def _token(url: str, settings: Settings) -> str:
    """Choose what a server is told: our own token opens every route of ours, so that no other one may learn it."""
    ours = bool(settings.server_url) and url.rstrip("/") == settings.server_url
    return (settings.server_token if ours else settings.source_token).get_secret_value()


def _simulation(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    source.check("seed", "symbols", "speed", "liquidation_rate")
    seed = source.integer("seed", 7, low=0, high=2**31 - 1)
    symbols = source.integer("symbols", 24, low=1, high=MAX_SYMBOLS)
    speed = source.speed()
    rate = source.factor("liquidation_rate")
    if speed == float("inf"):
        raise SettingError("ORDERFOX_SOURCE", source.text, "speed above 0 up to 1000: only a tape has a speed of max")
    return EmbeddedFeed(
        [
            *("--seed", str(seed), "--symbols", str(symbols)),
            *("--speed", f"{speed:g}", "--liquidation-rate", f"{rate:g}"),
        ],
        origin=Origin(source=source.text, venue="sim", simulated=True),
        liquidation_url=settings.liquidation_api_base_url,
        clock=clock,
        speed=speed,
        # The same seed is the same market at the same time, in every process. At another speed a server's time begins
        # with its own start, so that each server is a run of its own.
        epoch=f"sim-{seed}-{rate:g}" if speed == 1.0 else f"sim-{secrets.token_hex(6)}",
    )


def _tape(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    source.check("speed")
    path = Path(source.target)
    try:
        path = path.expanduser()
        there = path.is_file()
    except (OSError, RuntimeError):
        # A name that the system does not take, or the home of a user whom it does not know.
        there = False
    if not there:
        raise SettingError("ORDERFOX_SOURCE", source.text, "a tape that is there: tape:<file>")
    speed = source.speed()
    return EmbeddedFeed(
        ["--tape", str(path), "--speed", "max" if speed == float("inf") else f"{speed:g}"],
        origin=Origin(source=source.text, venue="tape", recorded=True),
        liquidation_url=settings.liquidation_api_base_url,
        clock_every_s=1.0,
        speed=speed,
        clock=clock,
    )
