"""One process: its feed, hub, folds and frames."""
