"""Sources of market data: everything here is a Feed."""
