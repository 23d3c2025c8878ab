"""Where the orders of bots go: ``base`` says what a broker is, ``paper`` and ``live`` are the two.

``lock`` decides whether orders may be real, ``opening`` makes the broker of a bot. ``venue_client`` talks to the venue
through ccxt; ``reconciling`` compares what the venue has with what the session knows.
"""
