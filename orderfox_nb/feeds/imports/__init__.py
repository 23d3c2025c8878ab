"""Other people's recordings as ours: one module for each format, joined and checked by the rules that live data has."""
