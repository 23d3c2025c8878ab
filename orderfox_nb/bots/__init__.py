"""Strategies and what they trade on: orders, a paper venue, an account, and the session that joins them.

A session is a fold: it applies events and does nothing else, so a live bot, a rewind and a backtest are one code path.
Nothing here depends on where events come from.
"""
