"""Bots on the screen: their list, the form that creates and edits one, and what the chosen one does."""
