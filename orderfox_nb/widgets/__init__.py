"""Widgets that take their frames straight from the server."""
