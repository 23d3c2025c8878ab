"""Binance USD-M futures: wire messages, names and REST."""
