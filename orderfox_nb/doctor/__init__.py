"""The checks of ``orderfox doctor``: the installation, and every venue of the source."""
