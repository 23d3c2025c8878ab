"""Bybit's v5 protocol for linear perpetuals: public market data, as its documentation describes it."""
