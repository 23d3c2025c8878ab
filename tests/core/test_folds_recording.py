"""Folds over real recordings."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from orderfox_nb.core.bars import resample
from orderfox_nb.core.candles import CandleState
from orderfox_nb.core.events import Liquidation, Trade
from orderfox_nb.core.liquidation_volume import LiquidationState
from orderfox_nb.core.liquidations import MICRO
from orderfox_nb.core.tape import TapeState
from orderfox_nb.core.timeframes import TIMEFRAME_US, bar_open_us, next_bar_us
from tests.core.facts import BTC, applied

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def market_trades(recordings: Path) -> list[Trade]:
    """The recorded trades; those of the insurance fund and of ADL are no market trades."""
    trades: list[Trade] = []
    with gzip.open(recordings / "usdm_btcusdt_20240808.gz", "rt") as lines:
        for line in lines:
            received_ns, _, frame = line.partition(" ")
            if '"e":"trade"' not in frame:
                continue
            fields = json.loads(frame)["data"]
            if fields["X"] == "MARKET":
                trades.append(
                    Trade(
                        symbol="BTCUSDT",
                        time_us=fields["T"] * 1000,
                        received_us=int(received_ns) // 1000,
                        id=str(fields["t"]),
                        sequence=fields["t"],
                        price=float(fields["p"]),
                        size=float(fields["q"]),
                        aggressor="sell" if fields["m"] else "buy",
                    )
                )
    return trades


def test_bars_of_the_recorded_trades_equal_the_derived_klines(recordings: Path, market_trades: list[Trade]):
    rows = json.loads((recordings / "fapi_v1_klines_BTCUSDT_1m_20240808_from_trades.json").read_text())
    columns = applied(CandleState(BTC, "1m"), market_trades).view()
    assert columns.open_us.tolist() == [row[0] * 1000 for row in rows]
    for name, place in (("open", 1), ("high", 2), ("low", 3), ("close", 4), ("volume", 5), ("quote_volume", 7)):
        assert getattr(columns, name).tolist() == [float(row[place]) for row in rows], name
    assert columns.trades.tolist() == [row[8] for row in rows]
    assert columns.taker_buy_volume.tolist() == [float(row[9]) for row in rows]


def test_five_recorded_minutes_are_one_bar(market_trades: list[Trade]):
    minutes = applied(CandleState(BTC, "1m"), market_trades).view()
    five = applied(CandleState(BTC, "5m"), market_trades).view()
    resampled = resample(minutes, "1m", "5m")
    for name in resampled.__struct_fields__:
        assert getattr(resampled, name).tolist() == getattr(five, name).tolist(), name


def test_the_recorded_tape_holds_the_newest_trades_without_a_hole(market_trades: list[Trade]):
    tape = applied(TapeState(BTC), market_trades)
    ids = [trade.sequence or 0 for trade in tape.view()]
    assert len(ids) == 1000
    assert tape.view() == tuple(market_trades[-1000:])
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(("name", "count"), [("forceorder_20240817.jsonl", 456), ("forceorder_20240818.jsonl", 385)])
def test_recorded_liquidations_sum_up_at_every_timeframe(recordings: Path, name: str, count: int):
    orders: list[Liquidation] = []
    bought = sold = Decimal(0)
    for line in (recordings / name).read_text().splitlines():
        order = json.loads(line)["o"]
        notional = Decimal(order["z"]) * Decimal(order["ap"])
        if order["S"] == "BUY":
            bought += notional
        else:
            sold += notional
        orders.append(
            Liquidation(
                symbol=order["s"],
                time_us=order["T"] * 1000,
                received_us=order["T"] * 1000 + 6000,
                side="buy" if order["S"] == "BUY" else "sell",
                size=float(order["z"]),
                price=float(order["ap"]),
                limit_price=float(order["p"]),
            )
        )
    assert len(orders) == count
    state = applied(LiquidationState(None), orders)
    assert len(state.view()) == count
    first_us = min(order.time_us for order in orders)
    last_us = max(order.time_us for order in orders)
    for interval in TIMEFRAME_US:
        end_us = next_bar_us(bar_open_us(last_us, interval), interval)
        columns = state.at(interval, first_us, end_us)
        assert columns.count.sum() == count
        # Each order is rounded to a millionth once.
        assert abs(Decimal(int(columns.buy_micro.sum())) / MICRO - bought) <= Decimal(count) / MICRO
        assert abs(Decimal(int(columns.sell_micro.sum())) / MICRO - sold) <= Decimal(count) / MICRO
    again = applied(LiquidationState(None), state.prelude())
    assert again.digest() == state.digest()
