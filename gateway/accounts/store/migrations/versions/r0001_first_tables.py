"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "account",
        sa.Column("key", sa.String(320), nullable=False),
        sa.Column("name", sa.String(320), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("credential", sa.String(16), nullable=False),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("password_sealed", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("account_provider", "account", ["provider"])
    op.create_table(
        "administrator",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "note",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "provider",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("preset", sa.String(16), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret_sealed", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_ends", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "visit",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("data_sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("visit_expires", "visit", ["expires"])
    op.create_table(
        "device",
        sa.Column(
            "account",
            sa.String(320),
            sa.ForeignKey("account.key", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("selector", sa.String(8), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=True),
        sa.Column("scram", sa.Text(), nullable=False),
        sa.Column("fence", sa.Text(), nullable=False),
        sa.Column("tls_only", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("revoked", sa.Double(), nullable=True),
        sa.Column("last_seen", sa.Double(), nullable=True),
        sa.Column("last_peer", sa.Text(), nullable=False),
        sa.Column("last_tls", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name"),
    )
    op.create_index("device_selector", "device", ["account", "selector"])
    op.create_table(
        "invite",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column(
            "account",
            sa.String(320),
            sa.ForeignKey("account.key", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("used", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "oauth_grant",
        sa.Column(
            "account",
            sa.String(320),
            sa.ForeignKey("account.key", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("flow", sa.String(16), nullable=False),
        sa.Column("refresh_sealed", sa.Text(), nullable=True),
        sa.Column("previous_sealed", sa.Text(), nullable=True),
        sa.Column("access_sealed", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("consent_ends", sa.Double(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("obtained", sa.Double(), nullable=False),
        sa.Column("refreshed", sa.Double(), nullable=False),
        sa.Column("broken", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_index("oauth_grant_expires", "oauth_grant", ["expires"])
