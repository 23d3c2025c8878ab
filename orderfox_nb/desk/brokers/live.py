"""Real orders: sent to the venue once they are stored, followed until they are done, never sent twice.

How an order is sent: its client id is derived from the bot and its number. The session is saved with the order in it,
then the order is sent. If no answer comes, it is not sent again at once: the venue is asked for the client id until it
either knows the order, or can no longer accept the first request (``WINDOW_MS`` after its signature). Only then is it
sent again, under the same client id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from orderfox_nb.bots.latency import NO_LATENCY
from orderfox_nb.bots.limits import OWN_LIMIT, RiskGuard
from orderfox_nb.bots.live.account import LiveAccount
from orderfox_nb.bots.live.orders import LiveOrder, VenueOrder, VenueTrade
from orderfox_nb.bots.live.venue import LiveVenue
from orderfox_nb.bots.orders import Rejection
from orderfox_nb.clock import Clock
from orderfox_nb.desk.brokers.base import OrderOwner
from orderfox_nb.desk.brokers.reconciling import Reconciler
from orderfox_nb.desk.brokers.venue_client import WINDOW_MS, NoSuchOrder, OutcomeUnknown, RefusedByVenue, VenueClient
from orderfox_nb.errors import OrderFoxError

_log = logging.getLogger(__name__)

Report = TypeVar("Report")

ATTEMPTS: Final = 3
"""Most requests for one order; the next one is sent only once the venue certainly has not got the previous one."""
PAUSE_S: Final = 0.5
"""Between two questions about an order whose state is unknown."""
STREAM_PAUSE_S: Final = 1.0
"""Before a stream that has ended is opened again."""
FINISH_S: Final = 8.0
"""How long a bot that ends waits for its orders to be cancelled."""
MAX_NAMES: Final = 1_000
"""Client ids that are kept before those of orders that are done are forgotten."""
MAX_AT_ONCE: Final = 10
"""Requests of one bot at the same time."""
DUPLICATE: Final = frozenset({-4111, -4115, -4116})
"""Codes of an order whose client id is taken: an earlier request has arrived."""


class LiveBroker:
    """Sends the orders of one bot to a venue, and keeps its session up to date with what the venue says.

    Args:
        client: Talks to the venue.
        account: Account of the session.
        guard: Risk limits of the session.
        clock: Measures pauses.
        released: Called when everything is closed.
    """

    def __init__(
        self,
        client: VenueClient,
        account: LiveAccount,
        guard: RiskGuard,
        clock: Clock,
        *,
        released: Callable[[], None],
    ) -> None:
        self.live = True
        self.venue = LiveVenue(client.instrument)
        self.account = account
        self.guard = guard
        self.latency = NO_LATENCY
        self.problem = ""
        self._client = client
        self._clock = clock
        self._owner: OrderOwner | None = None
        self._numbers: dict[str, int] = {}
        """Numbers of orders by client id; those of finished orders are removed from time to time."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """Locks of the orders that are being placed or cancelled."""
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._changed = asyncio.Event()
        self._finishing = False
        self._finished = False
        self._released = released
        self._reconciler = Reconciler(self, client, account, clock)

    @property
    def owner(self) -> OrderOwner:
        """The run of the bot."""
        assert self._owner is not None
        return self._owner

    async def begin(self, owner: OrderOwner) -> None:
        """Find out what became of the orders of a restored session, and follow the account from now on.

        Raises:
            BrokerRefused: The account is not as the session left it.
            VenueUnreachable: The venue does not answer.
        """
        self._owner = owner
        for order in list(self.venue.orders.values()):
            self._know(order)
            if order.stage == "waiting":
                # It was not sent before the end, and is out of date by now.
                self.venue.lose(order, "it was not sent before the server ended")
        await self._reconciler.begin()
        self._spawn(self._follow(self._client.watch_orders, self.apply_order), "orders")
        self._spawn(self._follow(self._client.watch_trades, self.apply_trade), "trades")
        self._spawn(self._reconciler.keep(), "account")

    def pass_on(self) -> None:
        """Send what waits at the venue of the session."""
        if self._owner is None or not self.venue.waiting:
            return
        placed, cancelled = self.venue.take()
        for order in placed:
            self._know(order)
        for order in cancelled:
            self._spawn(self._cancel(order), f"cancels order {order.number}")
        if placed:
            self._spawn(self._store_and_place(placed), "places orders")

    async def finish(self) -> None:
        """Cancel every order, wait until the venue has confirmed that, and close the connections."""
        if self._finished:
            return
        self._finishing = True
        try:
            if self._owner is not None:
                await self._cancel_all()
        finally:
            # Also where the server does not wait any longer.
            self._finished = True
            for task in list(self._tasks):
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._client.close()
            self._released()

    async def _cancel_all(self) -> None:
        """Cancel every order, and wait until the venue has confirmed that."""
        self.venue.cancel_all(0)
        self._reconciler.ask_soon()
        self.owner.settle(act=False)
        self.pass_on()
        try:
            async with asyncio.timeout(FINISH_S):
                while self.venue.orders:
                    self._changed.clear()
                    await self._changed.wait()
                    self.owner.settle(act=False)
        except TimeoutError:
            numbers = ", ".join(self.owner.order_name(number) for number in self.venue.orders)
            self.problem = f"{self._client.instrument.venue} has not confirmed that these are cancelled: {numbers}"
            _log.error("live orders are not confirmed as cancelled: %s", numbers)

    def _know(self, order: LiveOrder) -> None:
        if len(self._numbers) >= MAX_NAMES:
            self._numbers = {name: number for name, number in self._numbers.items() if number in self.venue.orders}
        self._numbers[self.owner.order_name(order.number)] = order.number

    def order_of(self, client_id: str, venue_id: str) -> LiveOrder | None:
        """Return an order of the session, None if it is another's or done."""
        number = self._numbers.get(client_id)
        return self.venue.orders.get(number) if number is not None else self.venue.by_venue_id(venue_id)

    def owns(self, client_id: str) -> bool:
        """Return whether an order is this bot's, of this session or an earlier one."""
        return client_id.startswith(self.owner.order_name(0).removesuffix("0"))

    def apply_order(self, said: VenueOrder) -> None:
        """Apply what the venue reports of an order."""
        order = self.order_of(said.client_id, said.venue_id)
        if order is not None:
            self.venue.update(order, said)
            self.changed()

    def apply_trade(self, said: VenueTrade) -> None:
        """Book a trade of the account; one that is not the bot's stops it."""
        order = self.order_of(said.client_id, said.venue_id)
        if order is not None:
            self.venue.trade(order, said)
            self.changed()
        elif said.client_id and not self.owns(said.client_id):
            self.disagree(f"an order that is not this bot's was traded ({said.client_id})")

    def disagree(self, reason: str) -> None:
        """Stop the bot: the account is not what its ledger says."""
        self.owner.halt(f"{self._client.instrument.symbol}: {reason}. A live bot needs its symbol to itself")
        self.changed()

    def changed(self) -> None:
        """Have the session book what was said, and send what its strategy wants now."""
        self._changed.set()
        self.owner.settle(act=not self._finishing)
        self.pass_on()

    async def _follow(self, watch: Callable[[], AsyncGenerator[Report, None]], apply: Callable[[Report], None]) -> None:
        """Read a stream of the account for as long as the bot runs."""
        while True:
            with suppress(OutcomeUnknown, RefusedByVenue):
                async with aclosing(watch()) as stream:
                    async for report in stream:
                        apply(report)
            # What it missed is found by asking.
            self._reconciler.ask_soon()
            await self._clock.sleep(STREAM_PAUSE_S)

    async def _store_and_place(self, orders: list[LiveOrder]) -> None:
        try:
            await self.owner.store()
        except OrderFoxError as error:
            # The database is away, another server runs the bot, or it was deleted.
            for order in orders:
                self.venue.refuse(order, Rejection(OWN_LIMIT, f"not sent, as it cannot be stored: {error}"))
            self.changed()
            return
        for order in orders:
            self._spawn(self._place(order), f"places order {order.number}")

    async def _place(self, order: LiveOrder) -> None:
        name = self.owner.order_name(order.number)
        async with self._locks.setdefault(order.number, asyncio.Lock()), self._slots:
            for attempt in range(ATTEMPTS):
                if order.number not in self.venue.orders:
                    return
                if order.cancelling or (attempt and self._finishing):
                    # Nothing of it is at the venue: the attempts before have certainly not arrived.
                    self.venue.lose(order, "it had not reached the venue", state="cancelled")
                    self.changed()
                    return
                sent_us = self._clock.now_us()
                try:
                    self._apply_answer(order, await self._client.place(name, order.request))
                    return
                except RefusedByVenue as error:
                    if error.rejection.code not in DUPLICATE:
                        self.venue.refuse(order, error.rejection)
                        self.changed()
                        return
                except OutcomeUnknown as error:
                    _log.warning("order=%s has no answer: %s", name, error)
                if await self._find(order, sent_us):
                    return
            if order.number in self.venue.orders:
                self.venue.lose(order, f"it did not reach the venue in {ATTEMPTS} attempts")
                self.changed()

    async def _find(self, order: LiveOrder, sent_us: int) -> bool:
        """Return whether the venue has an order, once that is certain."""
        name = self.owner.order_name(order.number)
        while order.number in self.venue.orders and order.stage != "known":
            # Read before the question: its answer says nothing about requests that reach the venue later.
            closed = self._clock.now_us() > sent_us + WINDOW_MS * 1000
            try:
                self._apply_answer(order, await self._client.find(name))
            except NoSuchOrder:
                self.problem = ""
                if closed:
                    return False
            except (OutcomeUnknown, RefusedByVenue) as error:
                self.problem = f"order {name} is unknown: {error}"
            else:
                break
            await self._clock.sleep(PAUSE_S)
        self.problem = ""
        return True

    async def resume(self, order: LiveOrder) -> None:
        """Find out what became of an order that was sent before a restart; it is not sent again."""
        if await self._find(order, self._clock.now_us()):
            return
        self.venue.lose(order, "it did not reach the venue before the server ended")
        self.changed()

    async def _cancel(self, order: LiveOrder) -> None:
        name = self.owner.order_name(order.number)
        async with self._locks.setdefault(order.number, asyncio.Lock()), self._slots:
            while order.number in self.venue.orders and order.final is None:
                try:
                    self._apply_answer(order, await self._client.cancel(name))
                    return
                except NoSuchOrder:
                    # It is done already: filled, or cancelled by the attempt before.
                    with suppress(OutcomeUnknown, RefusedByVenue):
                        self._apply_answer(order, await self._client.find(name))
                        return
                except RefusedByVenue as error:
                    self.problem = f"{name} cannot be cancelled: {error}"
                except OutcomeUnknown as error:
                    self.problem = f"{name} is being cancelled: {error}"
                await self._clock.sleep(PAUSE_S)
            self.problem = ""

    def _apply_answer(self, order: LiveOrder, said: VenueOrder) -> None:
        self.venue.update(order, said)
        if order.traded < order.claimed:
            self._reconciler.ask_soon()
        self.changed()

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.create_task(work, name=f"live bot {self._client.instrument.symbol} {what}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of a live bot failed", exc_info=error)
            self.disagree("a fault of the server, whose log has more")
