"""The live session of one page: its subscriptions and requests (docs/live.md), whatever carries its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from orderfox_nb import __version__
from orderfox_nb.core.channels import channel_spec, check_interval, is_whole_market
from orderfox_nb.core.events import Gap, Topic, as_text
from orderfox_nb.core.origin import Origin
from orderfox_nb.core.wire import (
    MAX_KEY_LENGTH,
    MAX_KEYS,
    MAX_REQUESTS,
    WIRE,
    ErrorMessage,
    EventMessage,
    GoneMessage,
    HelloMessage,
    HelloRequest,
    LiveRequest,
    PageMessage,
    Ping,
    Pong,
    Request,
    ResponseMessage,
    Resume,
    RewindRequest,
    ServerMessage,
    SkipRequest,
    StatusMessage,
    StepRequest,
    Subscribe,
    Unsubscribe,
)
from orderfox_nb.desk.access import Access, FullAccess
from orderfox_nb.desk.across.markets import ACROSS, split_markets
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.desks import Desks
from orderfox_nb.desk.frame_outlet import FrameOutlet, FramesBySend, Send, rekeyed_frame
from orderfox_nb.desk.frame_reader import FrameReader
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.page_requests import REQUESTS
from orderfox_nb.desk.rewinding import Rewinding
from orderfox_nb.desk.shared_playhead import PagePlayhead, SendMessage
from orderfox_nb.desk.streams.registry import STREAMS, parse_key
from orderfox_nb.errors import BadValue, OrderFoxError
from orderfox_nb.views.stamp import encode

ORIGIN_POLL_S: Final = 1.0
_FINISH_S: Final = 5.0
"""How long requests may finish whose desk is about to close."""
ANSWER_S: Final = 30.0
"""How long an answer may take; the venue's budget alone may keep it waiting for 20 s."""


