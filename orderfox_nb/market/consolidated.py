# pandas has no stubs.
# pyright: reportMissingTypeStubs=false
"""The markets of several venues in a notebook: ``market.across("BTC/USDT:USDT").book.df``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from orderfox_nb.core.across.members import APART, JOINED, Currency, currencies
from orderfox_nb.desk.across.markets import ACROSS, is_over_venues, join_markets
from orderfox_nb.desk.across.members import MemberTopics
from orderfox_nb.desk.across.recipes import (
    SUMS_S,
    consolidated_book,
    consolidated_liquidations,
    consolidated_tape,
)
from orderfox_nb.desk.desk import Desk
from orderfox_nb.desk.streams.registry import frame_key
from orderfox_nb.engine import Engine
from orderfox_nb.errors import BadValue, UnknownSymbol
from orderfox_nb.market.consolidated_frames import book_frame, liquidations_frame, trades_frame
from orderfox_nb.market.held import HeldTopics

if TYPE_CHECKING:
    import pandas as pd

Answer = TypeVar("Answer")

_KEPT: Final = 1000
"""Trades and orders of each market."""


class ConsolidatedMarket:
    """The markets of one base asset at several venues: one book, one tape, one list of liquidations.

    Topics stay subscribed from the first use until ``Market.close()`` or the end of the process.

    Args:
        engine: Engine with the desks.
        held: Keeps the topics open.
        markets: Resolved markets, as in a key.
        currency: ``apart``, ``joined`` or a quote currency.
    """

    def __init__(self, engine: Engine, held: HeldTopics, markets: str, currency: Currency) -> None:
        self._markets = markets
        self._currency = currency
        self.book = ConsolidatedBookChannel(engine, held, markets, currency)
        self.trades = ConsolidatedTradesChannel(engine, held, markets, currency)
        self.liquidations = ConsolidatedLiquidationsChannel(engine, held, markets, currency)

    @property
    def markets(self) -> Sequence[str]:
        """``venue:symbol`` of each market, in the order in which they are shown."""
        return tuple(self._markets.split(","))

    @property
    def currency(self) -> str:
        """``apart``: each quote currency separately; ``joined``: all at par; or the currency that is shown."""
        return self._currency

    def __repr__(self) -> str:
        return f"<ConsolidatedMarket {', '.join(self.markets)}>"


class _ConsolidatedChannel:
    """One channel of all markets."""

    def __init__(self, engine: Engine, held: HeldTopics, markets: str, currency: Currency) -> None:
        self._engine = engine
        self._held = held
        self._markets = markets
        self._currency = currency

    def _read(self, channel: str, read: Callable[[MemberTopics], Answer]) -> tuple[Answer, dict[str, Any]]:
        """Return the result of ``read`` on the topics, and ``df.attrs``."""
        return self._held.across(self._markets, channel, read)


class ConsolidatedBookChannel(_ConsolidatedChannel):
    """The books of all markets that are live, complete and not silent, as one."""

    @property
    def df(self) -> pd.DataFrame:
        """Levels of every market, asks from the worst to the best, then bids from the best, by currency.

        Columns: quote, side, price, size, cumulative, venue, symbol. ``attrs`` has ``members`` with the quality of
        each market, ``dropped`` with the markets that are left out and why, and ``best`` and ``crossing`` by currency.
        """
        book, attributes = self._read("book", consolidated_book)
        shown = currencies(book.members) if self._currency == APART else [self._currency]
        return book_frame([book.view(currency) for currency in shown], book.members, attributes)


class ConsolidatedTradesChannel(_ConsolidatedChannel):
    """The newest 1,000 trades of each market, by time."""

    @property
    def df(self) -> pd.DataFrame:
        """Trades by time, oldest first: venue, symbol, quote, id, price, size, aggressor, notional.

        Times are those of each venue's own clock; ``attrs["members"]`` has its offset from this machine's.
        """
        tape, attributes = self._read("trades", lambda members: consolidated_tape(members, _KEPT))
        return trades_frame(tape, JOINED if self._currency == APART else self._currency, attributes)


class ConsolidatedLiquidationsChannel(_ConsolidatedChannel):
    """The newest 1,000 liquidated orders of each market, with one sign convention."""

    @property
    def df(self) -> pd.DataFrame:
        """Orders by time, oldest first: venue, symbol, quote, liquidated (long or short), side, price, size, notional.

        ``side`` is that of the order at every venue: ``sell`` closes a long. ``attrs`` has ``sums`` by time and market
        with the coverage of each: a sum is a lower bound if a market is sampled or reports no liquidations, or if its
        orders are known only from ``since_us`` on (0: the earlier history is included).
        """
        found, attributes = self._read("liquidations", lambda members: consolidated_liquidations(members, _KEPT))
        currency = JOINED if self._currency == APART else self._currency
        return liquidations_frame(found, currency, tuple(SUMS_S), attributes)


def consolidated(engine: Engine, held: HeldTopics, names: Sequence[str], currency: Currency) -> ConsolidatedMarket:
    """Return the view over several markets: ``venue:symbol`` each, or one name for all venues that list it.

    Raises:
        BadValue: No such venue or currency, a name that only one venue lists, or markets of different base assets.
        UnknownSymbol: No venue lists the name.
    """
    desks, text = engine.desks, ",".join(names)
    if len(names) == 1 and not is_over_venues(text):
        text = engine.run(listed_everywhere(desks.all, text))
    key = engine.run(desks.across.resolved(frame_key(ACROSS, text, "book", {"currency": currency})))
    return ConsolidatedMarket(engine, held, key.symbol, key["currency"])


async def listed_everywhere(desks: Sequence[Desk], name: str) -> str:
    """Return the markets of a unified name at all venues that list it.

    Raises:
        BadValue: One venue alone lists it.
        UnknownSymbol: No venue lists it.
    """
    wanted = name.strip().upper()
    lists = await asyncio.gather(*(desk.catalogue.rows() for desk in desks))
    found = [
        # The built-in list, which stands for one that does not come, has the symbols of another venue.
        (desk.venue, row.instrument.unified if desk.catalogue.demo else row.instrument.symbol)
        for desk, rows in zip(desks, lists, strict=True)
        for row in rows
        if row.instrument.unified.upper() == wanted
    ]
    if not found:
        raise UnknownSymbol(name)
    if len(found) == 1:
        only = join_markets(found)
        raise BadValue("symbols", name, f"a name that two venues list, such as BTC/USDT:USDT: only {only} is {name}")
    return join_markets(found)
