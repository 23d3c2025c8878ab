"""The public WebSockets: order book, trades, candles and liquidations of one symbol each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError

from orderfox_nb.core.events import Channel, Liquidation, Topic, Trade, is_new_run
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.ladder import parse_rounding
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.symbols import default_rounding
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.keys import FrameKey, bar_count, frame_key, volume_timeframe
from orderfox_nb.desk.reader import Repeat
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Listing
from orderfox_nb.server.handlers.market import book_limit
from orderfox_nb.server.handlers.parameters import Parameter
from orderfox_nb.server.handlers.sockets import MarketSocket
from orderfox_nb.server.service import DeskService
from orderfox_nb.views.public_liquidations import liquidation_order, liquidation_orders
from orderfox_nb.views.quality import status_text
from orderfox_nb.views.stamp import Stamp, number
from orderfox_nb.views.trades import PUBLIC_TRADES, trades_update

EVENT_BOUND: Final = 2000
_BATCH_S: Final = 0.1
_WIDTH: Final = Parameter(
    name="container_width", kind="integer", default=800, low=300, high=3000, description="Width of the chart in pixels"
)
_ORDERS: Final = Parameter(
    name="orders", kind="boolean", description="Whether each order is sent; by default only without a timeframe"
)
_TROUBLE: Final = ("stale", "gap", "skewed", "down")


class SymbolSocket(MarketSocket):
    """A socket about one symbol, in the path or in the query."""

    channel: Channel

    async def serve(self, *args: str | None) -> None:
        desk = await self.service.desk()
        asked = next((arg for arg in args[:1] if arg), None) or self.value("symbol")
        if asked is None:
            raise BadValue("symbol", "", "a symbol such as BTCUSDT")
        options = self.options()
        listing = await desk.catalogue.resolve(asked)
        topic = Topic(desk.venue, listing.instrument.symbol, self.channel, options.get("interval", ""))
        self.admit_topic(desk, topic)
        async with desk.hub.watch(topic) as state:
            status = asyncio.create_task(self._report_status(state), name=f"status {topic}")
            try:
                await self.stream(desk, listing, options)
            finally:
                status.cancel()
                await asyncio.wait({status})

    def options(self) -> dict[str, Any]:
        """Check the query.

        Raises:
            BadValue: One of its values cannot be used.
        """
        raise NotImplementedError

    async def stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        """Send the symbol's messages until the socket closes."""
        raise NotImplementedError

    def value(self, name: str) -> str | None:
        """Return the last value of a query parameter.

        Raises:
            BadValue: It is no text.
        """
        try:
            return self.get_query_argument(name, None)
        except HTTPError:
            raise BadValue(name, self.request.query_arguments[name][-1], "text in UTF-8") from None

    async def forward(self, desk: Desk, key: FrameKey) -> None:
        """Send every frame of a key, the newest where this reader is slow."""
        async with self.frames(desk, key) as reader:
            async for frame in reader:
                for text in frame.messages:
                    await self.send(text)
                await self.pace()

    async def send_event(self, text: bytes) -> None:
        """Write a message that no later one replaces: a reader that does not take it is closed."""
        await self.send(text, patience_s=self.service.patience_s)

    async def _report_status(self, state: TopicState) -> None:
        """Send a status message whenever the upstream fails or recovers; silence means that it is well."""
        changed = asyncio.Event()
        reported = "live"

        def check() -> None:
            now = state.quality.wire().state
            if now != reported and (now in _TROUBLE or now == "live"):
                changed.set()

        state.watch(check)
        try:
            check()
            with contextlib.suppress(WebSocketClosedError):
                while True:
                    await changed.wait()
                    changed.clear()
                    reported = state.quality.wire().state
                    text = status_text(state.quality, symbol=state.topic.symbol, ended=state.ended)
                    await self.say(type="status", symbol=state.topic.symbol, state=reported, message=text)
        finally:
            state.unwatch(check)


