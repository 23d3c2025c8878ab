"""Another OrderFox server as a Feed: its events over a socket for each 63 topics, its past over REST."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from itertools import count
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
import msgspec
from msgspec import Struct, field

from orderfox_nb.clock import Clock, SystemClock, in_time
from orderfox_nb.core.channels import CHANNELS
from orderfox_nb.core.events import Event, Ticker, Topic
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.numerals import Amount, Price, Rate, TimeMs, whole_number
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.symbols import is_symbol_name, is_venue_name
from orderfox_nb.errors import BadValue, MalformedFrame, RateLimited, UnknownSymbol, VenueRefused, VenueUnreachable
from orderfox_nb.feeds.base import Listing
from orderfox_nb.feeds.http import AnswerRefused, decode_json, fetch, new_session, short
from orderfox_nb.feeds.inbox import Inbox
from orderfox_nb.feeds.past import Past, RangePage
from orderfox_nb.feeds.problem_log import ProblemLog
from orderfox_nb.feeds.remote_link import MAX_TOPICS, Dropped, Gone, RemoteItem, RemoteLink, ask_origins
from orderfox_nb.feeds.remote_past import RemotePast
from orderfox_nb.feeds.remote_reading import RemoteReading
from orderfox_nb.feeds.remote_strip import RemoteStrip
from orderfox_nb.feeds.transport import SOCKET_ERRORS, network_reason

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_REQUEST_TIMEOUT_S: Final = 15.0
_INBOX_BOUND: Final = 4_096
_CONNECTIONS: Final = 100
_MAX_RETRY_AFTER_S: Final = 86_400.0
MAX_SYMBOLS_BYTES: Final = 16_000_000
"""Largest symbol list: 600 symbols have 0.5 MB."""
MAX_BYTES: Final = 8_000_000
"""Largest size of any other answer."""


class RemoteFeed:
    """Reads the events of a server and folds them here; opens its socket with the first stream.

    Args:
        url: Base URL of the server.
        token: For a server that asks for one.
        venue: Name of one of the server's venues; its first one if empty.
        name: The venue's name here; ``remote`` where the server's is unknown.
        reported: What the server reports about the venue's source.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        clock: Clock | None = None,
        random: Random | None = None,
        venue: str = "",
        name: str = "remote",
        reported: Mapping[str, Any] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._asked = venue
        self._name = name
        self._token = token
        self._clock = clock or SystemClock()
        self._headers = {"Authorization": f"token {token}"} if token else {}
        self._session: aiohttp.ClientSession | None = None
        self._random = random
        self._links = [self._new_link()]
        self._past = RemotePast(self.venue, self._get, self.now_us)
        self.strip = RemoteStrip(self._url, venue=venue, name=name, headers=self._headers, clock=self._clock)
        """Minutes of what the server has recorded."""
        self._reported = reported or {}
        self._reported_origin = _read_origin(self._reported)
        """Origin from the answer with the symbols: known before a socket is open."""
        self.lacks_figures = False
        """Whether the last symbol list came without any funding rate: the server could not have them then."""
        self._calls = 0
        self._problem_log = ProblemLog(_log, self._clock)

    reports_relisting = True
    """The server notices it, and its list is new by then."""

    @property
    def venue(self) -> str:
        return self._name

    async def venues(self, *, taken: Collection[str]) -> Sequence[RemoteFeed]:
        """Ask the server which venues it has and return a feed for each, see ``SeveralVenues``."""
        try:
            found = await ask_origins(self._url, headers=self._headers, clock=self._clock)
        except SOCKET_ERRORS as error:
            raise VenueUnreachable(self.venue, f"{self._url} cannot be reached ({network_reason(error)})") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedFrame(self.venue, f"hello of {self._url}: {error}") from error
        feeds: list[RemoteFeed] = []
        names = set(taken)
        for venue, reported in found.items():
            numbered = (f"{venue}-{number}" for number in count(2))
            name = venue if venue not in names else next(one for one in numbered if one not in names)
            names.add(name)
            feeds.append(
                RemoteFeed(
                    self._url,
                    token=self._token,
                    clock=self._clock,
                    random=self._random,
                    venue=venue,
                    name=name,
                    reported=reported,
                )
            )
        return feeds

    @property
    def origin(self) -> Origin:
        reported = self._link.origin
        known = _read_origin(reported) if reported else self._reported_origin
        problems = (link.problem for link in self._links if link.topics and link.problem)
        return msgspec.structs.replace(
            known,
            source=self._url,
            venue=self._name if self._asked else known.venue or self._name,
            problem=next(problems, self._link.problem) or short(str(reported.get("problem") or "")),
            epoch=next((link.epoch for link in self._links if link.topics and link.epoch), ""),
        )

    def now_us(self) -> int:
        return self._clock.now_us() + self._link.offset_us

    async def stream(self, topic: Topic) -> AsyncGenerator[Event, None]:
        if topic.venue != self.venue:
            raise BadValue("venue", topic.venue, self.venue)
        inbox: Inbox[RemoteItem] = Inbox(_INBOX_BOUND, overflow=Dropped)
        link = self._link_for(topic)
        reading = RemoteReading(
            topic,
            now_us=self.now_us,
            resume=lambda: link.resume(topic),
            unbroken=lambda: self.origin.unbroken_trades,
        )
        yield reading.status("connecting")
        async with link.read(topic, inbox):
            while True:
                item = await inbox.get()
                if isinstance(item, Gone) and item.ended:
                    return
                for event in reading.handle(item):
                    yield event

    async def listings(self) -> Sequence[Listing]:
        rows, headers = await self._get_with_headers("symbols", {}, list[msgspec.Raw])
        with suppress(msgspec.MsgspecError):
            self._reported_origin = _read_origin(decode_json(headers.get("X-Origin", "{}"), dict[str, Any]))
        if _state(headers.get("X-Quality", "")) == "down":
            raise VenueUnreachable(
                self.venue, f"{self._url} has no symbols of its venue, only the built-in list; try again"
            )
        listings = [_listing(row, self.venue) for row in rows]
        known = [listing for listing in listings if listing is not None]
        self.lacks_figures = bool(known) and all(listing.funding_rate is None for listing in known)
        return known

    @property
    def past(self) -> Past:
        return self._past

    async def range_page(self, topic: Topic, start_us: int, end_us: int) -> RangePage:
        """Return the first part of a range as the server joins it; see ``RangedPast``."""
        return await self._past.range_page(topic, start_us, end_us)

    def statistics(self) -> Mapping[str, int | float]:
        total: dict[str, int | float] = {"rest_calls": self._calls}
        for link in self._links:
            for name, number in link.statistics().items():
                total[name] = total.get(name, 0) + number
        return total

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self._links:
            await link.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def _link(self) -> RemoteLink:
        """The link that knows the server best: one that is in use."""
        return next((link for link in self._links if link.topics), self._links[0])

    def _link_for(self, topic: Topic) -> RemoteLink:
        """Choose the link that carries a topic, otherwise one with room; a link without topics has no socket."""
        for link in self._links:
            if topic in link.topics:
                return link
        for link in self._links:
            if len(link.topics) < MAX_TOPICS:
                return link
        self._links.append(self._new_link())
        return self._links[-1]

    def _new_link(self) -> RemoteLink:
        return RemoteLink(self._url, venue=self._asked, headers=self._headers, clock=self._clock, random=self._random)

    async def _get(self, path: str, parameters: Mapping[str, str], kind: type[Answer]) -> Answer:
        return (await self._get_with_headers(path, parameters, kind))[0]

    async def _get_with_headers(
        self, path: str, parameters: Mapping[str, str], kind: type[Answer]
    ) -> tuple[Answer, Mapping[str, str]]:
        """Return an answer and its headers, which say of its quality and of its source."""
        self._calls += 1
        if self._asked:
            parameters = {**parameters, "venue": self._asked}
        if self._session is None:
            self._session = new_session(connections=_CONNECTIONS, headers=self._headers)
        name = path.partition("/")[0]
        limit = MAX_SYMBOLS_BYTES if name == "symbols" else MAX_BYTES
        request = fetch(self._session, f"{self._url}/api/v1/{path}", parameters, max_bytes=limit)
        try:
            status, _, headers, body = await in_time(self._clock, _REQUEST_TIMEOUT_S, request)
            if status == 200:
                answer: Answer = decode_json(body, kind)
                self._problem_log.over(name)
                return answer, headers
            refused: _Refused = decode_json(body, _Refused)
        except AnswerRefused as error:
            raise self._malformed(name, str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise VenueUnreachable(self.venue, f"{self._url} cannot be reached ({network_reason(error)})") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._malformed(name, f"its answer has another structure ({error})") from error
        if status == 404:
            raise UnknownSymbol(path.split("/")[1] if "/" in path else path)
        detail = short(refused.detail)
        if status == 429:
            wait_s = whole_number(headers.get("Retry-After", ""))
            retry_after_s = 10.0 if wait_s is None or wait_s < 0 else min(float(wait_s), _MAX_RETRY_AFTER_S)
            raise RateLimited(self.venue, f"{self._url}: {detail}", status=status, retry_after_s=retry_after_s)
        if status >= 500:
            raise VenueUnreachable(self.venue, detail)
        raise VenueRefused(self.venue, detail, status=status)

    def _malformed(self, name: str, problem: str) -> MalformedFrame:
        error = MalformedFrame(self.venue, f"{name} of {self._url}: {problem}")
        self._problem_log.report(name, str(error))
        return error


class _Quality(Struct, frozen=True):
    state: str = ""


class _Refused(Struct, frozen=True):
    detail: str = ""


class _SymbolRow(Struct, frozen=True, rename="camel"):
    id: str
    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    step_size: Decimal
    contract_type: str = "PERPETUAL"
    onboard: TimeMs = field(name="onboardTime", default=0)
    ticker: _TickerRow | None = None
    funding_rate: Rate | None = None


class _TickerRow(Struct, frozen=True):
    timestamp: TimeMs
    last: Price
    open: Price
    high: Price
    low: Price
    volume: Amount
    quote_volume: Amount = field(name="quoteVolume")


def _read_origin(reported: Mapping[str, Any]) -> Origin:
    """Read what a server reports about all of its data: the fields that are present and have the expected type."""
    venue, absent, unverified = (reported.get(name) for name in ("venue", "absent", "unverified"))
    return Origin(
        source="",
        venue=venue if isinstance(venue, str) and is_venue_name(venue) else "",
        simulated=reported.get("simulated") is True,
        recorded=reported.get("recorded") is True,
        demo_symbols=reported.get("demo_symbols") is True,
        unbroken_trades=reported.get("unbroken_trades") is not False,
        absent=tuple(name for name in CHANNELS if name in absent) if isinstance(absent, list) else (),
        unverified=tuple(name for name in CHANNELS if name in unverified) if isinstance(unverified, list) else (),
    )


def _state(quality: str) -> str:
    """Return the state in an ``X-Quality`` header, empty if it has none."""
    try:
        reported: _Quality = decode_json(quality, _Quality)
        return reported.state
    except msgspec.MsgspecError:
        return ""


def _listing(text: msgspec.Raw, venue: str) -> Listing | None:
    """Convert a row: None if it cannot be read, or its steps are none: one such row does not cost the list."""
    try:
        row: _SymbolRow = decode_json(bytes(text), _SymbolRow)
        if not all(map(is_symbol_name, (row.id, row.base_asset, row.quote_asset))):
            return None
        instrument = Instrument(
            venue=venue,
            symbol=row.id,
            unified=row.symbol,
            base=row.base_asset,
            quote=row.quote_asset,
            tick_size=row.tick_size,
            lot_size=row.step_size,
            onboard_us=row.onboard * 1_000,
        )
    except (msgspec.MsgspecError, ValueError, ArithmeticError):
        return None
    reported = row.ticker
    ticker = reported and Ticker(
        symbol=row.id,
        time_us=reported.timestamp * 1_000,
        last=reported.last,
        open=reported.open,
        high=reported.high,
        low=reported.low,
        volume=reported.volume,
        quote_volume=reported.quote_volume,
    )
    return Listing(instrument=instrument, ticker=ticker, funding_rate=row.funding_rate, kind=row.contract_type)
