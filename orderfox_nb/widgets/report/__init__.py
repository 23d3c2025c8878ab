"""A backtest's report: as bqplot figures in a notebook, and as one HTML file without scripts."""
