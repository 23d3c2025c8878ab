"""The band of equity, and who runs the bots."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from orderfox_nb.desk.store.tables import ExactNumber

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the lowest and highest equity of a moment, and the count of servers that have run the bots."""
    op.add_column("orderfox_equity", sa.Column("low", ExactNumber))
    op.add_column("orderfox_equity", sa.Column("high", ExactNumber))
    table = op.create_table(
        "orderfox_lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(table, [{"id": 1, "epoch": 0}])


def downgrade() -> None:
    """Remove both."""
    op.drop_table("orderfox_lease")
    op.drop_column("orderfox_equity", "high")
    op.drop_column("orderfox_equity", "low")
