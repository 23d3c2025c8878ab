"""Live market data as Python objects in a notebook."""
