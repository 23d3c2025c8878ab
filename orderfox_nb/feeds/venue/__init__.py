"""The engine of every venue with sockets; a venue adds a ``Dialect``, its ``VenueRest`` and a thin feed."""
