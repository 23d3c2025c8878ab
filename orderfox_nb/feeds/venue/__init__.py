"""What every venue with sockets needs; a venue adds a ``Dialect``, its ``VenueRest`` and a thin feed."""
