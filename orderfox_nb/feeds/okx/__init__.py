"""OKX swaps: wire messages, their dialect and REST."""
