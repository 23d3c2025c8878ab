"""Bots that run with a server: ``runner`` starts and stops them, ``run`` is one of them, ``inlet`` its events.

``row_log`` turns what a session puts out into rows of the store. Rows and the session's state are saved together, so
that a bot continues after a crash from exactly the orders and fills that are stored.
"""
