"""Runs the steps in the transaction of the connection that ``migrating`` passes."""

from __future__ import annotations

from alembic import context

from orderfox_nb.desk.store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
