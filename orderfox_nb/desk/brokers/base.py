"""Interface between a bot's run and the broker of its orders."""

from __future__ import annotations

from typing import Protocol

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.limits import RiskGuard
from orderfox_nb.bots.ports import VenuePort


class OrderOwner(Protocol):
    """The run of a bot, as its broker sees it."""

    def settle(self, *, act: bool = True) -> None:
        """Book what the venue has answered; with ``act`` the strategy learns of it and its commands reach the venue."""
        ...

    async def store(self) -> None:
        """Save the session as it is now.

        Raises:
            DatabaseUnavailable: It is not saved.
        """
        ...

    def halt(self, reason: str) -> None:
        """Stop the bot for a reason that its owner reads."""
        ...

    def order_name(self, number: int) -> str:
        """Return the client id of an order of the present session: the same after a restart, and never used again."""
        ...


class Broker(Protocol):
    """Broker of the orders of one bot. A session trades at its ``venue``, whether they are real or not."""

    @property
    def live(self) -> bool:
        """Whether orders are real."""
        ...

    @property
    def venue(self) -> VenuePort: ...

    @property
    def account(self) -> Account: ...

    @property
    def guard(self) -> RiskGuard | None:
        """Risk limits that an order must pass before it gets here."""
        ...

    @property
    def latency(self) -> Latency: ...

    @property
    def problem(self) -> str:
        """What is wrong at present; empty if nothing is."""
        ...

    async def begin(self, owner: OrderOwner) -> None:
        """Start to trade for a session, which may have been restored.

        Raises:
            InputError: The bot cannot trade here until its owner changes something.
            FeedError: The venue cannot be reached.
        """
        ...

    def pass_on(self) -> None:
        """Send what the session has given to its venue since the last call."""
        ...

    async def finish(self) -> None:
        """Cancel what is open at a real venue, and end. Safe to call twice, and without ``begin``."""
        ...
