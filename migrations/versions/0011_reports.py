"""reports: what is known of each row, and a quick look for the same file"""

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("report_row", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("state", sa.String(16), nullable=False, server_default="unmatched")
        )
        batch_op.add_column(sa.Column("who", sa.String(32), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("details", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("credits", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("report_import", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_import_digest"), ["digest"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("report_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_import_digest"))
    with op.batch_alter_table("report_row", schema=None) as batch_op:
        batch_op.drop_column("credits")
        batch_op.drop_column("details")
        batch_op.drop_column("who")
        batch_op.drop_column("state")
