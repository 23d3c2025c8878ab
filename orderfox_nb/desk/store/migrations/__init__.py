"""Alembic's steps from each schema to the next; a released one is never changed."""
