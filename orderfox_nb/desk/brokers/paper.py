"""Orders on paper: matched in this process against the venue's market data."""

from __future__ import annotations

from typing import Final

from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.terms import BAND, PaperTerms
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.desk.brokers.base import OrderOwner

TERMS: Final = PaperTerms()
"""Terms of every bot on a server."""


class PaperBroker:
    """Trades at a paper venue, which answers by the events of the market: nothing is sent, nothing is waited for.

    Args:
        instrument: What is traded.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.live = False
        self.problem = ""
        self.guard = None
        rules = TERMS.rules or TradingRules(instrument=instrument)
        self.venue = PaperVenue(instrument, rules, queue=BAND[0])
        self.account = TERMS.account(instrument)
        self.latency = TERMS.latency

    async def begin(self, owner: OrderOwner) -> None:
        """Do nothing."""

    def pass_on(self) -> None:
        """Do nothing."""

    async def finish(self) -> None:
        """Do nothing."""
