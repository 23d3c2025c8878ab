"""What the embedded exchange costs: the share of a core that its trading needs at speed 1."""

from __future__ import annotations

import time

from benchmarks.table import machine, print_table
from orderfox_nb.core.timeframes import DAY_US, SECOND_US
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.facts import LevelFact, TradeFact

TITLE = "Embedded exchange"
START_US = 1_790_000_000_000_000
SECONDS = 60


def trading(symbols: int) -> list[object]:
    start = time.process_time()
    exchange = Exchange(7, symbols, start_us=START_US)
    built_s = time.process_time() - start
    levels = trades = 0
    start = time.process_time()
    for second in range(SECONDS):
        for market in exchange.markets:
            for fact in market.advance(START_US + (second + 1) * SECOND_US):
                if type(fact) is LevelFact:
                    levels += 1
                elif type(fact) is TradeFact:
                    trades += len(fact.fills)
    spent_s = time.process_time() - start
    share = f"{100 * spent_s / SECONDS:.1f} %"
    return [f"{symbols} symbols", built_s * 1e3, spent_s, share, levels / SECONDS, trades / SECONDS]


def history() -> list[list[object]]:
    rows: list[list[object]] = []
    market = Exchange(7, 1, start_us=START_US).markets[0]
    for timeframe in ("1m", "1h", "1d", "1w"):
        start = time.perf_counter()
        bars = market.klines(timeframe, limit=1_500)
        first_s = time.perf_counter() - start
        start = time.perf_counter()
        market.klines(timeframe, limit=1_500)
        rows.append([f"{len(bars):,} bars of {timeframe}", first_s * 1e3, (time.perf_counter() - start) * 1e3])
    start_us = START_US - START_US % DAY_US - 1_499 * DAY_US
    taken: list[float] = []
    for _ in range(2):
        start = time.perf_counter()
        market.liquidation_volume(DAY_US, start_us, START_US)
        taken.append((time.perf_counter() - start) * 1e3)
    rows.append(["liquidation volume of 1,500 days", *taken])
    return rows


def main() -> None:
    print(f"# {TITLE}\n\n{machine()}")
    columns = ("market", "opened in ms", f"{SECONDS} s in s", "of a core", "level changes/s", "trades/s")
    print_table("Trading at speed 1, without the protocol", columns, [trading(symbols) for symbols in (1, 6, 24, 40)])
    print_table("History of the largest symbol", ("asked for", "first ms", "again ms"), history())


if __name__ == "__main__":
    main()
