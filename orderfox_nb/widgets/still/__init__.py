"""Widgets as SVG, drawn in Python, for documents that run no scripts."""
