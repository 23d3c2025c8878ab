"""Trading at the embedded exchange: accounts, their orders and positions, by the rules of the venue."""
