"""Bots with a name and a symbol."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of bots."""
    op.create_table(
        "orderfox_bots",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False, unique=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("symbol", sa.String(100), nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("is_paper_trading", sa.Boolean, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("orderfox_bots_symbol", "orderfox_bots", ["symbol"])


def downgrade() -> None:
    """Remove the table of bots."""
    op.drop_table("orderfox_bots")
