"""Backtests of recordings: one run by several queue models, sweeps over parameters, and walk-forward splits."""
