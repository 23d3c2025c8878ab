"""The notebooks whose charts are compared in a browser, and how a page counts the frames of each."""

from __future__ import annotations

BARS = 1000
DASHBOARD = f"""
from orderfox_nb.widgets import Dashboard

desk = Dashboard(symbol="BTCUSDT")
desk.chart.bars = {BARS}
desk
"""
OURS = f"""
from ipywidgets import HBox
from orderfox_nb.widgets import CandleChart, DepthChart

candles = CandleChart(symbol="BTCUSDT", bars={BARS})
candles.layout.width = "900px"
depth = DepthChart(symbol="BTCUSDT")
depth.layout.width = "480px"
depth.layout.height = "520px"
HBox([candles, depth])
"""
# The same numbers for both rivals: a market that moves ten times a second. Their scales are fixed, which spares them
# the rescaling.
MARKET = f"""
import threading, time
import numpy as np

draws = np.random.default_rng(7)
times = np.datetime64("2026-01-01T00:00") + np.arange({BARS}) * np.timedelta64(1, "m")
close = 68_000 + np.cumsum(draws.normal(0, 20, {BARS}))
opened = np.concatenate([close[:1], close[:-1]])
high, low = np.maximum(opened, close) + 15, np.minimum(opened, close) - 15
volume = draws.gamma(2, 20, {BARS})
liquidations = draws.normal(0, 1e4, {BARS}) * (draws.random({BARS}) < 0.2)
average = np.convolve(np.abs(liquidations), np.ones(50) / 50, "same")
distance = np.arange(1, 201)

def move():
    close[-1] += draws.normal(0, 3)
    high[-1], low[-1] = max(high[-1], close[-1]), min(low[-1], close[-1])
    volume[-1] += 0.1
    liquidations[-1] += draws.normal(0, 100)
    return np.cumsum(draws.gamma(2, 2, 200)), np.cumsum(draws.gamma(2, 2, 200))

bids, asks = move()

def run(update):
    def forever():
        time.sleep(3)
        while True:
            start = time.monotonic()
            update()
            time.sleep(max(0.0, 0.1 - (time.monotonic() - start)))

    threading.Thread(target=forever, daemon=True).start()
"""
BQPLOT = """
import bqplot
from ipywidgets import HBox, Layout

x = bqplot.DateScale(min=times[0].item(), max=times[-1].item())
y = bqplot.LinearScale(min=float(low.min()) - 500, max=float(high.max()) + 500)
v = bqplot.LinearScale(min=0, max=2_000)
q = bqplot.LinearScale(min=-4e5, max=4e4)
candles = bqplot.OHLC(x=times, y=np.c_[opened, high, low, close], marker="candle", scales={"x": x, "y": y})
traded = bqplot.Bars(x=times, y=volume, scales={"x": x, "y": v})
liquidated = bqplot.Bars(x=times, y=liquidations, scales={"x": x, "y": q})
mean = bqplot.Lines(x=times, y=average, scales={"x": x, "y": q})
axes = [bqplot.Axis(scale=x), bqplot.Axis(scale=y, orientation="vertical", side="right")]
chart = bqplot.Figure(marks=[candles, traded, liquidated, mean], axes=axes, title="0",
                      layout=Layout(width="900px", height="520px"))
d, c = bqplot.LinearScale(min=-200, max=200), bqplot.LinearScale(min=0, max=1_200)
bid_line = bqplot.Lines(x=-distance, y=bids, scales={"x": d, "y": c}, fill="bottom")
ask_line = bqplot.Lines(x=distance, y=asks, scales={"x": d, "y": c}, fill="bottom")
depth = bqplot.Figure(marks=[bid_line, ask_line], layout=Layout(width="480px", height="520px"))
number = 0

def update():
    global number
    bids, asks = move()
    with candles.hold_sync(), traded.hold_sync(), liquidated.hold_sync(), bid_line.hold_sync(), ask_line.hold_sync():
        candles.y = np.c_[opened, high, low, close]
        traded.y = volume.copy()
        liquidated.y = liquidations.copy()
        bid_line.y, ask_line.y = bids, asks
    number += 1
    chart.title = str(number)

run(update)
HBox([chart, depth])
"""
PLOTLY = """
import plotly.graph_objects as go
from ipywidgets import HBox

chart = go.FigureWidget(
    [
        go.Candlestick(x=times, open=opened, high=high, low=low, close=close),
        go.Bar(x=times, y=volume, yaxis="y2"),
        go.Bar(x=times, y=liquidations, yaxis="y3"),
        go.Scatter(x=times, y=average, yaxis="y3"),
    ],
    go.Layout(width=900, height=520, showlegend=False, xaxis_rangeslider_visible=False,
              xaxis_range=[str(times[0]), str(times[-1])],
              yaxis_range=[float(low.min()) - 500, float(high.max()) + 500],
              yaxis2=dict(overlaying="y", range=[0, 2_000], visible=False),
              yaxis3=dict(overlaying="y", range=[-4e5, 4e4], visible=False)),
)
depth = go.FigureWidget(
    [go.Scatter(x=-distance, y=bids, fill="tozeroy"), go.Scatter(x=distance, y=asks, fill="tozeroy")],
    go.Layout(width=480, height=520, showlegend=False, xaxis_range=[-200, 200], yaxis_range=[0, 1_200]),
)

def update():
    bids, asks = move()
    with chart.batch_update():
        candles, traded, liquidated, _ = chart.data
        candles.high, candles.low, candles.close = high.copy(), low.copy(), close.copy()
        traded.y = volume.copy()
        liquidated.y = liquidations.copy()
    with depth.batch_update():
        depth.data[0].y, depth.data[1].y = bids, asks

run(update)
HBox([chart, depth])
"""

COUNT_BQPLOT = """() => {
    globalThis.ofFrames = 0;
    const title = document.querySelector(".bqplot .mainheading");
    new MutationObserver(() => ofFrames++).observe(title, { childList: true, characterData: true, subtree: true });
}"""
COUNT_PLOTLY = """() => {
    globalThis.ofFrames = 0;
    const plots = [...document.querySelectorAll(".js-plotly-plot")];
    plots.find((plot) => plot.data.length === 4).on("plotly_afterplot", () => ofFrames++);
}"""
