"""The same bot with other queue models, so that its profit is a band and not a number of one model.

Only the session of the worst case is stored with its orders and fills. The others run beside it on the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.bots.terms import BAND
from orderfox_nb.core.events import Channel, Event
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.brokers.base import Broker
from orderfox_nb.desk.brokers.paper import TERMS


class Trial(NamedTuple):
    """One queue model's session and account."""

    account: Account
    session: BotSession


class SessionBand:
    """The session of a bot, and those beside it, which see the same events.

    Real orders are in no queue that has to be estimated: a live bot has one session.

    Args:
        make: Makes a strategy with the bot's parameters, one for each session.
        broker: Where the orders of the main session go; on paper it has the queue model of the worst case.
        instrument: What the bot trades.
        channels: What the events contain.
        start_us: See ``BotSession``.
    """

    def __init__(
        self,
        make: Callable[[], Strategy],
        broker: Broker,
        instrument: Instrument,
        *,
        channels: Collection[Channel],
        start_us: int,
    ) -> None:
        session = BotSession(
            make(),
            instrument,
            venue=broker.venue,
            account=broker.account,
            guard=broker.guard,
            latency=broker.latency,
            start_us=start_us,
            channels=channels,
        )
        self.main = Trial(broker.account, session)
        self._beside: list[Trial] = []
        for queue in () if broker.live else BAND[1:]:
            account = TERMS.account(instrument)
            beside = TERMS.session(make(), account, queue, channels=channels, start_us=start_us)
            self._beside.append(Trial(account, beside))

    def __iter__(self) -> Iterator[BotSession]:
        yield self.main.session
        for trial in self._beside:
            yield trial.session

    def apply(self, event: Event, channel: Channel = "") -> None:
        """Apply the next event to every session."""
        for session in self:
            session.apply(event, channel)

    def range(self) -> tuple[Decimal, Decimal]:
        """Return the lowest and the highest equity."""
        worth = [self.main.account.equity(), *(trial.account.equity() for trial in self._beside)]
        return min(worth), max(worth)

    def stop(self, reason: str) -> None:
        """Stop every session."""
        for session in self:
            session.stop(reason)

    def finish(self) -> None:
        """End every session with its data."""
        for session in self:
            session.finish()

    def forget(self) -> None:
        """Drop what the sessions beside have put out: only their equity is wanted."""
        for account, session in self._beside:
            session.drain()
            account.drain()

    def snapshot(self) -> list[Any]:
        """Return the state of the sessions beside as builtins."""
        self.forget()
        return [session.snapshot() for _, session in self._beside]

    def restore(self, main: Mapping[str, Any], beside: Sequence[Any]) -> None:
        """Continue from snapshots; a session that has none begins as the main one is.

        Raises:
            BadValue: The snapshots are of another strategy, symbol or version.
        """
        for place, (_, session) in enumerate(self._beside):
            session.restore(beside[place] if place < len(beside) else main)

    def restore_accounts(self, main: Mapping[str, Any], beside: Sequence[Any]) -> None:
        """Begin new sessions with the accounts of snapshots."""
        for place, (account, session) in enumerate(self._beside):
            account.restore((beside[place] if place < len(beside) else main)["account"])
            session.gateway.read_position()
