"""Thin handlers: they check what is asked, ask the desk, and write bytes."""
