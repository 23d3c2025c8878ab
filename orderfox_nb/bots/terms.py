"""Terms of a paper session: deposit, fees, margin, delays and limits."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Final

import msgspec

from orderfox_nb.bots.account.account import Account, MarginMode
from orderfox_nb.bots.account.brackets import FLAT, Brackets
from orderfox_nb.bots.account.money import Money, decimal_of
from orderfox_nb.bots.latency import Latency
from orderfox_nb.bots.limits import RiskGuard, RiskLimits
from orderfox_nb.bots.paper.queues import QueueModel
from orderfox_nb.bots.paper.rules import TradingRules
from orderfox_nb.bots.paper.venue import PaperVenue
from orderfox_nb.bots.session import BotSession
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.instrument import Instrument

BAND: Final = (QueueModel("risk_averse"), QueueModel("log"), QueueModel("power"))
"""Queue models whose results are the band in which the real result is expected; the first is the worst case."""


class PaperTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Terms of a paper session; the defaults are those of an ordinary account at Binance.

    Amounts and fees may be given as numbers or texts.

    Raises:
        BadValue: One of them is not a number.
    """

    cash: Money = Decimal(10_000)
    """Deposit, quote currency."""
    maker: Money = Decimal("0.0002")
    """Fee as a fraction of the notional; negative for a rebate."""
    taker: Money = Decimal("0.0005")
    liquidation_fee: Money = Decimal("0.0125")
    leverage: int = 10
    mode: MarginMode = "cross"
    brackets: Brackets = FLAT
    """Brackets of maintenance margin."""
    latency: Latency = Latency()
    seed: int = 0
    """Seed of the delays."""
    limits: RiskLimits = RiskLimits()
    rules: TradingRules | None = None
    """Rules of the venue for orders; by default bounds that follow from the instrument."""

    def __post_init__(self) -> None:
        for name in ("cash", "maker", "taker", "liquidation_fee"):
            msgspec.structs.force_setattr(self, name, decimal_of(name, getattr(self, name)))

    def account(self, instrument: Instrument) -> Account:
        """Return a new account.

        Raises:
            BadValue: Terms that an account refuses.
        """
        return Account(
            instrument,
            cash=Decimal(self.cash),
            maker=Decimal(self.maker),
            taker=Decimal(self.taker),
            liquidation_fee=Decimal(self.liquidation_fee),
            leverage=self.leverage,
            mode=self.mode,
            brackets=self.brackets,
        )

    def session(
        self,
        strategy: Strategy,
        account: Account,
        queue: QueueModel,
        *,
        channels: Collection[str] | None = None,
        start_us: int = 0,
        opened: bool = False,
    ) -> BotSession:
        """Return a new session of a strategy; the strategy must not be used elsewhere.

        Args:
            strategy: The strategy with its parameters.
            account: A new account of the symbol to trade.
            queue: How queue positions are estimated.
            channels: See ``BotSession``.
            start_us: See ``BotSession``.
            opened: See ``BotSession``.
        """
        instrument = account.instrument
        return BotSession(
            strategy,
            instrument,
            venue=PaperVenue(instrument, self.rules or TradingRules(instrument=instrument), queue=queue),
            account=account,
            guard=RiskGuard(self.limits, instrument, deposit=account.ledger.deposit),
            latency=self.latency,
            seed=self.seed,
            channels=channels,
            start_us=start_us,
            opened=opened,
        )
