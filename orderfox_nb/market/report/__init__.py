"""A backtest, or what a bot did, as one HTML page: figures, charts, trades."""
