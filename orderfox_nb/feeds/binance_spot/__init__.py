"""Binance spot: the dialect of another stream host of Binance, and where its REST answers."""
