"""Brokers of bots' orders: ``base`` is their interface, ``paper`` and ``live`` are the two brokers.

``lock`` decides whether orders may be real, ``opening`` makes the broker of a bot. ``venue_client`` talks to the venue
through ccxt; ``reconciling`` compares what the venue has with what the session knows.
"""
