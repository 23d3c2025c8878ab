"""Results of a session: its equity over time, its trades, and the figures that sum them up.

``curve`` samples a session, ``round_trips`` joins fills into trades, ``performance`` computes figures of both, and
``run`` is what remains of one session when its events have ended. DataFrames are made where they are shown.
"""
