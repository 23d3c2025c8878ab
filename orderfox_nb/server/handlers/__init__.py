"""Thin handlers: they check the request, call the desk, and write bytes."""
