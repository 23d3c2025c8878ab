"""The sources of market data, one row each: settings, the command line's help and the README follow from them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from orderfox_nb.clock import Clock
from orderfox_nb.config import Settings
from orderfox_nb.core.origin import Origin
from orderfox_nb.errors import BadValue, RecordingError, SettingError
from orderfox_nb.feeds.base import Feed, Prepared
from orderfox_nb.feeds.embedded import EmbeddedFeed
from orderfox_nb.feeds.options import Option, choice, factor, moment, path, signed, suffix, whole
from orderfox_nb.feeds.recorded import RecordedFeed
from orderfox_nb.feeds.remote import RemoteFeed
from orderfox_nb.feeds.venue.feed import VenueFeed
from orderfox_nb.feeds.venues import VENUES, ending_of, protocol_of, simulated_name

MAX_SYMBOLS: Final = 42
MAX_SPREAD_BP: Final = 1_000
MAX_LAG_MS: Final = 5_000
_TAKEN_NAMES: Final = tuple(ending for venue in VENUES if (ending := ending_of(venue)))
"""Endings of a venue's name that say what it speaks."""


class Source(NamedTuple):
    """A source as given: ``sim?seed=7&symbols=24``, ``binance``, ``tape:<file>?speed=20``."""

    text: str
    kind: SourceKind
    target: str
    """What stands behind the colon, of a URL all of it."""
    options: Mapping[str, Any]
    """Every option of the kind with its value."""


class SourceKind(NamedTuple):
    """A kind of source.

    Args:
        name: What its text begins with.
        help: What it is, for a person.
        open: Makes its feed, without any I/O.
        target: What stands behind ``name:``, for a person; ``//…`` where the whole text is a URL.
        options: What may stand behind the ``?``.
        aliases: Other names of the same kind.
    """

    name: str
    help: str
    open: Callable[[Source, Settings, Clock | None], Feed]
    target: str = ""
    options: Sequence[Option] = ()
    aliases: Sequence[str] = ()

    @property
    def form(self) -> str:
        """How it is written, without options."""
        return f"{self.name}:{self.target}" if self.target else self.name


def open_feeds(text: str, settings: Settings, *, clock: Clock | None = None, beside: bool = False) -> Sequence[Feed]:
    """Make the feeds of several sources that are separated by commas, without any I/O towards them.

    Args:
        text: The sources.
        settings: What they need to know.
        clock: Clock of the feeds.
        beside: Whether a large tape is imported once its feed is entered, and not here.

    Raises:
        SettingError: A source that cannot be used; names ORDERFOX_SOURCE.
        MissingExtra: One that needs a library that is not installed.
    """
    return [open_feed(source, settings, clock=clock, beside=beside) for source in split_sources(text)]


def split_sources(text: str) -> Sequence[str]:
    """Return the sources in a text. A comma within a file's name or a URL separates only where a source follows it."""
    sources: list[str] = []
    for part in text.split(","):
        name = part.strip().partition("?")[0].partition(":")[0]
        if sources and ":" in sources[-1] and _kind_of(name) is None:
            sources[-1] += f",{part}"
        else:
            sources.append(part)
    return sources


def _kind_of(name: str) -> SourceKind | None:
    return next((row for row in SOURCES if name in (row.name, *row.aliases)), None)


def open_feed(text: str, settings: Settings, *, clock: Clock | None = None, beside: bool = False) -> Feed:
    """Make the feed of a source as ``open_feeds`` does.

    Raises:
        SettingError: A source that cannot be used; names ORDERFOX_SOURCE.
        MissingExtra: One that needs a library that is not installed.
    """
    source = parse_source(text)
    feed = source.kind.open(source, settings, clock)
    if not isinstance(feed, Prepared) or (beside and feed.takes_long):
        return feed
    try:
        return feed.prepared()
    except (RecordingError, OSError) as error:
        raise _bad(source.text, f"a file that can be imported: {error}") from None


def parse_source(text: str) -> Source:
    """Read the text of a source.

    Raises:
        SettingError: Not a source, or an option that it does not have; names ORDERFOX_SOURCE.
    """
    text = text.strip()
    kind = _kind_of(text.partition("?")[0].partition(":")[0])
    head, query = _split_options(text, kind)
    name, _, target = head.partition(":")
    is_url = kind is not None and kind.target.startswith("//")
    if kind is None or bool(kind.target) != bool(target) or (is_url and not target.startswith("//")):
        names = [row.name for row in SOURCES]
        known = f"one of {', '.join(row.form for row in SOURCES[:-1])} or {SOURCES[-1].form}, with ?options"
        raise _bad(text, known + ("" if name in names else _nearest(name, names)))
    if is_url:
        # The source's text is shown to everybody who sees its data.
        shown = re.sub(r"//[^/?#]*@", "//…@", re.sub(r"[?#].*", "?…", text, flags=re.DOTALL))
        if shown != text:
            expected = "an address without password and options; ORDERFOX_SOURCE_TOKEN is the token for that server"
            raise _bad(shown, expected)
        return Source(text, kind, text, {})
    return Source(text, kind, target, _read_options(text, kind, query))


