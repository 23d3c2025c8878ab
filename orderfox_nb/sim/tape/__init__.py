"""A recording as an exchange: raw frames in the order in which they were received, and what follows from them."""

from orderfox_nb.sim.tape.source import TapeExchange

__all__ = ["TapeExchange"]
