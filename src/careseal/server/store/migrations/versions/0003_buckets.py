"""Token buckets that several workers share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("key", sa.LargeBinary(16), primary_key=True),
        sa.Column("tokens", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False, index=True),
        sa.Column("refused", sa.Boolean, nullable=False, server_default=sa.false()),
        prefixes=["UNLOGGED"] if op.get_bind().dialect.name == "postgresql" else [],
    )
