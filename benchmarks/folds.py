"""Trades, candles and liquidation sums by fold, beside pandas and plain loops over the same events."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import count

import pandas as pd

from benchmarks.table import machine, medians_us, print_table, ratio
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Event, Liquidation, Trade
from orderfox_nb.core.instrument import Instrument
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import MINUTE_US

TITLE = "Folds"

BTC = Instrument(
    venue="binance",
    symbol="BTCUSDT",
    unified="BTC/USDT:USDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
)
START_US = 1_722_470_400_000_000
TRADES = 5_000
BARS = 1_000


def trades() -> list[Trade]:
    """A busy minute and a half."""
    return [
        Trade(
            symbol="BTCUSDT",
            time_us=START_US + number * 18_000,
            id=str(number),
            sequence=number,
            price=BTC.price(600_000 + number % 97),
            size=BTC.size(1 + number % 250),
            aggressor="buy" if number % 3 else "sell",
        )
        for number in range(TRADES)
    ]


def folded(make: Callable[[], CandleState | TapeState | LiquidationState], events: list[Event]) -> Callable[[], object]:
    def run() -> object:
        fold = make()
        for event in events:
            fold.apply(event)
        return fold

    return run


def resampled(events: list[Trade]) -> pd.DataFrame:
    """The bars of the trades as pandas makes them, from columns that it is given ready."""
    frame = pd.DataFrame(
        {"price": [event.price for event in events], "size": [event.size for event in events]},
        index=pd.to_datetime([event.time_us for event in events], unit="us"),
    )
    bars = pd.DataFrame(frame["price"].resample("1min").ohlc())
    return bars.assign(volume=frame["size"].resample("1min").sum())


def main() -> None:
    print(machine())
    events = trades()
    times = medians_us(
        {
            "candles": folded(lambda: CandleState(BTC, "1m"), [*events]),
            "tape": folded(lambda: TapeState(BTC), [*events]),
            "pandas": lambda: resampled(events),
        },
        per_call=TRADES,
    )
    print_table(
        f"A trade into its fold, µs; pandas resamples the same {TRADES:,} trades once, a fold is right after each",
        ["fold", "orderfox", "pandas, all at once", "ratio"],
        [
            ["1m candles", times["candles"], times["pandas"], ratio(times["pandas"], times["candles"])],
            ["tape", times["tape"], "", ""],
        ],
    )

    candles = CandleState(BTC, "1m")
    minutes = range(START_US, START_US + 1_500 * MINUTE_US, MINUTE_US)
    for number, time_us in enumerate(minutes):
        candles.apply(
            Trade(
                symbol="BTCUSDT",
                time_us=time_us,
                id=str(number),
                sequence=number,
                price=100.0,
                size=1.0,
                aggressor="buy",
            )
        )
    rows = [candles.bar(time_us) for time_us in minutes]
    state = LiquidationState(BTC)
    for number in range(3_000):
        state.apply(liquidation(number))
    late = count(3_000)

    def after_one_more() -> object:
        state.apply(liquidation(next(late)))
        return state.at("1m", START_US, START_US + BARS * MINUTE_US)

    reads = medians_us(
        {
            "columns": lambda: candles.columns(BARS),
            "rows": lambda: [(bar.open_us, bar.open, bar.high, bar.low, bar.close) for bar in rows[-BARS:] if bar],
            "volume": lambda: state.at("1m", START_US, START_US + BARS * MINUTE_US),
            "changed": after_one_more,
        }
    )
    print_table(
        f"Read {BARS:,} bars, µs",
        ["what", "orderfox", "a loop over bar objects", "ratio"],
        [
            ["candle columns", reads["columns"], reads["rows"], ratio(reads["rows"], reads["columns"])],
            ["liquidation volume and its average", reads["volume"], "", ""],
            ["… after one more liquidation", reads["changed"], "", ""],
        ],
    )


def liquidation(number: int) -> Liquidation:
    return Liquidation(
        symbol="BTCUSDT",
        time_us=START_US + number * 7_000_000,
        received_us=1,
        side="buy" if number % 3 else "sell",
        size=0.1 * (1 + number % 7),
        price=60_000.0,
    )


if __name__ == "__main__":
    main()
