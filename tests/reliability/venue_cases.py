"""What the faults of other venues are, channel by channel: all of a venue strike one rig, one after another."""

from __future__ import annotations

from typing import Any, Final

from orderfox_nb.core.events import Channel
from tests.reliability.faults import (
    Case,
    Strike,
    answers,
    cut_twice,
    frames,
    old_snapshot,
    refused,
    renumber,
    reopened,
    restart,
    socket,
    unanswered_hole,
)
from tests.reliability.rig import MarketKind

CCXT: Final[tuple[MarketKind, ...]] = ("ccxt", "ccxt-bybit", "ccxt-okx")
"""Read by ccxt: in the protocols of Binance, Bybit and OKX."""


def _bybit_cases() -> list[Case]:
    """What is of the dialect: snapshots on the socket, trades without an order, one stream of several channels.

    A lost liquidation cannot be seen: the venue gives them no ids and keeps none.
    """
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, market="bybit", **more))

    for channel in ("book", "trades", "candles", "liquidations", "mark"):
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 6.0)
    add("book", "refused socket", refused, 0.1, 8.0)
    add("book", "half-open socket", socket("half_open"), 25.0, 30.0)
    for fault in ("drop", "reorder", "malformed"):
        add("book", fault, frames(fault), 0.3, 3.0)
    add("book", "service restart", restart, None, 0.5)
    add("book", "old snapshot", old_snapshot, 1.2, 6.0)
    add("book", "lost snapshot", reopened("drop"), 0.1, 12.0)
    add("book", "no data", reopened("freeze", count=-1), 0.1, 12.0, lasts_s=13.0)
    add("book", "cut in the prelude", cut_twice, 0.6, 4.0)
    add("trades", "malformed", frames("malformed"), 2.0, 3.0)
    # Its messages come when something has changed: 15 s without one are not unusual.
    add("book", "delay 7 s", frames("delay", 1, 7.0), None, 10.0)
    add("book", "delay 20 s", frames("delay", 1, 20.0), 16.0, 25.0)
    add("book", "freeze", frames("freeze", -1), 16.0, 6.0, lasts_s=20.0)
    add("trades", "REST 503", answers("status", status=503), 0.6, 16.0)
    for status in (403, 429, 503):
        add("candles", f"REST {status}", answers("status", status=status, seconds=7), 1.2, 40.0)
    return cases


def _okx_cases() -> list[Case]:
    """What is of the dialect: the chain of previous ids, two sockets, trades of several fills.

    A lost trade shows only where ids are without holes, a lost liquidation not at all.
    """
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, market="okx", **more))

    for channel in ("book", "trades", "candles", "liquidations", "mark", "ticker"):
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 6.0)
    add("book", "refused socket", refused, 0.1, 8.0)
    add("candles", "refused socket", refused, 0.1, 8.0)
    add("book", "half-open socket", socket("half_open"), 25.0, 30.0)
    for fault in ("drop", "reorder", "malformed"):
        add("book", fault, frames(fault), 0.3, 3.0)
    add("book", "service restart", restart, None, 0.5)
    add("book", "old snapshot", old_snapshot, 1.2, 6.0)
    add("book", "lost snapshot", reopened("drop"), 0.1, 12.0)
    add("book", "no data", reopened("freeze", count=-1), 0.1, 12.0, lasts_s=13.0)
    add("book", "cut in the prelude", cut_twice, 0.6, 4.0)
    add("book", "maintenance", renumber, 0.3, 3.0)
    add("trades", "malformed", frames("malformed"), 2.0, 3.0)
    add("book", "delay 20 s", frames("delay", 1, 20.0), 16.0, 25.0)
    add("book", "freeze", frames("freeze", -1), 16.0, 6.0, lasts_s=20.0)
    add("mark", "freeze", frames("freeze", -1), 16.0, 6.0, lasts_s=20.0)
    add("trades", "REST 503", answers("status", status=503), 0.6, 16.0)
    for status in (429, 503):
        add("candles", f"REST {status}", answers("status", status=status, seconds=7), 1.2, 40.0)
    return cases


