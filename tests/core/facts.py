"""Events in few words, and what tests of folds share."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st

from orderfox_nb.core.events import Candle, Event, Liquidation, LiquidationVolume, Side, Trade
from orderfox_nb.core.fold import Fold
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.timeframes import MINUTE_US, bar_open_us

BTC = Instrument(
    venue="sim",
    symbol="BTCUSDT",
    unified="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)

# Thursday 2024-08-01 00:00 UTC: the start of a month, and of no week.
MONTH_US = 1_722_470_400_000_000

FoldT = TypeVar("FoldT", bound=Fold[Any])


def trade(number: int, time_us: int, *, ticks: int = 1000, lots: int = 1, side: Side = "buy") -> Trade:
    return Trade(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us,
        id=str(number),
        sequence=number,
        price=BTC.price(ticks),
        size=BTC.size(lots),
        aggressor=side,
    )


def kline(open_us: int, *, time_us: int = 0, interval: str = "1m", **values: Any) -> Candle:
    prices: dict[str, Any] = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 1.0} | values
    return Candle(
        symbol="BTCUSDT",
        time_us=time_us or open_us + MINUTE_US // 2,
        received_us=1,
        interval=interval,
        open_us=open_us,
        **prices,
    )


def liquidation(
    time_us: int, *, side: Side = "sell", size: float = 0.5, price: float = 60_000.0, live: bool = True
) -> Liquidation:
    return Liquidation(
        symbol="BTCUSDT",
        time_us=time_us,
        received_us=time_us + 7 if live else 0,
        side=side,
        size=size,
        price=price,
        limit_price=price,
    )


def volume(until_us: int, rows: Iterable[tuple[int, float, float, int]], *, interval: str = "1m") -> LiquidationVolume:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return LiquidationVolume(
        symbol="BTCUSDT",
        time_us=until_us,
        interval=interval,
        start_us=list(columns[0]),
        buy=list(columns[1]),
        sell=list(columns[2]),
        count=list(columns[3]),
    )


def history_of(orders: Iterable[Liquidation], until_us: int, *, interval: str = "1m") -> LiquidationVolume:
    """What a complete history says about orders before a time."""
    rows: dict[int, list[float]] = {}
    for order in orders:
        if order.time_us < until_us:
            row = rows.setdefault(bar_open_us(order.time_us, interval), [0.0, 0.0, 0])
            row[0 if order.side == "buy" else 1] += round(order.notional, 6)
            row[2] += 1
    return volume(
        until_us,
        [(start, row[0], row[1], int(row[2])) for start, row in sorted(rows.items())],
        interval=interval,
    )


def applied(fold: FoldT, events: Iterable[Event]) -> FoldT:
    for event in events:
        fold.apply(event)
    return fold


@st.composite
def trade_streams(draw: st.DrawFn, *, max_size: int = 60) -> list[Trade]:
    """Trades with ascending ids and times, often within one millisecond."""
    sides: list[Side] = ["buy", "sell"]
    steps = st.tuples(
        st.sampled_from([0, 0, 1_000, 400_000, 20 * 1_000_000, MINUTE_US]),
        st.integers(990, 1010),
        st.integers(1, 5_000),
        st.sampled_from(sides),
    )
    time_us, events = MONTH_US, []
    for number, (step, ticks, lots, side) in enumerate(draw(st.lists(steps, max_size=max_size))):
        time_us += step
        events.append(trade(number, time_us, ticks=ticks, lots=lots, side=side))
    return events


def liquidation_orders(*, span_us: int, live: bool = True, max_size: int = 40) -> st.SearchStrategy[list[Liquidation]]:
    """Orders in any order of time, many of them alike."""
    return st.lists(
        st.builds(
            liquidation,
            st.one_of(st.integers(0, 5), st.integers(0, span_us)).map(lambda offset: MONTH_US + offset),
            side=st.sampled_from(["buy", "sell"]),
            size=st.sampled_from([0.001, 0.5, 12.345]),
            price=st.sampled_from([60_000.0, 59_999.9, 61_000.1234]),
            live=st.just(live),
        ),
        max_size=max_size,
    )
