"""The symbols of a venue: loads are shared, kept for 300 s, and there is always a list.

If the venue cannot be reached, the last known list (kept on disk) is used, else a short built-in one that is marked as
demo; both are retried soon, until the venue's own list arrives.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

import msgspec

from orderfox_nb.clock import Clock, SystemClock
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.quality import QualityState, QualityView
from orderfox_nb.core.symbols import canonical, resolve_symbol, rounding_options
from orderfox_nb.desk.demo_symbols import demo_listings
from orderfox_nb.desk.watched import Watchers
from orderfox_nb.errors import FeedError, UnknownSymbol, VenueUnreachable
from orderfox_nb.feeds.base import ExplainsUnlisted, Feed, Listing, ReportsMissingFigures
from orderfox_nb.views.contract import CacheStats

_log = logging.getLogger(__name__)

TTL_S: Final = 300
RELOAD_S: Final = 2
MAX_GONE: Final = 200
MAX_SYMBOLS: Final = 5_000
"""Rows of a list; no venue has as many."""
RETRY_S: Final = 10
"""Retry interval while the list is not the venue's own."""

_decode_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_row = msgspec.json.Decoder(Listing).decode


class Catalogue(Watchers):
    """The venue's symbols by 24 h volume; refreshed while they are watched.

    Args:
        feed: Source of the list.
        path: Where the last known list is kept; None keeps none.
        clock: Measures ages.
    """

    def __init__(self, feed: Feed, path: Path | None = None, clock: Clock | None = None) -> None:
        super().__init__()
        self.error: BaseException | None = None
        """None: there is always a list."""
        self._feed = feed
        self._path = path
        self._clock = clock or SystemClock()
        self._rows: Sequence[Listing] = ()
        self._by_symbol: dict[str, Listing] = {}
        self._by_name: dict[str, Listing] = {}
        """By the unified name, in capitals."""
        self._gone: dict[str, Listing] = {}
        """Those of earlier lists, which may still be looked at."""
        self._source: Literal["none", "venue", "disk", "demo"] = "none"
        self._loaded_us = 0
        self._fetched_us = 0
        self._tried_us = 0
        self._load: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._figured = False
        """Whether the list came with all figures that the venue has; one that lacks some is requested again soon."""
        self._lists_without = 0
        """How many in a row lacked some."""
        self._cut = False
        """Whether the last list was longer than ``MAX_SYMBOLS``."""
        self._calls = 0
        self._failures = 0
        self._hits = 0
        self.version = 0
        """Counts lists."""
        self.problem = ""
        """Why the list is not the venue's present one, empty when it is."""

    @property
    def demo(self) -> bool:
        """Whether the list is the built-in one."""
        return self._source == "demo"

    @property
    def known(self) -> Sequence[Listing]:
        """The list as it stands, empty before the first load; sends no request."""
        return self._rows

    @property
    def calls(self) -> int:
        """How many times the list was requested."""
        return self._calls

    @property
    def quality(self) -> QualityView:
        """How far the list can be trusted: built in, an older one, or the venue's own; since when it is the list."""
        state = QualityState.DOWN if self.demo else QualityState.STALE if self.problem else QualityState.LIVE
        return QualityView(state.value, "complete", self._fetched_us // 1000)

    def listing(self, symbol: str) -> Listing | None:
        """Return what is known of a canonical symbol; sends no request."""
        return self._by_symbol.get(symbol)

    async def rows(self) -> Sequence[Listing]:
        """Return the listings by 24 h volume, largest first; they are at most 300 s old when the venue answers."""
        if self._fresh():
            self._hits += 1
        else:
            await self._loaded()
        return self._rows

    async def refresh(self) -> Sequence[Listing]:
        """Ask the venue now, whatever the age.

        Raises:
            FeedError: It did not answer; the old list stays.
        """
        await self._loaded()
        if self._source != "venue" or self.problem:
            raise VenueUnreachable(self._feed.venue, self.problem or "the symbol list could not be loaded")
        return self._rows

    async def resolve(self, text: str) -> Listing:
        """Return the listing of a symbol in any form that ``resolve_symbol`` knows: ``btc``, ``BTC/USDT:USDT``.

        Raises:
            UnknownSymbol: Not listed; carries suggestions.
            VenueUnreachable: Not in a list that is not the venue's present one.
        """
        listing = self._named(text)
        if listing is not None:
            # A known symbol is answered at once, without waiting for a reload.
            if not self._fresh():
                self._start()
            return listing
        await self.rows()
        try:
            names = [row.instrument.unified for row in self._rows]
            return self._by_symbol[resolve_symbol(text, [row.instrument.symbol for row in self._rows], names)]
        except UnknownSymbol as unknown:
            if self.problem:
                # An older list may not know it yet.
                raise VenueUnreachable(self._feed.venue, self.problem) from None
            symbol = canonical(text)
            if (reason := self._why_unlisted(symbol)) and (gone := self._gone.get(symbol)) is not None:
                # Existing readers keep the delisted symbol, and see the reason.
                return gone
            raise UnknownSymbol(unknown.symbol, unknown.suggestions, reason=reason) from None

    def _named(self, text: str) -> Listing | None:
        """Return the listing of a symbol in its usual forms."""
        found = self.listing(text) or self._by_name.get(text.upper())
        # A name that says how it is settled is not another contract.
        return found if found is not None or ":" in text else self.listing(canonical(text))

    def _why_unlisted(self, symbol: str) -> str:
        return self._feed.why_unlisted(symbol) if isinstance(self._feed, ExplainsUnlisted) else ""

    async def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a canonical symbol.

        Raises:
            UnknownSymbol: Not listed.
            VenueUnreachable: Not in a list that is not the venue's own.
        """
        listing = self._by_symbol.get(symbol)
        return (listing or await self.resolve(symbol)).instrument

    async def reload(self, symbol: str) -> Instrument:
        """Load the list now and return the instrument of a canonical symbol; loads follow each other after 2 s.

        Raises:
            UnknownSymbol: No longer listed.
            VenueUnreachable: The venue did not answer.
        """
        wait_s = RELOAD_S - (self._clock.now_us() - self._tried_us) / 1e6
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        await self.refresh()
        return await self.instrument(symbol)

    def record(self, symbol: str) -> Instrument | None:
        """Return the instrument of a canonical symbol; sends no request."""
        listing = self._by_symbol.get(symbol)
        return None if listing is None else listing.instrument

    async def keep_fresh(self) -> None:
        """Load the list again where it is too old."""
        await self.rows()

    def rounding_options(self, instrument: Instrument) -> Sequence[Decimal]:
        """Return the roundings of a known symbol by its last price, in the ticks that its book is counted by."""
        return rounding_options(instrument.tick_size, self.last_price(instrument.symbol))

    def last_price(self, symbol: str) -> float | None:
        """Return the last price of a symbol, None if it is unknown."""
        listing = self._by_symbol.get(symbol) or self._gone.get(symbol)
        return None if listing is None or listing.ticker is None else listing.ticker.last

    def stats(self) -> CacheStats:
        """Return counts, ages and exchange calls."""
        age_s = (self._clock.now_us() - self._loaded_us) / 1e6 if self._loaded_us else None
        return CacheStats(
            symbols=len(self._rows),
            source=self._source,
            demo=self.demo,
            age_seconds=None if age_s is None else round(age_s, 3),
            ttl_seconds=TTL_S,
            expires_in_seconds=None if age_s is None else round(max(0.0, TTL_S - age_s), 3),
            exchange_calls=self._calls,
            failures=self._failures,
            cache_hits=self._hits,
            problem=self.problem,
        )

    def watch(self, changed: Callable[[], None]) -> None:
        super().watch(changed)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_fresh(), name="symbol list kept fresh")

    def unwatch(self, changed: Callable[[], None]) -> None:
        super().unwatch(changed)
        if not self._watchers and self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None

    async def close(self) -> None:
        """Cancel a running load."""
        tasks = {task for task in (self._load, self._keeper) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep_fresh(self) -> None:
        while True:
            await self.rows()
            await self._clock.sleep(RETRY_S)

    def _fresh(self) -> bool:
        now_us = self._clock.now_us()
        if self._source == "venue" and not self.problem and self._figured:
            return now_us - self._loaded_us < TTL_S * 1e6
        # Figures that are missing temporarily come with the next list; others never do.
        retry_s = min(TTL_S, RETRY_S * 2 ** min(max(0, self._lists_without - 1), 10))
        return self._source != "none" and now_us - self._tried_us < retry_s * 1e6

    async def _loaded(self) -> None:
        """Join the running load, or start one; it continues when its caller is cancelled."""
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._load is None or self._load.done():
            self._load = asyncio.create_task(self._ask(), name="symbol list")
        return self._load

    async def _ask(self) -> None:
        self._calls += 1
        try:
            rows = self._largest(by_volume(await self._feed.listings()))
            if not rows:
                raise VenueUnreachable(self._feed.venue, "the venue lists no symbols")
        except FeedError as error:
            _log.warning("no symbol list: %s", error)
            await self._fail(str(error))
        except Exception:  # noqa: BLE001 - a list that a feed cannot parse must not end the catalogue
            _log.exception("no symbol list")
            await self._fail(f"{self._feed.venue}: its symbol list cannot be read")
        else:
            self._replace(rows, "venue")
            lacking = isinstance(self._feed, ReportsMissingFigures) and self._feed.lacks_figures
            self._figured = not lacking and any(row.ticker is not None for row in rows)
            self._lists_without = 0 if self._figured else self._lists_without + 1
            self._loaded_us = self._clock.now_us()
            self.problem = ""
            if self._path is not None:
                await asyncio.to_thread(_write, self._path, rows)
        self._tried_us = self._clock.now_us()
        self.signal()

    def _largest(self, rows: list[Listing]) -> list[Listing]:
        """Return the rows that are kept: every page receives all of them."""
        if len(rows) > MAX_SYMBOLS and not self._cut:
            _log.warning(
                "%s lists %d symbols: the %d with the largest volume are kept", self._feed.venue, len(rows), MAX_SYMBOLS
            )
        self._cut = len(rows) > MAX_SYMBOLS
        return rows[:MAX_SYMBOLS]

    async def _fail(self, problem: str) -> None:
        self._failures += 1
        self.problem = problem
        await self._fall_back()

    async def _fall_back(self) -> None:
        if self._source in {"venue", "disk"}:
            return
        kept = await asyncio.to_thread(_read, self._path) if self._path is not None else ()
        if kept:
            self._replace(kept, "disk")
        elif self._source == "none":
            self._replace(demo_listings(self._feed.venue), "demo")

    def _replace(self, rows: Sequence[Listing], source: Literal["venue", "disk", "demo"]) -> None:
        self._rows = tuple(rows)
        before, self._by_symbol = self._by_symbol, {row.instrument.symbol: row for row in rows}
        self._by_name = {row.instrument.unified.upper(): row for row in reversed(self._rows)}
        known = self._gone | before
        self._gone = {symbol: row for symbol, row in known.items() if symbol not in self._by_symbol}
        for symbol in tuple(self._gone)[:-MAX_GONE]:
            del self._gone[symbol]
        self._source = source
        self._fetched_us = self._clock.now_us()
        self.version += 1


def by_volume(rows: Sequence[Listing]) -> list[Listing]:
    """Sort listings by 24 h quote volume, largest first, then by symbol."""
    return sorted(
        rows, key=lambda row: (-(row.ticker.quote_volume if row.ticker is not None else 0.0), row.instrument.symbol)
    )


def _read(path: Path) -> Sequence[Listing]:
    try:
        texts = _decode_rows(path.read_bytes())
    except (OSError, msgspec.DecodeError, ValueError):
        return ()
    rows: list[Listing] = []
    for text in texts:
        # Each row stands for itself, as in the venue's answer.
        with suppress(msgspec.DecodeError, ValueError):
            rows.append(_decode_row(text))
    return rows


def _write(path: Path, rows: Sequence[Listing]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A unique name: two servers may share the folder. Readers find the old list or the complete new one.
        fresh = path.with_suffix(f".{os.getpid()}.new")
        try:
            fresh.write_bytes(msgspec.json.encode(rows))
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("the symbol list is not kept: %s", error)
