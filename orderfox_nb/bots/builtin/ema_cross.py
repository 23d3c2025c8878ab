"""Follow the trend: long while a fast average of closes is above a slow one, or above the VWAP, else flat or short."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from orderfox_nb.bots.desk_view import TradingDesk
from orderfox_nb.bots.parameters import Bounds, Size, Timeframe
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.core.bars import BarColumns
from orderfox_nb.core.events import Candle

_BARS_IN_EMA = 5
"""Number of spans of bars that decide an exponential average to within 1 %."""


class EmaCross(Strategy):
    """Hold a position in the direction of the cross, with market orders at the close of a candle."""

    size: Size = Decimal("0.010")
    timeframe: Timeframe = "1m"
    fast: Annotated[int, Bounds(minimum=1, maximum=200, unit="candles")] = 9
    slow: Annotated[int, Bounds(minimum=2, maximum=250, unit="candles")] = 21
    against: Annotated[Literal["ema", "vwap"], Bounds(help="What the fast average crosses")] = "ema"
    short: Annotated[bool, Bounds(help="Sell short below, else hold nothing")] = True

    def on_candle(self, candle: Candle, desk: TradingDesk) -> None:
        bars = desk.candles.columns(_BARS_IN_EMA * self.slow)
        if len(bars) < self.slow or desk.orders:
            return
        fast = ema(bars, self.fast)
        level = ema(bars, self.slow) if self.against == "ema" else vwap(bars, self.slow)
        direction = 1 if fast > level else -1 if self.short and fast < level else 0
        wanted = direction * self.size
        missing = wanted - desk.instrument.exact_size(desk.position.lots)
        if missing:
            desk.order("buy" if missing > 0 else "sell", abs(missing))


def ema(bars: BarColumns, span: int) -> float:
    """Return the exponential average of the closing prices, weights falling by 1 - 2/(span + 1) a bar."""
    factor = 2 / (span + 1)
    closes: list[float] = bars.close.tolist()
    average = closes[0]
    for close in closes[1:]:
        average += factor * (close - average)
    return average


def vwap(bars: BarColumns, span: int) -> float:
    """Return the average price of the newest bars by volume; their average close where nothing was traded."""
    volume = float(bars.volume[-span:].sum())
    return float(bars.quote_volume[-span:].sum()) / volume if volume else float(bars.close[-span:].mean())