def _deribit_cases() -> list[Case]:
    """What is of the dialect: the chain of previous ids, trades by their numbers, liquidations marked on them."""
    cases: list[Case] = []

    def add(channel: Channel, fault: str, strike: Strike, seen_s: float | None, healed_s: float, **more: Any) -> None:
        cases.append(Case(fault, channel, strike, seen_s, healed_s, market="deribit", **more))

    for channel in ("book", "trades", "candles", "liquidations", "mark"):
        add(channel, "duplicate", frames("duplicate", 3), None, 0.5)
        add(channel, "cut", socket("cut"), 0.1, 6.0)
    add("book", "refused socket", refused, 0.1, 8.0)
    add("book", "half-open socket", socket("half_open"), 9.0, 12.0)
    for fault in ("drop", "reorder", "malformed"):
        add("book", fault, frames(fault), 0.3, 3.0)
    add("trades", "drop", frames("drop"), 2.0, 3.0)
    add("trades", "malformed", frames("malformed"), 2.0, 3.0)
    add("book", "old snapshot", old_snapshot, 1.2, 6.0)
    add("book", "lost snapshot", reopened("drop"), 0.1, 12.0)
    add("book", "no data", reopened("freeze", count=-1), 0.1, 12.0, lasts_s=13.0)
    add("book", "cut in the prelude", cut_twice, 0.6, 4.0)
    # Its trades show that it should have changed.
    add("book", "freeze", frames("freeze", -1), 7.0, 6.0, lasts_s=10.0)
    add("mark", "freeze", frames("freeze", -1), 16.0, 6.0, lasts_s=20.0)
    # Trades are asked for only where their numbers have a hole.
    add("trades", "REST 503", unanswered_hole(503), 0.6, 16.0)
    add("candles", "REST 503", answers("status", status=503, seconds=7), 1.2, 40.0)
    return cases


def _ccxt_cases() -> list[Case]:
    """What is of ccxt: it keeps the books, notices some holes and no silence, and reads on whatever it could not read.

    Of Bybit nothing shows a lost update: a test of its own has what the comparison with REST does about it.
    """
    cases: list[Case] = []

    def add(market: MarketKind, channel: Channel, fault: str, strike: Strike, **bounds: Any) -> None:
        cases.append(Case(fault, channel, strike, market=market, **bounds))

    for market in CCXT:
        for channel in ("book", "trades", "candles"):
            add(market, channel, "cut", socket("cut"), seen_s=0.1, healed_s=6.0)
        add(market, "trades", "duplicate", frames("duplicate", 3), seen_s=None, healed_s=0.5)
        add(market, "book", "malformed", frames("malformed"), seen_s=0.3, healed_s=3.0)
        add(market, "candles", "REST 503", answers("status", status=503), seen_s=0.6, healed_s=16.0)
    for market in ("ccxt", "ccxt-okx"):
        for fault in ("drop", "reorder"):
            add(market, "book", fault, frames(fault), seen_s=0.3, healed_s=3.0)
    for market in ("ccxt-bybit", "ccxt-okx"):
        add(market, "book", "service restart", restart, seen_s=None, healed_s=0.5)
    add("ccxt-okx", "book", "lost snapshot", reopened("drop"), seen_s=0.1, healed_s=3.0)
    add("ccxt", "book", "duplicate", frames("duplicate", 3), seen_s=None, healed_s=0.5)
    # A repeated update is one that does not follow: the book is built again.
    add("ccxt-okx", "book", "duplicate", frames("duplicate", 3), seen_s=0.3, healed_s=3.0)
    add("ccxt-okx", "book", "maintenance", renumber, seen_s=None, healed_s=0.5)
    add("ccxt", "book", "half-open socket", socket("half_open"), seen_s=6.5, healed_s=20.0)
    add("ccxt", "mark", "freeze", frames("freeze", -1), seen_s=2.0, healed_s=4.0, lasts_s=5.0)
    for market in ("ccxt-bybit", "ccxt-okx"):
        add(market, "book", "half-open socket", socket("half_open"), seen_s=9.0, healed_s=12.0)
        add(market, "book", "freeze", frames("freeze", -1), seen_s=7.0, healed_s=9.0, lasts_s=10.0)
        add(market, "trades", "freeze", frames("freeze", -1), seen_s=4.0, healed_s=6.0, lasts_s=7.0)
    return cases


VENUE_CASES: Final = (*_bybit_cases(), *_okx_cases(), *_deribit_cases(), *_ccxt_cases())
