"""attendance: reports, closing, versions of completion rules"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cycle_rule",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["cycle_id"],
            ["cycle.id"],
            name=op.f("fk_cycle_rule_cycle_id_cycle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cycle_rule")),
        sa.UniqueConstraint("cycle_id", "version", name=op.f("uq_cycle_rule_cycle_id_version")),
    )
    with op.batch_alter_table("cycle_rule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cycle_rule_cycle_id"), ["cycle_id"], unique=False)

    op.create_table(
        "report_alias",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
            name=op.f("fk_report_alias_person_id_person"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_alias")),
        sa.UniqueConstraint("key", "person_id", name=op.f("uq_report_alias_key_person_id")),
    )
    with op.batch_alter_table("report_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_alias_person_id"), ["person_id"], unique=False)

    op.create_table(
        "report_import",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("filename", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("layout", sa.String(40), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("applied_by", sa.String(200), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
            name=op.f("fk_report_import_session_id_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_import")),
    )
    with op.batch_alter_table("report_import", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_import_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "session_closing",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
            name=op.f("fk_session_closing_session_id_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_closing")),
    )
    with op.batch_alter_table("session_closing", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_session_closing_session_id"), ["session_id"], unique=False
        )

    op.create_table(
        "report_row",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("import_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("enrolment_id", sa.String(), nullable=True),
        sa.Column("matched_by", sa.String(16), nullable=False),
        sa.Column("left_out", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolment.id"],
            name=op.f("fk_report_row_enrolment_id_enrolment"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["report_import.id"],
            name=op.f("fk_report_row_import_id_report_import"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_row")),
    )
    with op.batch_alter_table("report_row", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_report_row_enrolment_id"), ["enrolment_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_report_row_import_id"), ["import_id"], unique=False)

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("joined_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("seconds", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("import_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("row_number", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("shown_as", sa.String(200), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("matched_by", sa.String(16), nullable=False, server_default="")
        )
        batch_op.create_index(batch_op.f("ix_evidence_import_id"), ["import_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_evidence_import_id_report_import"),
            "report_import",
            ["import_id"],
            ["id"],
        )

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))

    _first_versions()


def _first_versions() -> None:
    """The rules that cycles have are their first versions, by nobody known."""
    moment = sa.DateTime(timezone=True)
    cycles = sa.table("cycle", sa.column("id", sa.String), sa.column("completion_rule", sa.JSON))
    versions = sa.table(
        "cycle_rule",
        *(sa.column(name, sa.String) for name in ("id", "cycle_id", "recorded_by")),
        *(sa.column(name, moment) for name in ("created_at", "at")),
        sa.column("version", sa.Integer),
        sa.column("document", sa.JSON),
    )
    now = datetime.now(UTC)
    for cycle_id, rule in op.get_bind().execute(sa.select(cycles)).all():
        if rule:
            op.execute(
                versions.insert().values(
                    id=cycle_id,
                    cycle_id=cycle_id,
                    recorded_by="",
                    created_at=now,
                    at=now,
                    version=1,
                    document=rule,
                )
            )


def downgrade() -> None:
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("closed_at")

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_evidence_import_id_report_import"), type_="foreignkey"
        )
        batch_op.drop_index(batch_op.f("ix_evidence_import_id"))
        batch_op.drop_column("matched_by")
        batch_op.drop_column("shown_as")
        batch_op.drop_column("row_number")
        batch_op.drop_column("import_id")
        batch_op.drop_column("seconds")
        batch_op.drop_column("left_at")
        batch_op.drop_column("joined_at")

    with op.batch_alter_table("report_row", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_row_import_id"))
        batch_op.drop_index(batch_op.f("ix_report_row_enrolment_id"))

    op.drop_table("report_row")
    with op.batch_alter_table("session_closing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_closing_session_id"))

    op.drop_table("session_closing")
    with op.batch_alter_table("report_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_import_session_id"))

    op.drop_table("report_import")
    with op.batch_alter_table("report_alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_alias_person_id"))

    op.drop_table("report_alias")
    with op.batch_alter_table("cycle_rule", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cycle_rule_cycle_id"))

    op.drop_table("cycle_rule")