class OrderBookSocket(SymbolSocket):
    """``orderbook_update`` at once, then at each change, at most ten a second."""

    route = "ws/orderbook"
    channel = "book"
    key: FrameKey | None = None

    def initialize(self, service: DeskService) -> None:  # type: ignore[override]
        super().initialize(service)
        self._began = asyncio.Event()

    def options(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {"limit": book_limit(self.service).read(self.value("limit"))}
        if (rounding := self.value("rounding")) is not None:
            wanted["rounding"] = parse_rounding(rounding)
        if (zone := self.value("tz")) is not None:
            wanted["tz"] = zone
        frame_key("any", "*", "v1.orderbook", wanted)
        return {"key": wanted}

    async def stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        self._desk, self._listing = desk, listing
        self._switched = asyncio.Event()
        self.key = self._key(options["key"])
        self._began.set()
        # What follows was admitted with the message that asked for it.
        for admitted in itertools.chain((False,), itertools.repeat(True)):
            frames = asyncio.create_task(
                self._forward_while_wanted(desk, self.key, admitted), name=f"frames {self.correlation}"
            )
            switch = asyncio.create_task(self._switched.wait())
            try:
                await asyncio.wait({frames, switch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                switch.cancel()
                frames.cancel()
                await asyncio.wait({frames, switch})
            if not self._switched.is_set():
                frames.result()
                return
            self._switched.clear()

    async def handle_message(self, message: dict[str, Any]) -> None:
        if message.get("type") != "update_params":
            await super().handle_message(message)
            return
        self.check_cost("update_params")
        wanted = dict((await self._current()).parameters)
        if message.get("limit") is not None:
            wanted["limit"] = str(book_limit(self.service).read(_number_text("limit", message["limit"])))
        if message.get("rounding") is not None:
            wanted["rounding"] = str(parse_rounding(_number_text("rounding", message["rounding"])))
        key = self._key(wanted)
        if key != self.key:
            self.admit_key(await self.computed_key(self._desk, key))
        self.key = key
        await self.say(
            type="params_updated",
            limit=key.integer("limit"),
            rounding=number(self._rounding_in_force(key)),
            success=True,
        )
        self._switched.set()

    async def _forward_while_wanted(self, desk: Desk, key: FrameKey, admitted: bool) -> None:
        """Send the frames of a key while it is in force: none of them follows the answer that tells of another."""
        async with self.frames(desk, key, admitted=admitted) as reader:
            async for frame in reader:
                if key == self.key:
                    await self.send(frame.text)
                    await self.pace()

    async def _current(self) -> FrameKey:
        """Return the key in force.

        A reader may speak before its symbol is known: its message waits, and so does what follows.

        Raises:
            WebSocketClosedError: There will be none; why is told by the task that looked for it.
        """
        assert self._task is not None
        began = asyncio.create_task(self._began.wait())
        try:
            await asyncio.wait({began, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            began.cancel()
        if self.key is None:
            raise WebSocketClosedError
        return self.key

    def _key(self, wanted: Mapping[str, object]) -> FrameKey:
        return frame_key(self._desk.venue, self._listing.instrument.symbol, "v1.orderbook", wanted)

    def _rounding_in_force(self, key: FrameKey) -> Decimal:
        symbol = self._listing.instrument.symbol
        instrument = counted_by(self._desk, Topic(self._desk.venue, symbol, "book"), self._listing)
        if key["rounding"] == "auto":
            return default_rounding(self._desk.catalogue.rounding_options(instrument))
        return max(Decimal(key["rounding"]), instrument.tick_size)


class TradesSocket(SymbolSocket):
    """``trades_update`` with the newest hundred, or with ``delta`` the new ones only, none twice and none left out."""

    route = "ws/trades"
    channel = "trades"

    def options(self) -> dict[str, Any]:
        return {"delta": Parameter(name="delta", kind="boolean", default=False).read(self.value("delta"))}

    async def stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        symbol = listing.instrument.symbol
        if not options["delta"]:
            await self.forward(desk, frame_key(desk.venue, symbol, "v1.trades"))
            return
        topic = Topic(desk.venue, symbol, "trades")
        async with desk.events(topic, bound=EVENT_BOUND, overflow="close") as reader:
            last_id, initial = -1, True
            while batch := await reader.batch():
                began = max((at for at, (_, event) in enumerate(batch) if is_new_run(event)), default=-1)
                if began >= 0:
                    # The venue's ids may be any from here on.
                    last_id = -1
                trades = [event for _, event in batch[began + 1 :] if isinstance(event, Trade) and event.id > last_id]
                if not trades and not initial:
                    continue
                if initial:
                    state = desk.hub.state(topic)
                    if not trades and (state is None or state.quality.wire().state == "syncing"):
                        continue
                    last_id = trades[-1].id if trades else -1
                    trades = trades[-PUBLIC_TRADES:]
                else:
                    last_id = trades[-1].id
                stamp = stamp_of(desk, topic, batch[-1].sequence)
                await self.send_event(
                    trades_update(trades, stamp, instrument=counted_by(desk, topic, listing), initial=initial)
                )
                initial = False
                await asyncio.sleep(_BATCH_S)


class CandlesSocket(SymbolSocket):
    """``historical_candles``, then ``candle_update``, at most ten a second."""

    route = "ws/candles"
    channel = "candles"

    def options(self) -> dict[str, Any]:
        interval = next((part for part in self.path_args[1:] if part), None) or self.value("timeframe") or "1m"
        count = bar_count(_WIDTH.read(self.value("container_width")))
        frame_key("any", "*", "v1.candles", {"interval": interval})
        return {"interval": interval, "count": count}

    async def stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        await self.forward(desk, frame_key(desk.venue, listing.instrument.symbol, "v1.candles", options))


class LiquidationsSocket(SymbolSocket):
    """``liquidation_order`` for every order; with a timeframe ``liquidation_volume``, and both with ``orders=true``.

    Clients open one socket for their table and one for their chart and show what either sends: if both sent orders,
    each order would stand twice in the table.
    """

    route = "ws/liquidations"
    channel = "liquidations"

    def options(self) -> dict[str, Any]:
        timeframe = self.value("timeframe")
        if timeframe is not None:
            volume_timeframe("timeframe", timeframe)
        orders = _ORDERS.read(self.value("orders"))
        if timeframe is None and orders is False:
            raise BadValue("orders", "false", "true, or a timeframe beside it: else there is nothing to send")
        return {
            "timeframe": timeframe,
            "count": bar_count(_WIDTH.read(self.value("container_width"))),
            "orders": timeframe is None if orders is None else orders,
        }

    async def stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        if options["timeframe"] is None:
            await self._orders(desk, listing)
            return
        parameters = {"interval": options["timeframe"], "count": options["count"]}
        key = frame_key(desk.venue, listing.instrument.symbol, "v1.liquidation_volume", parameters)
        if not options["orders"]:
            await self.forward(desk, key)
            return
        async with beside(self.forward(desk, key), name=f"volume {self.correlation}"):
            await self._orders(desk, listing)

    async def _orders(self, desk: Desk, listing: Listing) -> None:
        topic = Topic(desk.venue, listing.instrument.symbol, "liquidations")
        async with desk.events(topic, bound=EVENT_BOUND, overflow="close") as reader:
            initial = True
            while batch := await reader.batch():
                if initial:
                    if (known := _known_orders(desk, topic)) is None:
                        continue
                    stamp = stamp_of(desk, topic, batch[-1].sequence)
                    await self.send_event(liquidation_orders(known, stamp, instrument=counted_by(desk, topic, listing)))
                    initial = False
                    continue
                for numbered in batch:
                    # After a gap the past is told again: what a reader has it does not get twice.
                    if isinstance(numbered.event, Liquidation) and not isinstance(numbered, Repeat):
                        stamp = stamp_of(desk, topic, numbered.sequence)
                        order = liquidation_order(numbered.event, stamp, instrument=counted_by(desk, topic, listing))
                        await self.send_event(order)


def _known_orders(desk: Desk, topic: Topic) -> Sequence[Liquidation] | None:
    """Return the orders so far, oldest first; None while the past is still on its way."""
    state = desk.hub.state(topic)
    assert state is not None, "a topic that is read is open"
    fold: LiquidationState = state.fold  # type: ignore[assignment]
    orders = fold.orders.oldest_first
    down = state.status is not None and state.status.state == "down"
    return orders if state.whole or (down and orders) else None


def stamp_of(desk: Desk, topic: Topic, sequence: int) -> Stamp:
    """Return number, time and quality of an event's message."""
    state = desk.hub.state(topic)
    assert state is not None, "a topic that is read is open"
    return Stamp(sequence=sequence, time_us=desk.now_us(), quality=state.quality.wire())


@contextlib.asynccontextmanager
async def beside(work: Any, *, name: str) -> AsyncIterator[None]:
    """Run a second stream of the same socket; its failure ends the socket as the first one's would."""
    owner = asyncio.current_task()
    assert owner is not None
    task: asyncio.Task[None] = asyncio.create_task(work, name=name)
    task.add_done_callback(lambda done: owner.cancel() if not done.cancelled() and done.exception() else None)
    try:
        yield
    except asyncio.CancelledError:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            owner.uncancel()
            raise error from None
        raise
    finally:
        task.cancel()
        await asyncio.wait({task})


def _number_text(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise BadValue(name, value, "a number")
    return str(value)


def counted_by(desk: Desk, topic: Topic, listing: Listing) -> Instrument:
    """Return the instrument of an open topic, whose steps may be others by now than when its reader came."""
    state = desk.hub.state(topic)
    return listing.instrument if state is None else state.instrument
