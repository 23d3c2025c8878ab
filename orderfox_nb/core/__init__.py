"""Market state without I/O: instruments, events and the folds over them."""
