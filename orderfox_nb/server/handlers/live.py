"""The widgets' socket, ``/api/v1/ws/live``: one a page, frames by key (docs/live.md)."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast, get_args
from urllib.parse import parse_qs

import msgspec
from tornado.websocket import WebSocketClosedError

from orderfox_nb import __version__
from orderfox_nb.core.events import WHOLE_MARKET, Channel, Topic, encode_event
from orderfox_nb.core.timeframes import TIMEFRAME_US
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.frames import FrameReader
from orderfox_nb.desk.keys import MAX_KEY_LENGTH, FrameKey, parse_key
from orderfox_nb.errors import BadValue, OrderFoxError
from orderfox_nb.feeds.asking import asking_for
from orderfox_nb.server.handlers.parameters import limit, time_ms
from orderfox_nb.server.handlers.sockets import MarketSocket, _log
from orderfox_nb.server.service import DeskService
from orderfox_nb.views.stamp import rekeyed

WIRE: Final = 1
MAX_KEYS: Final = 64
_LOOK_S: Final = 1.0
_COUNT: Final = limit(500, 1500, "How many bars")
_END: Final = time_ms("end", "Bars that open at or before")


class LiveSocket(MarketSocket):
    """Sends frames of every key that the page subscribed to; a key's failure ends the key and not the socket."""

    route = "ws/live"

    def initialize(self, service: DeskService) -> None:  # type: ignore[override]
        super().initialize(service)
        self._keys: dict[str, asyncio.Task[None]] = {}
        self._readers: dict[str, FrameReader] = {}

    async def serve(self, *_args: str | None) -> None:
        self._desk = desk = await self.service.desk()
        try:
            origin = desk.origin
            await self.say(
                type="hello",
                wire=WIRE,
                version=__version__,
                venue=desk.venue,
                origin=origin,
                time=desk.now_us() // 1000,
            )
            while True:
                await asyncio.sleep(_LOOK_S)
                if (now := desk.origin) != origin:
                    origin = now
                    state = "down" if origin.problem else "live"
                    await self.say(type="status", state=state, message=origin.problem, origin=origin)
        finally:
            tasks = tuple(self._keys.values())
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)

    async def handle_message(self, message: dict[str, Any]) -> None:
        if not hasattr(self, "_desk"):
            # The page spoke before the desk was open: its message waits, and so does what follows.
            self._desk = await self.service.desk()
        match message:
            case {"type": "subscribe", "key": str(key)}:
                await self._subscribe(key)
            case {"type": "unsubscribe", "key": str(key)}:
                await self._unsubscribe(key)
            case {"type": "resume", "key": str(key)}:
                if key not in self._keys:
                    await self.complain("Not subscribed", key=key)
                    return
                await self._resume(key)
            case {"type": "request", "id": int(number)}:
                await self._request(number, message)
            case {"type": "subscribe" | "unsubscribe" | "resume"}:
                await self.complain("Expected a key as text")
            case {"type": "request"}:
                await self.complain("Expected a whole number as id")
            case _:
                await super().handle_message(message)

    async def _subscribe(self, key: str) -> None:
        if (running := self._keys.get(key)) is not None and not running.done():
            return
        active = sum(not task.done() for task in self._keys.values())
        if active >= MAX_KEYS:
            await self.complain(f"At most {MAX_KEYS} keys a socket", key=key[:300])
            return
        self._keys = {name: task for name, task in self._keys.items() if not task.done()}
        self._keys[key] = asyncio.create_task(self._send_key(key), name=f"key {key[:80]} {self.correlation}")

    async def _unsubscribe(self, key: str) -> None:
        task = self._keys.pop(key, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _resume(self, key: str) -> None:
        if (reader := self._readers.get(key)) is not None:
            reader.resume()
        else:
            # Events have no full frame to send again: they start again, with their prelude.
            await self._unsubscribe(key)
            await self._subscribe(key)

    async def _send_key(self, asked: str) -> None:
        try:
            try:
                if "/events" in asked:
                    await self._send_events(asked)
                else:
                    await self._send_frames(asked, parse_key(asked))
            except OrderFoxError as error:
                await self.say(type="gone", key=asked[:300], message=str(error))
        except WebSocketClosedError:
            pass
        except Exception:  # noqa: BLE001  (nobody awaits this task: it is told and the socket closed)
            _log.exception("id=%s key=%s failed", self.correlation, asked[:300])
            self.close(1011, f"the server failed, see {self.correlation} in its log")

    async def _send_frames(self, asked: str, key: FrameKey) -> None:
        if key.stream.startswith("v1."):
            raise BadValue("stream", key.stream, "one of docs/live.md")
        async with self.frames(self._desk, key) as reader:
            self._readers[asked] = reader
            try:
                async for frame in reader:
                    await self.send(rekeyed(frame.text, reader.key.text, asked))
                    await self.pace()
            finally:
                del self._readers[asked]

    async def _send_events(self, asked: str) -> None:
        topic = await events_topic(self._desk, asked)
        self.admit_topic(self._desk, topic)
        head = b'{"type":"event","key":' + msgspec.json.encode(asked) + b',"sequence":'
        async with self._desk.events(topic) as reader:
            while batch := await reader.batch():
                for sequence, event in batch:
                    await self.send(head + str(sequence).encode() + b',"event":' + encode_event(event) + b"}")
        await self.say(type="gone", key=asked, message="The stream has ended")

    async def _request(self, number: int, message: dict[str, Any]) -> None:
        try:
            what = message.get("what")
            if what not in ("candles", "symbols"):
                raise BadValue("what", what, "candles or symbols")
            self.check_cost("request")
            answer = older_candles if what == "candles" else named_symbols
            with asking_for(self.service.charge(self.request.remote_ip or "", trusted=self._has_our_token())):
                data = await answer(self._desk, message)
        except OrderFoxError as error:
            await self.complain(str(error), id=number)
            return
        await self.say(type="response", id=number, data=msgspec.Raw(data))


async def older_candles(desk: Desk, message: dict[str, Any]) -> bytes:
    """Answer a page that scrolls back: the columns of a candle frame for bars that open at or before ``end``.

    Raises:
        OrderFoxError: It cannot be answered.
    """
    symbol, interval = message.get("symbol"), message.get("interval")
    if not isinstance(symbol, str):
        raise BadValue("symbol", symbol, "a symbol such as BTCUSDT")
    wanted = _COUNT.read(_text(message.get("limit")))
    end_ms = _END.read(_text(message.get("end")))
    return await desk.candle_columns(symbol, str(interval), limit=wanted, end_ms=end_ms)


async def named_symbols(desk: Desk, message: dict[str, Any]) -> bytes:
    """Answer a page that was opened by a link: which symbols its texts mean.

    Raises:
        OrderFoxError: It cannot be answered.
    """
    match message.get("symbols"):
        case [*texts] if all(isinstance(text, str) for text in texts):
            return await desk.symbols(texts)
        case other:
            raise BadValue("symbols", other, "a list of names such as BTCUSDT")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


async def events_topic(desk: Desk, key: str) -> Topic:
    """Read the key of a topic's events.

    Raises:
        BadValue: Not such a key.
        UnknownSymbol: The venue does not list the symbol.
    """
    path, _, query = key.partition("?")
    venue, _, rest = path.partition("/")
    symbol = rest.removesuffix("/events")
    try:
        given = {name: values[-1] for name, values in parse_qs(query, max_num_fields=10).items()}
    except ValueError:
        raise BadValue("key", key, "a channel and, for candles, an interval") from None
    channel, interval = given.get("channel", ""), given.get("interval", "")
    if venue != desk.venue or rest == symbol or len(key) > MAX_KEY_LENGTH:
        raise BadValue("key", key, f"{desk.venue}/<symbol>/events?channel=<channel>")
    if channel not in get_args(Channel):
        raise BadValue("channel", channel, "one of " + ", ".join(get_args(Channel)))
    if (channel == "candles") != bool(interval) or (interval and interval not in TIMEFRAME_US):
        raise BadValue("interval", interval, "a timeframe, for candles only")
    if symbol == WHOLE_MARKET and channel == "liquidations":
        return Topic(desk.venue, WHOLE_MARKET, channel)
    listing = await desk.catalogue.resolve(symbol)
    return Topic(desk.venue, listing.instrument.symbol, cast(Channel, channel), interval)
