"""The pump's side in the engine thread: it reads the frames that a page asked for and sends them in batches.

The kernel's main thread only passes on what the page asks; frames go out from the engine's thread, so that they keep
coming while a cell computes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from ipywidgets import Widget

from orderfox_nb import __version__
from orderfox_nb.config import load_settings
from orderfox_nb.desk.frames import FrameReader
from orderfox_nb.desk.keys import parse_key
from orderfox_nb.engine import Engine, shared_engine
from orderfox_nb.errors import OrderFoxError
from orderfox_nb.lifecycle import Service
from orderfox_nb.views.stamp import rekeyed

_log = logging.getLogger(__name__)

BATCH_S: Final = 0.05
"""At most 20 messages a second, whatever is on the page: Jupyter's limit is 1,000 for the whole kernel."""
MAX_KEYS: Final = 64
WIRE: Final = 1
_HEARTBEAT_TURNS: Final = 300
_MAX_REQUESTED: Final = 4
_MAX_BARS: Final = 1_500
_ANSWER_S: Final = 20.0

_encode = msgspec.json.Encoder().encode


class Pumping:
    """Frames for one pump widget. Everything but ``receive`` runs on the engine's loop."""

    def __init__(self, widget: Widget, engine: Engine) -> None:
        self._widget = widget
        self._engine = engine
        self._readers: dict[str, Service[FrameReader]] = {}
        self._open: dict[str, FrameReader] = {}
        self._messages: deque[bytes] = deque(maxlen=4 * MAX_KEYS)
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Lock()
        self._asking: set[asyncio.Task[None]] = set()

    def receive(self, content: dict[str, Any]) -> None:
        """Pass on what the page sent; called on the kernel's thread."""
        self._engine.submit(self._take(content))

    async def _take(self, content: dict[str, Any]) -> None:
        # One after the other: an unsubscription must not overtake its subscription.
        async with self._asked:
            match content:
                case {"type": "hello"}:
                    await self._greet()
                case {"type": "subscribe", "key": str(key)}:
                    await self._subscribe(key)
                case {"type": "unsubscribe", "key": str(key)}:
                    await self._unsubscribe(key)
                case {"type": "resume", "key": str(key)} if key in self._open:
                    self._open[key].resume()
                case {"type": "ping"}:
                    self._say(type="pong")
                case {"type": "request", "id": int(number)}:
                    self._ask(number, content)
                case _:
                    self._say(type="error", message="Expected a message of docs/live.md")
        if self._task is None or self._task.done():  # it ends with the comm, and the pump may be opened again
            self._task = asyncio.create_task(self._send_batches(), name="orderfox pump")

    async def _greet(self) -> None:
        # A page that was reloaded says hello again: what the old one asked for goes, every page asks again.
        for key in tuple(self._readers):
            await self._unsubscribe(key)
        desk = self._engine.desk
        self._say(
            type="hello",
            wire=WIRE,
            version=__version__,
            venue=desk.venue,
            origin=desk.origin,
            time=desk.now_us() // 1000,
        )

    async def _subscribe(self, key: str) -> None:
        if key in self._readers:
            if key in self._open:
                self._open[key].resume()
            return
        if len(self._readers) >= MAX_KEYS:
            self._say(type="error", key=key[:300], message=f"At most {MAX_KEYS} keys a page")
            return
        try:
            frame_key = parse_key(key)
            service = Service(lambda: self._engine.desk.frames(frame_key), name=f"pump {key[:80]}")
            self._readers[key] = service
            self._open[key] = await service.start()
        except OrderFoxError as error:
            self._readers.pop(key, None)
            self._say(type="gone", key=key[:300], message=str(error))

    async def _unsubscribe(self, key: str) -> None:
        self._open.pop(key, None)
        if (service := self._readers.pop(key, None)) is not None:
            await service.stop()

    def _ask(self, number: int, content: dict[str, Any]) -> None:
        # Beside the page's other wishes: an answer may take as long as the venue does.
        if len(self._asking) >= _MAX_REQUESTED:
            self._say(type="error", id=number, message=f"At most {_MAX_REQUESTED} requests at a time")
            return
        task = asyncio.create_task(self._answer(number, content), name="orderfox pump request")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, number: int, content: dict[str, Any]) -> None:
        desk = self._engine.desk
        match content:
            case {"what": "candles", "symbol": str(symbol), "interval": str(interval)}:
                limit, end_ms = content.get("limit", 500), content.get("end")
                if type(limit) is not int or not 1 <= limit <= _MAX_BARS or type(end_ms) not in (int, type(None)):
                    self._say(type="error", id=number, message=f"Expected limit from 1 to {_MAX_BARS} and end in ms")
                    return
                answer = desk.candle_columns(symbol, interval, limit=limit, end_ms=end_ms)
            case {"what": "symbols", "symbols": [*texts]} if all(isinstance(text, str) for text in texts):
                answer = desk.symbols(texts)
            case _:
                self._say(type="error", id=number, message="Expected what: candles or symbols, with their parameters")
                return
        try:
            async with asyncio.timeout(_ANSWER_S):
                data = await answer
        except OrderFoxError as error:
            self._say(type="error", id=number, message=str(error))
        except TimeoutError:
            self._say(type="error", id=number, message=f"No answer within {_ANSWER_S:.0f} s: try again")
        else:
            self._say(type="response", id=number, data=msgspec.Raw(data))

    def _say(self, **message: Any) -> None:
        self._messages.append(_encode(message))

    async def _send_batches(self) -> None:
        turns = 0
        while self._widget.comm is not None:
            await asyncio.sleep(BATCH_S)
            turns += 1
            if turns % _HEARTBEAT_TURNS == 0:
                self._say(type="heartbeat")
            for key, reader in tuple(self._open.items()):
                try:
                    frame = reader.next_frame()
                except OrderFoxError as error:
                    await self._unsubscribe(key)
                    self._say(type="gone", key=key, message=str(error))
                    continue
                if frame is not None:
                    self._messages.append(rekeyed(frame.text, frame.key.text, key))
            if self._messages:
                batch = [text.decode() for text in self._messages]
                self._messages.clear()
                self._widget.send({"messages": batch})
        for task in tuple(self._asking):
            task.cancel()
        for key in tuple(self._readers):
            await self._unsubscribe(key)


_pumpings: WeakKeyDictionary[Widget, Pumping] = WeakKeyDictionary()


def pumping_for(widget: Widget) -> Pumping:
    """Return the pumping of a pump, starting the engine with the first one."""
    pumping = _pumpings.get(widget)
    if pumping is None:
        pumping = _pumpings[widget] = Pumping(widget, shared_engine(load_settings()))
    return pumping
