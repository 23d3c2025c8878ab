"""Frames: pure functions from folds to what a screen needs."""
