"""The candle chart and the depth chart: bqplot figures with a canvas layer for the dense marks."""
