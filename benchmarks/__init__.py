"""What the parts cost, always beside what they could have been: ``python -m benchmarks`` runs every script."""
