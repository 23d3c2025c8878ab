"""The grid of ``benchmarks.backtest`` in hftbacktest, as a program of its own: it needs another numpy than ours.

``python grid_hftbacktest.py market.npy`` prints seconds, fills and version as JSON.
"""

# pyright: basic, reportMissingImports=false, reportUntypedBaseClass=false

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from math import ceil, floor
from typing import Any

import hftbacktest as hft
import numpy as np
from numba import njit
from numba.typed import Dict
from numba.types import float64, uint64

LEVELS, STEP, SIZE, MAX_POSITION = 10, 10, 0.010, 0.100
PERIOD_NS, ENTRY_NS = 100_000_000, 10_000_000
TICK, LOT = 0.1, 0.001
_ASKS = 1 << 40
"""Order ids of asks are above this, so that each grid row has one id on each side."""


@njit
def quote(backtest: Any) -> None:
    height = STEP * TICK
    first_ns = PERIOD_NS - backtest.current_timestamp % PERIOD_NS
    if backtest.elapse(first_ns) != 0:
        return
    while True:
        backtest.clear_inactive_orders(0)
        depth, position, orders = backtest.depth(0), backtest.position(0), backtest.orders(0)
        below, above = floor(depth.best_bid / height + 1e-9), ceil(depth.best_ask / height - 1e-9)
        wanted = Dict.empty(uint64, float64)
        for row in range(LEVELS):
            if position < MAX_POSITION - LOT / 2:
                wanted[uint64(below - row)] = (below - row) * height
            if position > -MAX_POSITION + LOT / 2:
                wanted[uint64(_ASKS + above + row)] = (above + row) * height
        values = orders.values()
        while values.has_next():
            order = values.get()
            if order.cancellable and order.order_id not in wanted:
                backtest.cancel(0, order.order_id, False)
        for order_id, price in wanted.items():
            if order_id not in orders:
                if order_id > _ASKS:
                    backtest.submit_sell_order(0, order_id, price, SIZE, hft.GTX, hft.LIMIT, False)
                else:
                    backtest.submit_buy_order(0, order_id, price, SIZE, hft.GTX, hft.LIMIT, False)
        if backtest.elapse(PERIOD_NS) != 0:
            return


def run(rows: Any) -> tuple[float, int]:
    """Return the CPU seconds and the fills of one run."""
    asset = hft.BacktestAsset().data([rows]).linear_asset(1.0).constant_order_latency(ENTRY_NS, 0)
    asset = asset.power_prob_queue_model(3.0).no_partial_fill_exchange().trading_value_fee_model(0.0002, 0.0005)
    backtest = hft.HashMapMarketDepthBacktest([asset.tick_size(TICK).lot_size(LOT)])
    backtest.elapse(0)
    start = time.process_time()
    quote(backtest)
    seconds = time.process_time() - start
    fills = int(backtest.state_values(0).num_trades)
    backtest.close()
    return seconds, fills


def events(market: Any) -> Any:
    """The market as hftbacktest's array."""
    rows: Any = np.zeros(len(market), hft.event_dtype)
    kinds = np.array([hft.DEPTH_SNAPSHOT_EVENT, hft.DEPTH_EVENT, hft.TRADE_EVENT], np.uint64)[market["kind"]]
    sides = np.where(market["side"] > 0, np.uint64(hft.BUY_EVENT), np.uint64(hft.SELL_EVENT))
    rows["ev"] = kinds | sides | np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    rows["exch_ts"] = rows["local_ts"] = market["ns"]
    rows["px"], rows["qty"] = market["price"], market["size"]
    return rows


def main() -> None:
    rows = events(np.load(sys.argv[1]))
    run(rows)  # compiles
    seconds, fills = sorted(run(rows) for _ in range(5))[2]
    json.dump({"version": version("hftbacktest"), "seconds": seconds, "fills": fills}, sys.stdout)


if __name__ == "__main__":
    main()
