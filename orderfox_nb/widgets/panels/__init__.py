"""Ladder, tables and header: widgets of plain HTML."""
