"""The embedded exchange: seeded order flow behind the real protocol of the venue."""
