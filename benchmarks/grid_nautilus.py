"""The grid of ``benchmarks.backtest`` in nautilus_trader, as a program of its own: it has its own dependencies.

``python grid_nautilus.py market.npy`` prints seconds, fills and version as JSON. nautilus has no model of the queue.
"""

# pyright: basic, reportMissingImports=false, reportUntypedBaseClass=false

from __future__ import annotations

import json
import sys
import time
from math import ceil, floor
from typing import Any

import nautilus_trader
import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
)
from nautilus_trader.model.identifiers import TradeId, Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

LEVELS, STEP, SIZE, MAX_POSITION = 10, 10, 0.010, 0.100
TICK = 0.1
_TRADE = 2
INSTRUMENT = TestInstrumentProvider.btcusdt_perp_binance()


class Grid(Strategy):
    def on_start(self) -> None:
        self.held: dict[str, dict[int, Any]] = {"buy": {}, "sell": {}}
        self.fills = 0
        self.size = Quantity(SIZE, 3)
        self.subscribe_order_book_deltas(INSTRUMENT.id, book_type=BookType.L2_MBP)
        self.subscribe_trade_ticks(INSTRUMENT.id)
        self.clock.set_timer("grid", interval=pd.Timedelta(milliseconds=100), callback=self.on_grid)

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1

    def on_grid(self, _: Any) -> None:
        book = self.cache.order_book(INSTRUMENT.id)
        bid, ask = (None, None) if book is None else (book.best_bid_price(), book.best_ask_price())
        if bid is None or ask is None:
            return
        height = STEP * TICK
        below, above = floor(float(bid) / height + 1e-9), ceil(float(ask) / height - 1e-9)
        position = float(self.portfolio.net_position(INSTRUMENT.id))
        bids = [below - row for row in range(LEVELS)] if position < MAX_POSITION - 0.0005 else []
        asks = [above + row for row in range(LEVELS)] if position > -MAX_POSITION + 0.0005 else []
        for name, side, rows in (("buy", OrderSide.BUY, bids), ("sell", OrderSide.SELL, asks)):
            held = self.held[name]
            for row, order in list(held.items()):
                if order.is_closed:
                    del held[row]
                elif row not in rows and not order.is_pending_cancel:
                    self.cancel_order(order)
            for row in rows:
                if row not in held:
                    price = Price(row * height, 1)
                    held[row] = self.order_factory.limit(INSTRUMENT.id, side, self.size, price, post_only=True)
                    self.submit_order(held[row])


def events(market: Any) -> list[Any]:
    """The market as nautilus' objects."""
    found: list[Any] = []
    numbers, starts = np.unique(market["event"], return_index=True)
    for number, rows in zip(numbers.tolist(), np.split(market, starts[1:]), strict=True):
        levels = rows.tolist()
        _, kind, ns, side, price, size = levels[0]
        if kind == _TRADE:
            aggressor = AggressorSide.BUYER if side > 0 else AggressorSide.SELLER
            trade_id = TradeId(str(number))
            tick = TradeTick(INSTRUMENT.id, Price(price, 1), Quantity(size, 3), aggressor, trade_id, ns, ns)
            found.append(tick)
            continue
        deltas = [
            OrderBookDelta(
                INSTRUMENT.id,
                BookAction.UPDATE if size else BookAction.DELETE,
                BookOrder(OrderSide.BUY if side > 0 else OrderSide.SELL, Price(price, 1), Quantity(size, 3), 0),
                RecordFlag.F_LAST if at == len(levels) - 1 else 0,
                number,
                ns,
                ns,
            )
            for at, (_, _, ns, side, price, size) in enumerate(levels)
        ]
        found.append(OrderBookDeltas(INSTRUMENT.id, deltas))
    return found


def main() -> None:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(10_000, USDT)],
        book_type=BookType.L2_MBP,
        latency_model=LatencyModel(base_latency_nanos=10_000_000),
    )
    engine.add_instrument(INSTRUMENT)
    engine.add_data(events(np.load(sys.argv[1])), sort=False)
    grid = Grid()
    engine.add_strategy(grid)
    start = time.process_time()
    engine.run()
    seconds = time.process_time() - start
    json.dump({"version": nautilus_trader.__version__, "seconds": seconds, "fills": grid.fills}, sys.stdout)


if __name__ == "__main__":
    main()
