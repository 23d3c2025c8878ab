"""Bots with their orders, fills and equity, in SQLite or PostgreSQL.

``store`` is opened by the first question; SQLAlchemy and Alembic are not imported before. ``database`` holds the engine
and the one ``writer``, which commits what is written together; ``bots`` and ``bot_history`` are what is asked of it.
"""
