"""The origin of a feed's data."""

from __future__ import annotations

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Origin of a feed's data, for the badge on every screen."""

    source: str
    """As given in the settings, such as ``sim`` or ``binance``."""
    venue: str
    simulated: bool = False
    """Invented by the embedded exchange."""
    recorded: bool = False
    """Played back from a recording."""
    problem: str = ""
    """Why there is no data, as a sentence that says what to do; empty when all is well."""
    demo_symbols: bool = False
    """The symbol list is the built-in one, since the venue could not be asked."""
    unbroken_trades: bool = True
    """The sequence of a symbol's trades has no holes: a hole is a loss."""
    absent: tuple[str, ...] = ()
    """Channels that the venue's market does not have, such as the liquidations of a spot market."""
    unverified: tuple[str, ...] = ()
    """Channels of which a loss may go unnoticed, since the venue's events have nothing that would show it."""
    epoch: str = ""
    """Names the run of a venue whose past ends with it: under another name ids and times start again.

    Empty if a venue has no runs, as the real one, and where the run is not known yet.
    """
