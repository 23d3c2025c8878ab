"""Deribit's JSON-RPC protocol for linear perpetuals: public market data, as its documentation describes it."""
