"""Strategies that come with the package, found by the entry point group ``orderfox_nb.strategies``."""
