"""Studies: folds over several channels of a symbol."""
