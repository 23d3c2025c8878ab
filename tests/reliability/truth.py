"""What a topic's fold should hold, taken from the exchange itself and not from its wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np

from orderfox_nb.core.book import Book
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.market_state import Latest
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import MINUTE_US, bar_open_us
from orderfox_nb.desk.topic import TopicState
from orderfox_nb.feeds.venue.latest import POLL_S
from orderfox_nb.sim.facts import LiquidationFact
from orderfox_nb.sim.market import SymbolMarket
from orderfox_nb.sim.server.bybit.rows import trade_id
from orderfox_nb.sim.server.numbers import Numbers
from tests.reliability.rig import START_US, Rig

_REPORTED_US = 2_000_000
"""By then a liquidation was sent."""
_KEPT_LEVELS: Final = 150
_SAME_MOMENT: Final = 50


def differences(rig: Rig, state: TopicState) -> list[str]:
    """Return how a topic differs from the truth, at a whole second of the venue; empty where it is equal."""
    market = rig.exchange.market(rig.spoken.known(state.topic.symbol))
    fold: Any = state.fold
    of_binance = rig.market in ("futures", "spot")
    protocol = rig.spoken.served.get("protocol", "binance")
    if isinstance(fold, Book):
        return _kept_book(fold, market) if rig.spoken.by_ccxt else _book(fold, market, rig.spoken.levels)
    if isinstance(fold, TapeState):
        tapes = {"bybit": _tape_by_id, "okx": _tape_by_fills, "deribit": _tape_by_number}
        return tapes.get(protocol, _tape)(fold, market)
    if isinstance(fold, CandleState):
        return _candles(fold, market, whole=of_binance, quote=not rig.spoken.by_ccxt)
    if isinstance(fold, LiquidationState):
        return _liquidations(fold, market, rig) if of_binance else _sent_liquidations(state, market, rig)
    assert isinstance(fold, Latest)
    return _latest(fold, market, rig)


def _book(book: Book, market: SymbolMarket, levels: int = 0) -> list[str]:
    """Compare a book, or the window of so many levels a side in which it is sent, which must be held exactly."""
    found: list[str] = []
    # Its id is of the exchange's time, and goes on where no level changes.
    _, *truth = market.depth(levels or 100_000)
    if book.reach is None:
        found.append("book has no snapshot")
    for side, sizes in zip(("bid", "ask"), truth, strict=True):
        ticks, lots = book.levels(side)  # type: ignore[arg-type]
        held = dict(zip(ticks.tolist(), lots.tolist(), strict=True))
        real = dict(sizes)
        wrong = {tick for tick, size in held.items() if real.get(tick) != size}
        # Of a level beyond its last snapshot a book knows only once it changes.
        known = {tick for tick in real if levels or (book.reach and book.reach[0] <= tick <= book.reach[1])}
        missing = known - held.keys()
        if wrong or missing:
            found.append(f"{side} at {book.update_id}: {len(wrong)} wrong levels, {len(missing)} missing")
    return found


def _kept_book(book: Book, market: SymbolMarket) -> list[str]:
    """Compare a book of which ccxt keeps the best levels: as far as its snapshot went, it must have all of these."""
    _, *truth = market.depth(100_000)
    found: list[str] = []
    for side, sizes in zip(("bid", "ask"), truth, strict=True):
        ticks, lots = book.levels(side)  # type: ignore[arg-type]
        held = dict(zip(ticks.tolist(), lots.tolist(), strict=True))
        reach = (max(min(held), book.reach[0]), min(max(held), book.reach[1])) if held and book.reach else (1, 0)
        real = dict(sizes)
        wrong = sum(real.get(tick) != size for tick, size in held.items())
        missing = sum(reach[0] <= tick <= reach[1] and tick not in held for tick in real)
        if wrong or missing or len(held) < _KEPT_LEVELS:
            found.append(f"{side}: {wrong} wrong levels, {missing} missing of {len(held)}")
    return found


def _tape(tape: TapeState, market: SymbolMarket) -> list[str]:
    instrument = tape.instrument
    held = [
        (
            trade.sequence,
            instrument.ticks(trade.price),
            instrument.lots(trade.size),
            trade.aggressor,
            trade.time_us // 1_000,
        )
        for trade in tape.view()
    ]
    real = [
        (fact.agg_id, fact.price, fact.lots, "sell" if fact.buyer_is_maker else "buy", fact.time_us // 1_000)
        for fact in market.aggregate_trades(len(held))
    ]
    if held == real:
        return []
    return [f"tape: {len(set(real) - set(held))} missing, {len(set(held) - set(real))} wrong of {len(real)}"]


def _tape_by_number(tape: TapeState, market: SymbolMarket) -> list[str]:
    """Compare a tape of single fills whose ids are their numbers."""
    return _tape_by_id(tape, market, lambda _, number, __: str(number))


def _tape_by_id(tape: TapeState, market: SymbolMarket, named: Callable[[str, int, int], str] = trade_id) -> list[str]:
    """Compare a tape of single fills whose ids have no order."""
    instrument = tape.instrument
    held = Counter(
        (trade.id, instrument.ticks(trade.price), instrument.lots(trade.size), trade.aggressor, trade.time_us // 1_000)
        for trade in tape.view()
    )
    real = [
        (
            named(market.symbol, number, fact.time_us),
            fact.price,
            lots,
            "sell" if fact.buyer_is_maker else "buy",
            fact.time_us // 1_000,
        )
        for fact in market.aggregate_trades(held.total() + _SAME_MOMENT)
        for number, lots in enumerate(fact.fills, fact.first_trade_id)
    ]
    # Which of several trades of one moment are the oldest that are kept is not defined.
    missing = Counter(real[-held.total() + _SAME_MOMENT :]) - held
    wrong = held - Counter(real[-held.total() - _SAME_MOMENT :])
    return [f"tape: {missing.total()} missing, {wrong.total()} wrong of {held.total()}"] if missing or wrong else []


def _tape_by_fills(tape: TapeState, market: SymbolMarket) -> list[str]:
    """Compare a tape whose trades are several fills of one order, under the id of the last one."""
    held, instrument = tape.view(), tape.instrument
    fills = {
        number: (fact.price, lots, "sell" if fact.buyer_is_maker else "buy", fact.time_us // 1_000)
        for fact in market.aggregate_trades(len(held) + 10)
        for number, lots in enumerate(fact.fills, fact.first_trade_id)
    }
    wrong = 0
    for before, trade in pairwise(held):
        covered = [fills.get(number) for number in range((before.sequence or 0) + 1, (trade.sequence or 0) + 1)]
        real = [fill for fill in covered if fill is not None]
        sums = {(price, sum(fill[1] for fill in real), side, time_ms) for price, _, side, time_ms in real}
        shown = instrument.ticks(trade.price), instrument.lots(trade.size), trade.aggressor, trade.time_us // 1_000
        wrong += len(real) < len(covered) or sums != {shown}
    if max(fills) != held[-1].sequence or wrong:
        return [f"tape: {wrong} wrong of {len(held)}, the last is {held[-1].sequence} and not {max(fills)}"]
    return []


def _candles(candles: CandleState, market: SymbolMarket, *, whole: bool = True, quote: bool = True) -> list[str]:
    """Compare bars; those without taker volume and number of trades are not ``whole``."""
    held, instrument = candles.view(), candles.instrument
    rows = market.klines(candles.interval, limit=len(held))
    if held.open_us.tolist() != [row.open_us for row in rows]:
        return [f"bars from {held.open_us[0]} to {held.open_us[-1]}, not {rows[0].open_us} to {rows[-1].open_us}"]
    tick, lot = float(instrument.tick_size), float(instrument.lot_size)
    found: list[str] = []
    for name, units in (
        ("open", tick),
        ("high", tick),
        ("low", tick),
        ("close", tick),
        ("lots", lot),
        *([("quote", tick * lot)] if quote else []),
        *([("taker_lots", lot), ("trades", 1.0)] if whole else []),
    ):
        column = {"lots": "volume", "taker_lots": "taker_buy_volume", "quote": "quote_volume"}.get(name, name)
        real = np.array([getattr(row, name) for row in rows]) * units
        unlike = ~np.isclose(getattr(held, column), real, rtol=1e-9, atol=units / 100)
        found += [f"{column} of the bar {row.open_us}" for row, bad in zip(rows, unlike.tolist(), strict=True) if bad]
    found += [
        f"the bar {row.open_us} is not closed"
        for row, closed in zip(rows[:-1], held.closed.tolist(), strict=False)
        if not closed
    ]
    return found


def _liquidations(state: LiquidationState, market: SymbolMarket, rig: Rig) -> list[str]:
    instrument = rig.instrument(market.symbol)
    listing = market.listing
    numbers = Numbers(tick_size=listing.tick_size, lot_size=listing.lot_size)
    now_us = market.now_us

    def key(fact: LiquidationFact) -> tuple[int, str, int, str]:
        # The stream writes an average price with the venue's digits; the history has more of them.
        return (fact.time_us // 1_000, fact.side, fact.lots_filled, numbers.average(fact.average_price))

    facts = market.liquidation_orders(START_US, now_us)
    settled = [fact for fact in facts if fact.event_us // 1_000 * 1_000 <= now_us - 1_000_000]
    real = Counter(map(key, settled))
    held = Counter(
        (order.time_us // 1_000, order.side, instrument.lots(order.size), numbers.average(order.price))
        for order in state.view()
        if order.time_us >= START_US
    )
    later = Counter(map(key, facts)) - real
    missing, wrong = real - held, held - real - later
    found = [f"liquidations: {missing.total()} missing, {wrong.total()} wrong of {real.total()}"]
    found = found if missing or wrong else []
    if state.buckets.until_us("1m") and not held - real:
        start_us = bar_open_us(START_US, "1m") - 30 * MINUTE_US
        columns = state.at("1m", start_us, now_us)
        sums: dict[tuple[int, str], float] = {
            (bucket, side): total for bucket, side, total in market.liquidation_volume(MINUTE_US, start_us, now_us)
        }
        rounded: Counter[tuple[int, str]] = Counter()
        for fact in facts:
            error = abs(float(numbers.average(fact.average_price)) - fact.average_price)
            rounded[bar_open_us(fact.time_us, "1m"), fact.side] += error * instrument.size(fact.lots_filled)  # type: ignore[assignment]
        for side, column in (("buy", columns.buy), ("sell", columns.sell)):
            buckets = columns.start_us.tolist()
            expected = [sums.get((bucket, side), 0.0) for bucket in buckets]
            tolerance = np.array([rounded[bucket, side] for bucket in buckets]) + 0.01
            unlike = np.abs(column - expected) > tolerance + 1e-6 * np.abs(expected)
            if unlike.any():
                found.append(f"{side} volume of {int(unlike.sum())} minutes")
    return found


def _sent_liquidations(state: TopicState, market: SymbolMarket, rig: Rig) -> list[str]:
    """Compare the liquidations of a venue that keeps none: what a lapse has lost stays lost.

    Bybit and Deribit send all of them, Deribit one for each fill, OKX one of a contract and second.
    """
    fold: Any = state.fold
    instrument = rig.instrument(market.symbol)
    lapses = [
        (lapse.start_us - _REPORTED_US, (lapse.end_us or market.now_us) + _REPORTED_US)
        for lapse in state.quality.intervals()
    ]
    protocol = rig.spoken.served.get("protocol")
    real = Counter(
        (fact.time_us // 1_000, fact.side, fact.lots_filled)
        for fact in market.liquidations_truth(rig.opened_us, market.now_us)
        if fact.sampled or protocol in ("bybit", "deribit")
    )
    held = Counter((order.time_us // 1_000, order.side, instrument.lots(order.size)) for order in fold.view())
    if protocol == "deribit":
        held, real = _summed(held), _summed(real)
    missing = [
        key
        for key in (real - held).elements()
        if key[0] * 1_000 < market.now_us - _REPORTED_US
        and not any(start <= key[0] * 1_000 <= end for start, end in lapses)
    ]
    wrong = held - real
    return (
        [f"liquidations: {len(missing)} missing, {wrong.total()} wrong of {real.total()}"] if missing or wrong else []
    )


def _summed(orders: Counter[tuple[int, str, int]]) -> Counter[tuple[int, str, int]]:
    """Return one order for all of a moment and side."""
    sums: Counter[tuple[int, str]] = Counter()
    for (time_ms, side, lots), count in orders.items():
        sums[time_ms, side] += lots * count
    return Counter((time_ms, side, lots) for (time_ms, side), lots in sums.items())


def _latest(fold: Latest[Any], market: SymbolMarket, rig: Rig) -> list[str]:
    last = fold.view()
    if last is None:
        return ["nothing"]
    channel = type(last).__name__
    instrument = rig.instrument(market.symbol)
    offset_us = rig.server.now_us() - rig.clock.now_us()
    now_us = market.now_us + offset_us
    bound_s = {"MarkPrice": 1.0, "Ticker": 2.0, "OpenInterest": POLL_S + 1}[channel]
    age_s = (now_us - last.time_us) / 1e6
    if not 0 <= age_s <= bound_s:
        return [f"{channel} is {age_s:.1f} s old"]
    if channel == "MarkPrice":
        real = market.mark()
        held = [last.mark_price, last.funding_rate if last.funding_rate is not None else np.nan]
        same = np.isclose(held, [real.mark, real.funding_rate], rtol=1e-6, atol=1e-7)
        return [] if same.all() else [f"mark price and funding {held}, not {real.mark}, {real.funding_rate}"]
    if channel == "Ticker":
        row = market.ticker()
        same = age_s > 0 or instrument.ticks(last.last) == row.last
        return [] if same else [f"last {last.last}, not {row.last} ticks"]
    real_lots = market.open_interest(last.time_us - offset_us)
    lots = instrument.lots(last.open_interest)
    return [] if lots == real_lots else [f"open interest {lots}, not {real_lots} lots"]
