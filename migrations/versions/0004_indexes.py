"""indexes"""

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_material_given_by", "material", ["given_by"])
    op.create_index("ix_message_progress", "message", ["cycle_id", "release_number", "status"])
    op.drop_index("ix_message_due_at", table_name="message")


def downgrade() -> None:
    op.create_index("ix_message_due_at", "message", ["due_at"])
    op.drop_index("ix_message_progress", table_name="message")
    op.drop_index("ix_material_given_by", table_name="material")
