"""what somebody is called in reports is said for a cycle"""

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels = None
depends_on = None

# Where a row was first matched to them, else where they enrolled first: whoever said it stood in
# one of these, and not in all.
_WHERE_IT_WAS_SAID = """
UPDATE report_alias SET cycle_id = coalesce(
  (SELECT enrolment.cycle_id FROM enrolment
     JOIN report_row ON report_row.enrolment_id = enrolment.id
    WHERE enrolment.person_id = report_alias.person_id ORDER BY report_row.id LIMIT 1),
  (SELECT enrolment.cycle_id FROM enrolment
    WHERE enrolment.person_id = report_alias.person_id ORDER BY enrolment.created_at LIMIT 1))
"""


def upgrade() -> None:
    with op.batch_alter_table("report_alias", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cycle_id", sa.String(), nullable=True))
    op.execute(_WHERE_IT_WAS_SAID)
    op.execute("DELETE FROM report_alias WHERE cycle_id IS NULL")
    with op.batch_alter_table("report_alias", schema=None) as batch_op:
        batch_op.alter_column("cycle_id", existing_type=sa.String(), nullable=False)
        batch_op.drop_constraint(batch_op.f("uq_report_alias_key_person_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_report_alias_key_person_id_cycle_id"), ["key", "person_id", "cycle_id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_report_alias_cycle_id_cycle"),
            "cycle",
            ["cycle_id"],
            ["id"],
            ondelete="CASCADE",
        )
        batch_op.create_index(batch_op.f("ix_report_alias_cycle_id"), ["cycle_id"], unique=False)


def downgrade() -> None:
    op.execute(
        "DELETE FROM report_alias WHERE EXISTS (SELECT 1 FROM report_alias AS older "
        "WHERE older.key = report_alias.key AND older.person_id = report_alias.person_id "
        "AND older.id < report_alias.id)"
    )
    with op.batch_alter_table("report_alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_alias_cycle_id"))
        batch_op.drop_constraint(batch_op.f("fk_report_alias_cycle_id_cycle"), type_="foreignkey")
        batch_op.drop_constraint(
            batch_op.f("uq_report_alias_key_person_id_cycle_id"), type_="unique"
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_report_alias_key_person_id"), ["key", "person_id"]
        )
        batch_op.drop_column("cycle_id")