def _split_options(text: str, kind: SourceKind | None) -> tuple[str, str]:
    """Return a source's text before its options, and the options.

    A file's name may contain a ``?`` too: the options begin at the first ``?`` that the name of an option follows, or
    else a word and ``=``.
    """
    if kind is not None and kind.target and ":" in text.partition("?")[0]:
        names = "|".join(option.name for option in kind.options) or "(?!)"
        found = re.search(rf"\?(?=(?:{names})=)", text) or re.search(r"\?(?=\w+=)", text)
        return (text[: found.start()], text[found.end() :]) if found else (text, "")
    head, _, query = text.partition("?")
    return head, query


def _read_options(text: str, kind: SourceKind, query: str) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(query, strict_parsing=True, keep_blank_values=True) if query else []
    except ValueError:
        pairs = None
    if pairs is None or len(given := dict(pairs)) < len(pairs):
        raise _bad(text, "options as name=value&name=value after the ?, each once")
    names = [option.name for option in kind.options]
    if unknown := given.keys() - set(names):
        known = f"no other options than {', '.join(names)}" if names else "no options"
        raise _bad(text, f"{known} (there is no {min(unknown)})" + _nearest(min(unknown), names))
    values: dict[str, Any] = {}
    for option in kind.options:
        try:
            values[option.name] = option.read(given.get(option.name, option.default))
        except ValueError:
            raise _bad(text, f"{option.name}: {option.expected}") from None
    return values


def _bad(text: str, expected: str) -> SettingError:
    return SettingError("ORDERFOX_SOURCE", text, expected)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


_IMITATED: Final = {protocol_of(venue): venue for venue in VENUES}
"""The venue that a simulation imitates, by protocol and market."""


