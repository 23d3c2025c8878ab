"""Binance USD-M futures: wire messages, sequence rules and sockets."""
