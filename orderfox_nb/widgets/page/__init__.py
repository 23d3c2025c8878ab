"""Shared parts of all widgets of a page: its link to the server, its theme, its view; and the dashboard."""
