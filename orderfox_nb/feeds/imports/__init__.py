"""Import of files of other recorders: one module for each format, joined and checked by the rules of live data."""
