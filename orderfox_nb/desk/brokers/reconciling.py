"""Compares what a venue has with what a session knows, at the start, after a lost stream, and now and then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.live.orders import LiveOrder
from orderfox_nb.bots.live.venue import LiveVenue
from orderfox_nb.clock import Clock, in_time
from orderfox_nb.desk.brokers.base import OrderOwner
from orderfox_nb.desk.brokers.venue_client import NoSuchOrder, OutcomeUnknown, RefusedByVenue, VenueClient
from orderfox_nb.errors import BrokerRefused, VenueUnreachable

EVERY_S: Final = 5.0
"""Between two comparisons."""
SETTLE_S: Final = 1.0
"""Before a position that differs is compared again."""
MAX_DIFFERING: Final = 3
"""As many comparisons in a row must differ: a trade may be between two of the answers."""


class OrderKeeper(Protocol):
    """Receiver of the venue's answers."""

    venue: LiveVenue
    problem: str

    @property
    def owner(self) -> OrderOwner: ...

    def owns(self, client_id: str) -> bool:
        """Return whether an order is the bot's."""
        ...

    def order_of(self, client_id: str, venue_id: str) -> LiveOrder | None:
        """Return an order of the session that is not done."""
        ...

    async def resume(self, order: LiveOrder) -> None:
        """Find out what became of an order of which nothing is known."""
        ...

    def changed(self) -> None:
        """Have the session book what was said."""
        ...

    def disagree(self, reason: str) -> None:
        """Stop the bot."""
        ...


class Reconciler:
    """Asks the venue over REST for orders, trades and position of one bot.

    Args:
        broker: Gets what is found.
        client: Talks to the venue.
        account: What the session believes to have.
        clock: Measures pauses.
    """

    def __init__(self, broker: OrderKeeper, client: VenueClient, account: Account, clock: Clock) -> None:
        self._broker = broker
        self._client = client
        self._account = account
        self._clock = clock
        self._asked = asyncio.Event()

    def ask_soon(self) -> None:
        """Compare now and not at the next regular time."""
        self._asked.set()

    async def begin(self) -> None:
        """Bring a session up to date before it trades.

        Raises:
            BrokerRefused: The position of the account is not that of the session.
            VenueUnreachable: The venue does not answer.
        """
        venue = self._client.instrument.venue
        broker = self._broker
        try:
            sent = [order for order in broker.venue.orders.values() if order.stage == "sent"]
            await asyncio.gather(*(broker.resume(order) for order in sent))
            await self._orders()
            for said in await self._client.open_orders():
                if broker.owns(said.client_id) and broker.order_of(said.client_id, said.venue_id) is None:
                    # Of a session that has ended without an answer to its cancel.
                    with suppress(NoSuchOrder):
                        await self._client.cancel(said.client_id)
            found = await self._client.position()
        except RefusedByVenue as error:
            raise BrokerRefused(venue, str(error)) from None
        except OutcomeUnknown as error:
            raise VenueUnreachable(venue, str(error)) from None
        # What was found is booked; the strategy learns of it once its data are whole.
        broker.owner.settle(act=False)
        if found != self._account.position_lots:
            raise BrokerRefused(venue, self._difference(found))

    async def keep(self) -> None:
        """Compare for as long as the bot runs."""
        differing = 0
        while True:
            with suppress(TimeoutError):
                await in_time(self._clock, SETTLE_S if differing else EVERY_S, self._wait())
            try:
                await self._orders()
                before = self._account.position_lots
                found = await self._client.position()
            except (OutcomeUnknown, RefusedByVenue) as error:
                self._broker.problem = f"the account cannot be read: {error}"
                continue
            self._broker.problem = ""
            known = self._account.position_lots
            if found == known or before != known or self._broker.venue.unsure:
                differing = 0
                continue
            differing += 1
            if differing >= MAX_DIFFERING:
                self._broker.disagree(self._difference(found))

    async def _wait(self) -> None:
        await self._asked.wait()
        self._asked.clear()

    async def _orders(self) -> None:
        """Compare the orders that are not done, and their trades."""
        broker = self._broker
        for order in list(broker.venue.orders.values()):
            if order.stage != "known":
                continue
            name = broker.owner.order_name(order.number)
            try:
                said = await self._client.find(name)
            except NoSuchOrder:
                if order.number in broker.venue.orders:
                    broker.disagree(f"the venue does not know order {name} any more")
                continue
            if said.filled_lots > order.traded:
                for trade in await self._client.trades(said.venue_id):
                    broker.venue.trade(order, trade)
            broker.venue.update(order, said)
            broker.changed()

    def _difference(self, found: int) -> str:
        size, known = (self._client.instrument.exact_size(lots) for lots in (found, self._account.position_lots))
        return f"the account's position is {size} and the bot's is {known}"
