"""certificates, their designs, issuing to many"""

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate_design",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(20), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("statement", sa.JSON(), nullable=False),
        sa.Column("accent", sa.String(7), nullable=False),
        sa.Column("logos", sa.JSON(), nullable=False),
        sa.Column("signatories", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["cycle_id"],
            ["cycle.id"],
            name=op.f("fk_certificate_design_cycle_id_cycle"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_design")),
        sa.UniqueConstraint(
            "cycle_id", "version", name=op.f("uq_certificate_design_cycle_id_version")
        ),
    )
    with op.batch_alter_table("certificate_design", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_certificate_design_cycle_id"), ["cycle_id"], unique=False
        )

    op.create_table(
        "issue_run",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.Integer(), nullable=False),
        sa.Column("issued", sa.Integer(), nullable=False),
        sa.Column("already", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("after", sa.String(26), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_by", sa.String(80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(200), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cycle_id"], ["cycle.id"], name=op.f("fk_issue_run_cycle_id_cycle"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_run")),
    )
    with op.batch_alter_table("issue_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_issue_run_cycle_id"), ["cycle_id"], unique=False)
        batch_op.create_index(
            "ix_issue_run_under_way",
            ["cycle_id"],
            unique=True,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )

    op.create_table(
        "certificate",
        sa.Column("id", sa.String(26), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cycle_id", sa.String(), nullable=False),
        sa.Column("enrolment_id", sa.String(), nullable=False),
        sa.Column("code", sa.String(28), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("search_key", sa.String(900), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("design_id", sa.String(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(200), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("superseded_by_id", sa.String(), nullable=True),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["cycle_id"], ["cycle.id"], name=op.f("fk_certificate_cycle_id_cycle")
        ),
        sa.ForeignKeyConstraint(
            ["design_id"],
            ["certificate_design.id"],
            name=op.f("fk_certificate_design_id_certificate_design"),
        ),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolment.id"], name=op.f("fk_certificate_enrolment_id_enrolment")
        ),
        sa.ForeignKeyConstraint(
            ["superseded_by_id"],
            ["certificate.id"],
            name=op.f("fk_certificate_superseded_by_id_certificate"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint("code", name=op.f("uq_certificate_code")),
        sa.UniqueConstraint(
            "cycle_id", "status_index", name=op.f("uq_certificate_cycle_id_status_index")
        ),
    )
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_design_id"), ["design_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_certificate_enrolment_id"), ["enrolment_id"], unique=False
        )
        batch_op.create_index(
            "ix_certificate_listed", ["cycle_id", "search_key", "id"], unique=False
        )
        batch_op.create_index(
            "ix_certificate_live",
            ["enrolment_id"],
            unique=True,
            sqlite_where=sa.text("status = 'live'"),
            postgresql_where=sa.text("status = 'live'"),
        )
        batch_op.create_index(
            batch_op.f("ix_certificate_superseded_by_id"), ["superseded_by_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_superseded_by_id"))
        batch_op.drop_index(
            "ix_certificate_live",
            sqlite_where=sa.text("status = 'live'"),
            postgresql_where=sa.text("status = 'live'"),
        )
        batch_op.drop_index("ix_certificate_listed")
        batch_op.drop_index(batch_op.f("ix_certificate_enrolment_id"))
        batch_op.drop_index(batch_op.f("ix_certificate_design_id"))

    op.drop_table("certificate")
    with op.batch_alter_table("issue_run", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_issue_run_under_way",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_issue_run_cycle_id"))

    op.drop_table("issue_run")
    with op.batch_alter_table("certificate_design", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_design_cycle_id"))

    op.drop_table("certificate_design")
