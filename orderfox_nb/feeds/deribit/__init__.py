"""Deribit linear perpetuals: wire messages, their dialect and REST."""
