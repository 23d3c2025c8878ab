"""Orders on paper: matched in this process against the venue's market data."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from orderfox_nb.bots.account.account import Account
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.brokers.base import OrderOwner

CASH: Final = Decimal(10_000)
"""Deposit of a paper account, quote currency."""


class PaperBroker:
    """Trades at a paper venue, which answers by the events of the market: nothing is sent, nothing is waited for.

    Args:
        instrument: What is traded.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.live = False
        self.problem = ""
        self.guard = None
        self.venue = PaperVenue(instrument, TradingRules(instrument=instrument), queue=QueueModel())
        self.account = Account(instrument, cash=CASH)
        self.latency = Latency()

    async def begin(self, owner: OrderOwner) -> None:
        """Do nothing."""

    def pass_on(self) -> None:
        """Do nothing."""

    async def finish(self) -> None:
        """Do nothing."""
