"""The distance of the two best prices."""