def _open_simulation(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    market, seed, speed = source.options["market"], source.options["seed"], source.options["speed"]
    protocol = source.options["protocol"]
    if (imitated := _IMITATED.get((protocol, market))) is None:
        raise _bad(source.text, f"market=futures with protocol={protocol}: only binance has the market spot")
    rate, spread_bp, lag_ms = (source.options[name] for name in ("liquidation_rate", "spread_bp", "lag_ms"))
    return EmbeddedFeed(
        [
            *("--protocol", protocol, "--market", market),
            *("--seed", str(seed), "--symbols", str(source.options["symbols"])),
            *("--speed", f"{speed:g}", "--liquidation-rate", f"{rate:g}"),
            *("--spread-bp", f"{spread_bp:g}", "--lag-ms", str(lag_ms)),
        ],
        # Known before the process runs: a page that comes first must not ask for what its market does not have.
        origin=imitated.origin_of(
            Origin(source=source.text, venue=simulated_name(imitated, source.options["name"]), simulated=True)
        ),
        liquidation_url=settings.liquidation_api_base_url,
        clock=clock,
        speed=speed,
        feed=imitated,
        # The same seed is the same market at the same time, in every process. At another speed a server's time begins
        # with its own start, so that each server is a run of its own.
        epoch=_simulated_run(source, ending_of(imitated)) if speed == 1.0 else f"sim-{secrets.token_hex(6)}",
    )


def _simulated_run(source: Source, ending: str) -> str:
    """Name a simulation at the speed of time by what its past follows from."""
    seed, rate, spread_bp = (source.options[name] for name in ("seed", "liquidation_rate", "spread_bp"))
    return f"sim-{seed}-{rate:g}" + (f"-{ending}" if ending else "") + (f"-{spread_bp:g}bp" if spread_bp else "")


def _open_venue(venue: type[VenueFeed], source: Source, settings: Settings, clock: Clock | None) -> Feed:
    http_url, ws_url = settings.addresses_of(venue.NAME)
    return venue(
        http_url=http_url,
        ws_url=ws_url,
        origin=Origin(source=source.text, venue=venue.NAME),
        clock=clock,
        liquidation_url=settings.liquidation_api_base_url if venue.HAS_HISTORY_API else "",
    )


def _open_ccxt(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    # Only this source pays for the import.
    from orderfox_nb.feeds.ccxt.feed import CcxtFeed  # noqa: PLC0415
    from orderfox_nb.feeds.ccxt.loading import exchange_ids  # noqa: PLC0415

    del settings
    known = exchange_ids()
    if source.target not in known:
        raise _bad(source.text, f"the id of one of ccxt's {len(known)} exchanges" + _nearest(source.target, known))
    asked = source.options["type"]
    feed = CcxtFeed(source.target, kind=None if asked == "auto" else asked, source=source.text, clock=clock)
    if not feed.offers_kind:
        raise _bad(source.text, f"type: {source.target} has no {asked} markets")
    return feed


def _open_tape(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    # A server of live data does not pay for the import.
    from orderfox_nb.feeds.imports.pending import ImportingFeed, likely_venue  # noqa: PLC0415

    beside = source.options["liquidations"]
    try:
        paths = [Path(name).expanduser() for name in (source.target, beside) if name]
        there = all(file.is_file() for file in paths)
    except (OSError, RuntimeError, ValueError):
        # A name that the system refuses, or the home of an unknown user.
        there, paths = False, []
    if not there:
        raise _bad(source.text, "an existing file: tape:<file>")
    try:
        venue = likely_venue(paths[0])
    except (RecordingError, OSError) as error:
        raise _bad(source.text, f"a file that can be imported: {error}") from None

    def play(folder: Path) -> Feed:
        return _open_folder(source, folder, clock)

    root = settings.data_dir / "imports"
    return ImportingFeed(paths, root, venue=venue, source=source.text, play=play, clock=clock)


def _open_server(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    # Our own token opens every route of our server, so no other server may receive it.
    ours = bool(settings.server_url) and source.target.rstrip("/") == settings.server_url
    token = settings.server_token if ours else settings.source_token
    return RemoteFeed(source.target, token=token.get_secret_value(), clock=clock)


def _open_recording(source: Source, settings: Settings, clock: Clock | None) -> Feed:
    del settings
    return _open_folder(source, Path(source.target), clock)


def _open_folder(source: Source, folder: Path, clock: Clock | None) -> Feed:
    # A server of live data does not pay for the import.
    from orderfox_nb.recording.recording import open_recording  # noqa: PLC0415

    try:
        recording = open_recording(folder)
        start = source.options["start"]
        start_us = recording.moment_us(start) if start else None
    except (RecordingError, BadValue, OSError) as error:
        raise _bad(source.text, f"the folder of a recording: {error}") from None
    if start_us is not None and not recording.start_us <= start_us < recording.end_us:
        raise _bad(source.text, "a start inside the recording")
    return RecordedFeed(
        recording.files, source=source.text, speed=source.options["speed"], start_us=start_us, clock=clock
    )


SOURCES: Final = (
    SourceKind(
        "sim",
        "the embedded exchange: simulated markets, offline",
        _open_simulation,
        options=(
            whole("seed", 7, "the same seed gives the same market at the same time", low=0, high=2**31 - 1),
            whole("symbols", 24, "number of listed symbols", low=1, high=MAX_SYMBOLS),
            factor("speed", "times real time"),
            factor("liquidation_rate", "times the liquidations of a usual day"),
            choice("market", "which market of Binance it simulates", "futures", "spot"),
            choice(
                "protocol", "venue protocol that it imitates", *dict.fromkeys(protocol for protocol, _ in _IMITATED)
            ),
            suffix("name", "suffix of the venue's name, for a second simulation: sim-b", *_TAKEN_NAMES),
            signed("spread_bp", "basis points added to all prices", highest=MAX_SPREAD_BP),
            whole("lag_ms", 0, "delay of everything that it publishes, milliseconds", low=0, high=MAX_LAG_MS),
        ),
    ),
    *(SourceKind(venue.NAME, venue.HELP, partial(_open_venue, venue)) for venue in VENUES),
    SourceKind(
        "ccxt",
        "any exchange of ccxt, by its id in ccxt: okx, kraken, hyperliquid",
        _open_ccxt,
        target="<id>",
        options=(choice("type", "kind of market; auto: perpetuals if the exchange has them", "auto", "swap", "spot"),),
    ),
    SourceKind(
        "tape",
        "a file of another recorder, imported once and played with its own clock",
        _open_tape,
        target="<file>",
        options=(
            factor("speed", "times real time; max: as fast as it is read", max_word="max"),
            moment("start", "where it starts to play", "beginning"),
            path("liquidations", "a file with liquidations of the same time"),
        ),
    ),
    SourceKind(
        "recording",
        "a recording of OrderFox, played with its own clock",
        _open_recording,
        target="<folder>",
        options=(
            factor("speed", "times real time; max: as fast as it is read", max_word="max"),
            moment("start", "where it starts to play", "beginning"),
        ),
    ),
    SourceKind("http", "another OrderFox server", _open_server, target="//<server>", aliases=("https",)),
)
"""Every kind of source. A new one is one row here."""


def sources_help() -> str:
    """Return the sources and their options as lines of a terminal."""
    lines = ["sources (--source, ORDERFOX_SOURCE), several separated by commas,", "options as ?name=value&name=value:"]
    for kind in SOURCES:
        lines.append(f"  {kind.form:<21} {kind.help}")
        lines += [
            f"    {f'{option.name}={option.default}':<19} {option.help} ({option.expected})" for option in kind.options
        ]
    return "\n".join(lines)
