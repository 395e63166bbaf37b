"""Silences that a person took over have an owner."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("silence_records", sa.Column("owner", sa.Text, nullable=False, server_default=""))
