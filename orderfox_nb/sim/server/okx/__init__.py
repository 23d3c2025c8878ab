"""OKX's v5 protocol for swaps: public market data, as its documentation describes it."""
