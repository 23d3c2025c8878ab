"""The venue's protocol over aiohttp: what the wire of Binance USD-M futures does, on loopback."""

from orderfox_nb.sim.server.app import SimServer
from orderfox_nb.sim.server.faults import Fault, Faults
from orderfox_nb.sim.server.limits import Limits

__all__ = ["Fault", "Faults", "Limits", "SimServer"]
