"""A WebSocket about one symbol, and the one of every public stream that declares itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError

from orderfox_nb.core.events import Channel, Topic
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import VENUE, Parameter, read_given
from orderfox_nb.desk.streams.base import Stream
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Listing
from orderfox_nb.server.handlers.sockets import MarketSocket
from orderfox_nb.server.handlers.writing import FrameWriter
from orderfox_nb.views.quality import status_text

_NOT_LIVE: Final = ("stale", "gap", "skewed", "down")


class SymbolSocket(MarketSocket):
    """A socket about one symbol, in the path or in the query."""

    channel: Channel
    """The channel whose state it reports."""
    declared: Stream
    """The public stream whose frames it sends."""
    query: Sequence[Parameter] = ()
    messages: Sequence[str] = ()
    """Types of what it sends beside status, error and heartbeat."""

    async def serve(self, *args: str | None) -> None:
        desk = await self.service.desk(self.value(VENUE.name))
        asked = next((arg for arg in args[:1] if arg), None) or self.value("symbol")
        if asked is None:
            raise BadValue("symbol", "", "a symbol such as BTCUSDT")
        options = self.read_options()
        listing = await desk.catalogue.resolve(asked)
        topic = self.topic(desk, listing.instrument.symbol, options)
        self.admit_topic(desk, topic)
        async with desk.hub.watch(topic) as state:
            status = asyncio.create_task(self._report_status(state), name=f"status {topic}")
            try:
                await self.send_stream(desk, listing, options)
            finally:
                status.cancel()
                await asyncio.wait({status})

    def read_options(self) -> dict[str, Any]:
        """Check the query.

        Raises:
            BadValue: One of its values cannot be used.
        """
        return {rule.name: rule.read(self.value(rule.name)) for rule in self.query}

    def topic(self, desk: Desk, symbol: str, options: dict[str, Any]) -> Topic:
        """Return the topic whose state is reported."""
        return Topic(desk.venue, symbol, self.channel, options.get("interval", ""))

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        """Send the symbol's messages until the socket closes."""
        raise NotImplementedError

    def value(self, name: str) -> str | None:
        """Return the last value of a query parameter.

        Raises:
            BadValue: It is not text.
        """
        try:
            return self.get_query_argument(name, None)
        except HTTPError:
            raise BadValue(name, self.request.query_arguments[name][-1], "text in UTF-8") from None

    async def forward(self, desk: Desk, key: FrameKey) -> None:
        """Send every frame of a key, the newest where this reader is slow."""
        async with self.frames(desk, key) as reader:
            writer = FrameWriter(self)
            await reader.deliver(writer.write, writer.until_ready)

    async def send_event(self, text: bytes) -> None:
        """Write a message that no later one replaces: a reader that does not take it is closed."""
        await self.send(text, timeout_s=self.service.stall_timeout_s)

    async def _report_status(self, state: TopicState) -> None:
        """Send a status message whenever the upstream fails or recovers; no message means that it works."""
        changed = asyncio.Event()
        reported = "live"

        def check() -> None:
            now = state.quality.state.value
            if now != reported and (now in _NOT_LIVE or now == "live"):
                changed.set()

        state.quality_changes.watch(check)
        try:
            check()
            with contextlib.suppress(WebSocketClosedError):
                while True:
                    await changed.wait()
                    changed.clear()
                    reported = state.quality.state.value
                    text = status_text(state.quality, symbol=state.topic.symbol, ended=state.ended)
                    await self.send_message(type="status", symbol=state.topic.symbol, state=reported, message=text)
        finally:
            state.quality_changes.unwatch(check)


class StreamSocket(SymbolSocket):
    """Sends every message of a public stream, whose parameters are the query's."""

    def rules(self) -> Sequence[Parameter]:
        """Return the parameters of the query."""
        return self.declared.parameters

    def read_options(self) -> dict[str, Any]:
        return read_given(self.rules(), self.value)

    def topic(self, desk: Desk, symbol: str, options: dict[str, Any]) -> Topic:
        return desk.topics(self.frame_key(desk, symbol, options))[0]

    def frame_key(self, desk: Desk, symbol: str, options: Mapping[str, object]) -> FrameKey:
        """Return the key of the frames that are sent."""
        return frame_key(desk.venue, symbol, self.declared.name, options)

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        await self.forward(desk, self.frame_key(desk, listing.instrument.symbol, options))


def stream_socket(stream: Stream) -> type[StreamSocket]:
    """Return the socket of a public stream that needs no class of its own."""
    declared = {"declared": stream, "query": stream.parameters, "messages": stream.messages}
    route = "ws/" + stream.name.removeprefix("v1.")
    return type("PublicStreamSocket", (StreamSocket,), {**declared, "route": route, "__doc__": StreamSocket.__doc__})
