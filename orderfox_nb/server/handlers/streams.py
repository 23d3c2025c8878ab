"""The public WebSockets: order book, trades, candles and liquidations of one symbol each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from tornado.websocket import WebSocketClosedError

from orderfox_nb.core.events import Liquidation, Topic, Trade, is_new_run
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.symbols import default_rounding
from orderfox_nb.core.trade_order import TradeOrder
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.keys import FrameKey
from orderfox_nb.desk.parameters import ROUNDING, TIMEFRAME, VOLUME_TIMEFRAME, Parameter
from orderfox_nb.desk.reader import Repeat
from orderfox_nb.desk.streams import v1_candles, v1_liquidation_volume, v1_orderbook, v1_trades
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.errors import BadValue
from orderfox_nb.feeds.base import Listing
from orderfox_nb.server.handlers.market import book_limit, book_rules
from orderfox_nb.server.handlers.symbol_socket import StreamSocket, SymbolSocket
from orderfox_nb.server.handlers.writing import FrameWriter
from orderfox_nb.server.service import DeskService
from orderfox_nb.views.public_liquidations import liquidation_order, liquidation_orders
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
_DELTA: Final = Parameter(name="delta", kind="boolean", default=False, description="Only new trades after the first")


class OrderBookSocket(StreamSocket):
    """``orderbook_update`` at once, then at each change, at most ten a second; takes ``update_params``."""

    route = "ws/orderbook"
    declared = v1_orderbook.STREAM
    query = declared.parameters
    messages = declared.messages
    changeable: Sequence[str] = ("limit", "rounding")
    key: FrameKey | None = None
    _frame_writer: FrameWriter | None = None

    def initialize(self, service: DeskService) -> None:  # type: ignore[override]
        super().initialize(service)
        self._started = asyncio.Event()

    def rules(self) -> Sequence[Parameter]:
        return book_rules(self.service)

    def read_options(self) -> dict[str, Any]:
        return {"limit": book_limit(self.service).default, **super().read_options()}

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        self._desk, self._listing = desk, listing
        self._switched = asyncio.Event()
        self.key = self.frame_key(desk, listing.instrument.symbol, options)
        self._started.set()
        # What follows was admitted with the message that asked for it.
        for admitted in itertools.chain((False,), itertools.repeat(True)):
            frames = asyncio.create_task(
                self._forward_until_replaced(desk, self.key, admitted), name=f"frames {self.correlation}"
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
        wanted: dict[str, object] = dict((await self._current()).parameters)
        for rule in self.rules():
            if rule.name in self.changeable and (given := message.get(rule.name)) is not None:
                wanted[rule.name] = rule.read_json(given)
        key = self.frame_key(self._desk, self._listing.instrument.symbol, wanted)
        if key != self.key:
            self.admit_key(await self.computed_key(self._desk, key))
        self.key = key
        if self._frame_writer is not None:
            self._frame_writer.replaced = True
        await self.send_message(
            type="params_updated",
            limit=key.integer("limit"),
            rounding=number(self._rounding_in_force(key)),
            success=True,
        )
        self._switched.set()

    async def _forward_until_replaced(self, desk: Desk, key: FrameKey, admitted: bool) -> None:
        """Send the frames of a key while it is in force: none of them follows the answer that announces another key."""
        async with self.frames(desk, key, admitted=admitted) as reader:
            self._frame_writer = writer = FrameWriter(self)
            writer.replaced = key is not self.key
            await reader.deliver(writer.write, writer.until_ready)

    async def _current(self) -> FrameKey:
        """Return the key in force.

        A message may arrive before the symbol is known: it waits, and so do the following ones.

        Raises:
            WebSocketClosedError: There will be none; the task that resolved the symbol reports why.
        """
        assert self._task is not None
        started = asyncio.create_task(self._started.wait())
        try:
            await asyncio.wait({started, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self.key is None:
            raise WebSocketClosedError
        return self.key

    def _rounding_in_force(self, key: FrameKey) -> Decimal:
        symbol = self._listing.instrument.symbol
        instrument = counted_by(self._desk, Topic(self._desk.venue, symbol, "book"), self._listing)
        if key["rounding"] == ROUNDING.word:
            return default_rounding(self._desk.catalogue.rounding_options(instrument))
        return max(Decimal(key["rounding"]), instrument.tick_size)


class TradesSocket(SymbolSocket):
    """``trades_update`` with the newest hundred, or with ``delta`` only the new ones, each once and without a hole."""

    route = "ws/trades"
    channel = "trades"
    query = (_DELTA,)
    declared = v1_trades.STREAM
    messages = declared.messages

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        symbol = listing.instrument.symbol
        if not options["delta"]:
            await self.forward(desk, frame_key(desk.venue, symbol, self.declared.name))
            return
        topic = Topic(desk.venue, symbol, "trades")
        async with desk.events(topic, bound=EVENT_BOUND, overflow="close") as reader:
            order, initial = TradeOrder(), True
            while batch := await reader.batch():
                started = max((at for at, (_, event, _) in enumerate(batch) if is_new_run(event)), default=-1)
                if started >= 0:
                    # The venue's ids may be any from here on.
                    order.clear()
                events = (event for _, event, _ in batch[started + 1 :])
                trades = [event for event in events if isinstance(event, Trade) and order.is_new(event)]
                if not trades and not initial:
                    continue
                if initial:
                    state = desk.hub.state(topic)
                    if not trades and (state is None or state.quality.wire().state == "syncing"):
                        continue
                    trades = trades[-PUBLIC_TRADES:]
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

    query = (TIMEFRAME, _WIDTH)
    declared = v1_candles.STREAM
    messages = declared.messages

    def read_options(self) -> dict[str, Any]:
        given = next((part for part in self.path_args[1:] if part), None) or self.value("timeframe")
        count = v1_candles.bar_count(_WIDTH.read(self.value("container_width")))
        return {"interval": TIMEFRAME.read(given), "count": count}

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        await self.forward(desk, frame_key(desk.venue, listing.instrument.symbol, self.declared.name, options))


class LiquidationsSocket(SymbolSocket):
    """``liquidation_order`` for every order; with a timeframe ``liquidation_volume``, and both with ``orders=true``.

    Clients open one socket for their table and one for their chart and show the orders of both: if both sent orders,
    each order would be in the table twice.
    """

    route = "ws/liquidations"
    channel = "liquidations"

    query = (msgspec.structs.replace(VOLUME_TIMEFRAME, default=None), _WIDTH, _ORDERS)
    declared = v1_liquidation_volume.STREAM
    messages = ("liquidation_order", *declared.messages)

    def read_options(self) -> dict[str, Any]:
        given = super().read_options()
        timeframe, orders = given["timeframe"], given["orders"]
        if timeframe is None and orders is False:
            raise BadValue("orders", "false", "true, or a timeframe as well: otherwise there is nothing to send")
        return {
            "timeframe": timeframe,
            "count": v1_candles.bar_count(given["container_width"]),
            "orders": timeframe is None if orders is None else orders,
        }

    async def send_stream(self, desk: Desk, listing: Listing, options: dict[str, Any]) -> None:
        if options["timeframe"] is None:
            await self._orders(desk, listing)
            return
        parameters = {"interval": options["timeframe"], "count": options["count"]}
        key = frame_key(desk.venue, listing.instrument.symbol, self.declared.name, parameters)
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
                    # After a gap the past is repeated: a reader gets no order twice.
                    if isinstance(numbered.event, Liquidation) and not isinstance(numbered, Repeat):
                        stamp = stamp_of(desk, topic, numbered.sequence)
                        order = liquidation_order(numbered.event, stamp, instrument=counted_by(desk, topic, listing))
                        await self.send_event(order)


def _known_orders(desk: Desk, topic: Topic) -> Sequence[Liquidation] | None:
    """Return the orders so far, oldest first; None while the past is still on its way."""
    state = desk.hub.state(topic)
    assert state is not None, "a topic that is read is open"
    orders = state.fold_as(LiquidationState).orders.oldest_first
    down = state.status is not None and state.status.state == "down"
    return orders if state.whole or (down and orders) else None


def stamp_of(desk: Desk, topic: Topic, sequence: int) -> Stamp:
    """Return number, time and quality of an event's message."""
    state = desk.hub.state(topic)
    assert state is not None, "a topic that is read is open"
    return Stamp(sequence=sequence, time_us=desk.now_us(), quality=state.quality.wire())


@contextlib.asynccontextmanager
async def beside(work: Any, *, name: str) -> AsyncGenerator[None]:
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


def counted_by(desk: Desk, topic: Topic, listing: Listing) -> Instrument:
    """Return the instrument of an open topic, whose steps may be others by now than when its reader came."""
    state = desk.hub.state(topic)
    return listing.instrument if state is None else state.instrument
