"""Views over the markets of several venues: one book, one tape, one list of liquidations."""
