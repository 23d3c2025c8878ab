"""Trades and liquidations of several markets, by time, each with its market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from orderfox_nb.core.across.members import (
    APART,
    JOINED,
    Currency,
    Member,
    MemberQuality,
    currency_in_force,
    left_out,
)
from orderfox_nb.core.digest import digest_of
from orderfox_nb.core.events import Liquidation, Trade
from orderfox_nb.core.instrument import Instrument


class MemberTrade(NamedTuple):
    """A trade and the place of its market."""

    member: int
    trade: Trade


class MemberOrder(NamedTuple):
    """A liquidation order and the place of its market."""

    member: int
    order: Liquidation


class ConsolidatedTape:
    """Fold of the trades of several markets, in the order of their times.

    Each time is that of its venue's own clock, and of trades of one time those of the first market come first: between
    markets the order is only as good as their clocks agree, which ``MemberQuality.clock_offset_us`` shows. Trades that
    happened stay when their market is dropped.

    Args:
        markets: ``venue:symbol`` of each, in the order in which they are shown.
    """

    def __init__(self, markets: Sequence[str]) -> None:
        self._members = {market: Member(market=market) for market in markets}
        self._trades: dict[str, Sequence[Trade]] = dict.fromkeys(markets, ())

    def apply(
        self, market: str, instrument: Instrument | None, trades: Sequence[Trade], quality: MemberQuality
    ) -> None:
        """Apply the state of one market.

        Args:
            market: One of the markets.
            instrument: Its record, None before it is listed.
            trades: Its newest, in its own order, each once.
            quality: Quality of its trades.
        """
        self._members[market] = Member(market=market, instrument=instrument, quality=quality)
        self._trades[market] = trades

    @property
    def members(self) -> Sequence[Member]:
        return tuple(self._members.values())

    def left_out(self, currency: Currency = APART) -> Sequence[str]:
        """Return why each market's new trades do not come; empty if they do."""
        return left_out(self.members, currency_in_force(self.members, currency))

    def view(self, currency: Currency = APART) -> list[MemberTrade]:
        """Return the trades of a currency, oldest first."""
        found: list[tuple[int, int, int, Trade]] = []
        for place, member in _of_currency(self.members, currency):
            trades = self._trades[member.market]
            found.extend((trade.time_us, place, at, trade) for at, trade in enumerate(trades))
        found.sort(key=lambda row: row[:3])
        return [MemberTrade(place, trade) for _, place, _, trade in found]

    def digest(self) -> str:
        """Return a hash over times and ids of all markets."""
        return digest_of(
            *(
                [part for trade in trades for part in (trade.time_us, *trade.id.encode())]
                for trades in self._trades.values()
            )
        )


class ConsolidatedSums(msgspec.Struct, frozen=True, kw_only=True):
    """Liquidated amounts within a period, in quote currency."""

    by_member: Sequence[tuple[float, float]]
    """Shorts (BUY orders) and longs (SELL orders) of each market; zero of one that does not report any."""
    total: tuple[float, float]


class ConsolidatedLiquidations:
    """Fold of the liquidations of several markets, on one sign convention.

    ``side`` is that of the order: BUY closes a short, SELL closes a long. Feeds convert what a venue says otherwise.

    Args:
        markets: ``venue:symbol`` of each, in the order in which they are shown.
    """

    def __init__(self, markets: Sequence[str]) -> None:
        self._members = {market: Member(market=market) for market in markets}
        self._orders: dict[str, Sequence[Liquidation]] = dict.fromkeys(markets, ())
        self._sums: dict[str, Mapping[str, tuple[float, float]]] = {market: {} for market in markets}
        self._since_us: dict[str, int] = dict.fromkeys(markets, 0)

    def apply(
        self,
        market: str,
        instrument: Instrument | None,
        orders: Sequence[Liquidation],
        sums: Mapping[str, tuple[float, float]],
        quality: MemberQuality,
        *,
        since_us: int = 0,
    ) -> None:
        """Apply the state of one market.

        Args:
            market: One of the markets.
            instrument: Its record, None before it is listed.
            orders: Its newest, newest first.
            sums: Shorts and longs in quote currency by how far back.
            quality: Quality of its liquidations.
            since_us: Start of the known liquidations, 0 if the earlier history is known too.
        """
        self._members[market] = Member(market=market, instrument=instrument, quality=quality)
        self._orders[market], self._sums[market], self._since_us[market] = orders, sums, since_us

    @property
    def members(self) -> Sequence[Member]:
        return tuple(self._members.values())

    def left_out(self, currency: Currency = APART) -> Sequence[str]:
        """Return why each market's new orders do not come; empty if they do."""
        return left_out(self.members, currency_in_force(self.members, currency))

    @property
    def since_us(self) -> Sequence[int]:
        """From when on the orders of each market are known, 0 where those before are known too."""
        return tuple(self._since_us.values())

    def view(self, currency: Currency = APART) -> list[MemberOrder]:
        """Return the orders of a currency, newest first."""
        found: list[tuple[int, int, int, Liquidation]] = []
        for place, member in _of_currency(self.members, currency):
            orders = self._orders[member.market]
            found.extend((-order.time_us, place, at, order) for at, order in enumerate(orders))
        found.sort(key=lambda row: row[:3])
        return [MemberOrder(place, order) for _, place, _, order in found]

    def sums(self, span: str, currency: Currency = APART) -> ConsolidatedSums:
        """Return what was liquidated within a time; a lower bound where a market is sampled or left out."""
        by_member = [(0.0, 0.0)] * len(self._members)
        for place, member in _of_currency(self.members, currency):
            by_member[place] = self._sums[member.market].get(span, (0.0, 0.0))
        shorts, longs = (sum(column) for column in zip(*by_member, strict=True))
        return ConsolidatedSums(by_member=by_member, total=(shorts, longs))

    def digest(self) -> str:
        """Return a hash over the orders of all markets."""
        return digest_of(
            *(
                [part for order in orders for part in (order.time_us, order.side == "buy")]
                for orders in self._orders.values()
            )
        )


def _of_currency(members: Sequence[Member], currency: Currency) -> list[tuple[int, Member]]:
    """Return the markets whose data belong to a view of a currency, dropped ones too, with their places."""
    currency = currency_in_force(members, currency)
    base = next((member.instrument.base for member in members if member.instrument is not None), "")
    return [
        (place, member)
        for place, member in enumerate(members)
        if member.instrument is not None
        and member.instrument.base == base
        and currency in (JOINED, member.instrument.quote)
    ]
