"""The tables, the same in SQLite and PostgreSQL; `migrations` leads an older file here.

Times are seconds since 1970. What is named `…_sealed` is encrypted (`gateway.accounts.vault`).
"""

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

# The revision of `migrations` that makes these tables.
HEAD = "0001"

metadata = MetaData()

provider = Table(
    "provider",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("preset", String(16), nullable=False),
    Column("upstream", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_secret_sealed", Text),
    Column("issuer", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_ends", Double),
)

account = Table(
    "account",
    metadata,
    # The name without letter case: two spellings are one account.
    Column("key", String(320), primary_key=True),
    Column("name", String(320), nullable=False),
    Column("upstream", Text, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("credential", String(16), nullable=False),
    # Empty without: no foreign key.
    Column("provider", String(64), nullable=False),
    Column("password_sealed", Text),
    Column("note", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Index("account_provider", "provider"),
)


def _of_account(*, primary_key: bool = False) -> Column[str]:
    account_key = ForeignKey("account.key", ondelete="CASCADE")
    return Column("account", String(320), account_key, primary_key=primary_key, nullable=False)


device = Table(
    "device",
    metadata,
    _of_account(),
    Column("name", String(64)),
    Column("selector", String(8), nullable=False),
    Column("hash", Text, nullable=False),
    Column("secret_sealed", Text),
    Column("scram", Text, nullable=False),
    Column("fence", Text, nullable=False),
    Column("tls_only", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("revoked", Double),
    Column("last_seen", Double),
    Column("last_peer", Text, nullable=False),
    Column("last_tls", Text, nullable=False),
    PrimaryKeyConstraint("account", "name"),
    Index("device_selector", "account", "selector"),
)

grant = Table(
    "oauth_grant",  # GRANT is a word of SQL
    metadata,
    _of_account(primary_key=True),
    Column("flow", String(16), nullable=False),
    Column("refresh_sealed", Text),
    Column("previous_sealed", Text),
    Column("access_sealed", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("consent_ends", Double),
    Column("subject", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("obtained", Double, nullable=False),
    Column("refreshed", Double, nullable=False),
    Column("broken", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # Until when one process alone may refresh it.
    Column("leased_until", Double, nullable=False),
    Index("oauth_grant_expires", "expires"),
)

invite = Table(
    "invite",
    metadata,
    Column("digest", String(64), primary_key=True),
    _of_account(),
    Column("expires", Double, nullable=False),
    Column("device", String(64), nullable=False),
    Column("used", Double),
)

administrator = Table(
    "administrator",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", Text, nullable=False),
)

visit = Table(
    "visit",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("who", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("data_sealed", Text, nullable=False),
    Index("visit_expires", "expires"),
)

note = Table(
    "note",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
