"""Strategies on paper in a notebook: ``inlet`` brings events to a run's thread, ``run`` is the handle of one, ``kept``
what it did, ``tape`` what it saw, and ``card`` what a cell shows of it.
"""