class LiveSession:
    """One page's side of the live protocol.

    Each key has a task, and so has each request, so that neither a slow answer nor a busy key keeps the others
    waiting; at most one frame of a key waits to be sent.

    Args:
        desks: What is read.
        send: Writes to the page.
        access: What this page may have.
        frame_writer: Makes what writes the frames of one key; without it they go through ``send``.
        playhead: Makes the playhead of a page whose market is not live; without it a page has one of its own.
        live_trading: Whether bots of this server may send real orders, which every page shows.
    """

    def __init__(
        self,
        desks: Desks,
        send: Send,
        access: Access | None = None,
        *,
        frame_writer: Callable[[], FrameOutlet] | None = None,
        playhead: Callable[[SendMessage], PagePlayhead] | None = None,
        live_trading: bool = False,
    ) -> None:
        self._desks = desks
        self._live_trading = live_trading
        self._send = send
        self._access = access or FullAccess()
        self._frame_writer = frame_writer or (lambda: FramesBySend(send))
        self._keys: dict[str, asyncio.Task[None]] = {}
        self._readers: dict[str, FrameReader] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MAX_REQUESTS)
        self._origins: dict[str, Origin] = {}
        """Origins of each venue, as the page knows it; empty before the ``hello``."""
        self._past: PagePlayhead = (
            playhead(self._send_message)
            if playhead is not None
            else Rewinding(desks, rewinding=self._access.rewinding, switch=self._read_again, send=self._send_message)
        )
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None
        self._closed = False

    async def run(self, *, greet: bool = False) -> None:
        """Report what happens to the source until this is cancelled; then everything that the page read is closed.

        Args:
            greet: Whether to begin with a ``hello``.

        Raises:
            Exception: What ``send`` raised, or another failure of a task of this session.
        """
        try:
            if greet:
                await self._send_hello()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ORIGIN_POLL_S):
                        await self._failed.wait()
                if self._failure is not None:
                    raise self._failure
                await self._past.tick()
                await self._report_origin()
        finally:
            self._closed = True
            await _cancelled(*self._keys.values(), *self._requests)
            await self._past.close()

    async def handle(self, message: object) -> None:
        """Act on one message of the page, as JSON was decoded; it is answered where it cannot be acted on."""
        try:
            command: PageMessage = msgspec.convert(message, PageMessage)
        except msgspec.ValidationError as error:
            await self._refuse(message, f"Invalid message: {error}")
            return
        match command:
            case Subscribe(key):
                await self._subscribe(key)
            case Unsubscribe(key):
                await self._unsubscribe(key)
            case Resume(key):
                await self._resume(key)
            case Request():
                await self._places.acquire()
                task = self._start(self._answer(command, message), name=f"request {command.what[:40]}")
                self._requests.add(task)
                task.add_done_callback(self._answered)
            case Ping():
                await self._send_message(Pong())
            case HelloRequest():
                await self._begin_again()
            case RewindRequest() | StepRequest() | SkipRequest() | LiveRequest():
                await self._past.handle(command)
                await self._report_origin()

    async def _begin_again(self) -> None:
        """End what is subscribed: a page that gets a hello subscribes again."""
        keys, self._keys = self._keys, {}
        await _cancelled(*keys.values())
        await self._send_hello()

    async def _send_hello(self) -> None:
        first = self._desks.first
        self._origins = {desk.venue: self._past.desk(desk).origin for desk in self._desks.all}
        await self._send_message(
            HelloMessage(
                wire=WIRE,
                version=__version__,
                venue=first.venue,
                origin=self._origins[first.venue],
                origins=dict(self._origins),
                time=self._past.desk(first).now_us() // 1000,
                times={desk.venue: self._past.desk(desk).now_us() // 1000 for desk in self._desks.all},
                live_trading=self._live_trading,
            )
        )
        await self._past.greet()

    async def _subscribe(self, key: str) -> None:
        self._keys = {name: task for name, task in self._keys.items() if not task.done()}
        if key in self._keys:
            # Two tabs may share a comm: each of them needs a full frame.
            if (reader := self._readers.get(key)) is not None:
                reader.resume()
        elif len(self._keys) >= MAX_KEYS:
            await self._send_message(ErrorMessage(message=f"At most {MAX_KEYS} keys a page", key=_short(key)))
        else:
            self._keys[key] = self._start(self._serve_key(key), name=f"key {key[:80]}")

    async def _unsubscribe(self, key: str) -> None:
        if (task := self._keys.pop(key, None)) is not None:
            await _cancelled(task)

    async def _resume(self, key: str) -> None:
        if key not in self._keys:
            await self._send_message(ErrorMessage(message="Not subscribed", key=_short(key)))
        elif (reader := self._readers.get(key)) is not None:
            reader.resume()
        else:
            # Events have no full frame to send again: they start again, with their prelude.
            await self._unsubscribe(key)
            await self._subscribe(key)

    async def _read_again(self) -> None:
        """Read every key from the desk that is the right one now, and end what is asked of the previous one."""
        names = tuple(self._keys)
        await _cancelled(*self._keys.values())
        await self._report_origin()
        for name in names:
            if name in self._keys:
                self._keys[name] = self._start(self._serve_key(name, moved=True), name=f"key {name[:80]}")
        if self._requests:
            await asyncio.wait(self._requests, timeout=_FINISH_S)
            await _cancelled(*self._requests)

    def _desk(self, venue: str | None) -> Desk:
        return self._past.desk(self._desks.of(venue))

    async def _serve_key(self, asked: str, *, moved: bool = False) -> None:
        try:
            if "/events" in asked:
                await self._serve_events(asked, moved=moved)
            else:
                await self._serve_frames(asked, parse_key(asked))
        except OrderFoxError as error:
            await self._send_message(GoneMessage(key=_short(asked), message=str(error)))

    async def _serve_frames(self, asked: str, key: FrameKey) -> None:
        if key.venue == ACROSS:
            markets = split_markets(key.symbol)
            # A single market stands for those of all venues.
            desks = [self._desks.of(venue) for venue, _ in markets] if len(markets) > 1 else self._desks.all
            for live in desks:
                if self._past.desk(live) is not live:
                    raise BadValue("key", asked, f"a live page: {live.venue} is shown in the past")
            async with self._access.across(self._desks.across, key) as reader:
                await self._deliver(asked, reader)
            return
        if STREAMS[key.stream].public:
            raise BadValue("stream", key.stream, "a stream of docs/live.md")
        live = self._desks.of(key.venue)
        desk = self._past.desk(live)
        topics = () if desk is live else live.topics(await live.resolved(key))
        async with self._past.holding(live, topics), self._access.frames(desk, key) as reader:
            await self._deliver(asked, reader)

    async def _deliver(self, asked: str, reader: FrameReader) -> None:
        self._readers[asked] = reader
        try:
            writer, canonical = self._frame_writer(), reader.key.text
            await reader.deliver(
                writer.write if asked == canonical else lambda frame: writer.write(rekeyed_frame(frame, asked)),
                writer.until_ready,
            )
        finally:
            del self._readers[asked]

    async def _serve_events(self, asked: str, *, moved: bool) -> None:
        topic = await events_topic(self._desks, asked)
        live = self._desks.of(topic.venue)
        desk = self._past.desk(live)
        async with self._past.holding(live, [topic]), self._access.events(desk, topic) as reader:
            if moved:
                gap = Gap(symbol=topic.symbol, time_us=desk.now_us(), reason="moved in time", restart=True)
                await self._send_message(EventMessage(key=asked, sequence=0, event=as_text(gap)))
            while batch := await reader.batch():
                await self._send(
                    [
                        encode(EventMessage(key=asked, sequence=sequence, event=as_text(event)))
                        for sequence, event, _ in batch
                    ]
                )
        await self._send_message(GoneMessage(key=asked, message="The stream has ended"))

    async def _answer(self, request: Request, message: object) -> None:
        try:
            with self._access.answering():
                kind = REQUESTS.get(request.what)
                if kind is None:
                    raise BadValue("what", request.what, "one of " + ", ".join(REQUESTS))
                async with asyncio.timeout(ANSWER_S):
                    desk = self._desk(request.venue or None)
                    data = await kind.answer(desk, msgspec.convert(message, kind.parameters))
        except OrderFoxError as error:
            await self._send_message(ErrorMessage(message=str(error), id=request.id))
        except msgspec.ValidationError as error:
            await self._send_message(ErrorMessage(message=f"Invalid {request.what} request: {error}", id=request.id))
        except TimeoutError:
            await self._send_message(
                ErrorMessage(message=f"No answer within {ANSWER_S:.0f} s: try again", id=request.id)
            )
        else:
            await self._send_message(ResponseMessage(id=request.id, data=msgspec.Raw(data)))

    async def _report_origin(self) -> None:
        if self._origins and self._origins.keys() != {desk.venue for desk in self._desks.all}:
            # A server among the sources has said only now which venues it has.
            await self._begin_again()
        for venue, known in self._origins.items():
            if (origin := self._desk(venue).origin) != known:
                self._origins[venue] = origin
                state = "down" if origin.problem else "live"
                await self._send_message(StatusMessage(state=state, message=origin.problem, venue=venue, origin=origin))

    async def _refuse(self, message: object, why: str) -> None:
        """Answer a message that does not fit its schema, with the id or key by which the page knows it."""
        match message:
            case {"id": int(number)}:
                await self._send_message(ErrorMessage(message=why, id=number))
            case {"key": str(key)}:
                await self._send_message(ErrorMessage(message=why, key=_short(key)))
            case _:
                await self._send_message(ErrorMessage(message=why))

    async def _send_message(self, message: ServerMessage) -> None:
        await self._send((encode(message),))

    def _start(self, work: Any, *, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        if self._closed:  # a message that was waiting when the session ended
            task.cancel()
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._failed.set()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._places.release()


async def events_topic(desks: Desks, key: str) -> Topic:
    """Read the key of a topic's events.

    Raises:
        BadValue: Not such a key.
        UnknownSymbol: The venue does not list the symbol.
    """
    path, _, query = key.partition("?")
    venue, _, rest = path.partition("/")
    desk = next((desk for desk in desks.all if desk.venue == venue), desks.first)
    symbol = rest.removesuffix("/events")
    try:
        given: Mapping[str, Any] = {name: values[-1] for name, values in parse_qs(query, max_num_fields=10).items()}
    except ValueError:
        raise BadValue("key", key, "a channel and, for candles, an interval") from None
    channel, interval = given.get("channel", ""), given.get("interval", "")
    if venue != desk.venue or rest == symbol or len(key) > MAX_KEY_LENGTH:
        raise BadValue("key", key, f"{desk.venue}/<symbol>/events?channel=<channel>")
    check_interval(channel_spec(channel), interval)
    if is_whole_market(topic := Topic(desk.venue, symbol, channel, interval)):
        return topic
    listing = await desk.catalogue.resolve(symbol)
    return msgspec.structs.replace(topic, symbol=listing.instrument.symbol)


def _short(key: str) -> str:
    return key[:MAX_KEY_LENGTH]


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
