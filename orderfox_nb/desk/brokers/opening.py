"""Makes the broker of a bot: on paper, or real where that is unlocked."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.live.account import LiveAccount
from orderfox_nb.clock import Clock
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.brokers.base import Broker
from orderfox_nb.desk.brokers.live import LiveBroker
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.brokers.paper import PaperBroker
from orderfox_nb.desk.brokers.venue_client import CLIENTS, VenueClient
from orderfox_nb.desk.desk import Desk
from orderfox_nb.errors import BrokerRefused, LiveTradingRefused

MIN_CASH: Final = Decimal(1)


class Brokers:
    """Opens brokers, one for each run of a bot.

    Args:
        lock: Whether there may be live bots, with their addresses, keys and limits.
        clock: Measures their pauses.
    """

    def __init__(self, lock: TradingLock, clock: Clock) -> None:
        self._settings = lock.settings
        self._lock = lock
        self._clock = clock
        self._taken: set[tuple[str, str]] = set()
        """Venue and symbol of each live bot."""

    async def open(self, instrument: Instrument, desk: Desk, *, paper: bool) -> Broker:
        """Return the broker of a bot that is about to run.

        Args:
            instrument: What it trades.
            desk: Has its market.
            paper: Whether its orders stay on paper.

        Raises:
            BrokerRefused: The venue does not let the bot trade.
            LiveTradingRefused: Live trading is locked.
            MissingExtra: ccxt is not installed.
            VenueUnreachable: The venue does not answer.
        """
        if paper:
            return PaperBroker(instrument)
        if self._lock.reason:
            raise LiveTradingRefused(self._lock.reason)
        venue, symbol = instrument.venue, instrument.symbol
        if venue not in CLIENTS or desk.origin.recorded:
            raise BrokerRefused(venue, f"live bots trade at {', '.join(CLIENTS)} only, with its live market data")
        if (venue, symbol) in self._taken:
            raise BrokerRefused(venue, f"another live bot trades {symbol}, and each needs its symbol to itself")
        client = VenueClient(instrument, self._settings)
        self._taken.add((venue, symbol))
        try:
            facts = await client.open()
            if facts.cash < MIN_CASH:
                raise BrokerRefused(venue, f"the account has {facts.cash} {instrument.quote}")
        except BaseException:
            self._taken.discard((venue, symbol))
            await client.close()
            raise
        settings = self._settings
        limits = RiskLimits(
            notional=settings.live_notional,
            loss=settings.live_loss,
            orders_a_minute=settings.live_orders_a_minute,
        )
        account = LiveAccount(instrument, cash=facts.cash, maker=facts.maker, taker=facts.taker)
        guard = RiskGuard(limits, instrument, deposit=account.ledger.deposit)
        return LiveBroker(client, account, guard, self._clock, released=lambda: self._taken.discard((venue, symbol)))
