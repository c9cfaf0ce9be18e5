"""The tables of people: accounts and what they may, sign-ins, API tokens. Times are nanoseconds
of UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    false,
)

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),  # as it was typed
    Column("name_key", Text, nullable=False, unique=True),  # folded: names ignore case
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),  # argon2id in PHC form
    Column("created", BigInteger, nullable=False),
    Column("password_changed", BigInteger, nullable=False),
    # Somebody else chose it: nothing is allowed until it is changed.
    Column("must_change", Boolean, nullable=False, server_default=false()),
    Column("origin", Text, nullable=False, server_default="local"),  # local, oidc, ldap: who proves
    Column("subject", Text),  # as whom there: what never changes; null for local ones
    Index("account_subject", "origin", "subject", unique=True),
)

# The number that was given last: one row. A number that became free is nobody's again, whatever the
# database would do by itself.
account_number = Table("account_number", metadata, Column("last", Integer, nullable=False))

# Roles that people made; the built-in ones stand in the code.
role = Table(
    "role",
    metadata,
    Column("name", Text, primary_key=True),
    Column("permissions", Text, nullable=False),  # JSON: [permission, …]
    Column("footage_age", BigInteger),  # how far back, ns
    Column("hours", Text),  # JSON: [span of the week, …]
    Column("networks", Text),  # JSON: [network, …]
    Column("priority", Integer, nullable=False),
    Column("purpose", Boolean, nullable=False),  # steering asks what for
    Column("second_factor", Boolean, nullable=False, server_default=false()),  # must have one
    Column("watermark", Boolean, nullable=False, server_default=false()),  # name on pictures
    Column("approval", Text, nullable=False, server_default="[]"),  # JSON: [action, …]
)

account_grant = Table(
    "account_grant",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", Text, nullable=False),  # built in, or of the table
    Column("scope", Text, nullable=False),  # JSON: [id, glob or group:NAME, …]
)

login_session = Table(
    "login_session",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),  # SHA-256; the token is never kept
    Column("account_id", Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
    # The provider asked for a second factor: ours is not asked.
    Column("factor_proved", Boolean, nullable=False, server_default=false()),
    Index("login_session_account", "account_id"),
    Index("login_session_expires", "expires"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("label", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, server_default="0"),
    Column("narrowed", Text),  # JSON: {permissions, cameras}; null: all its person may
    Column("used", BigInteger),  # last, to the minute
    Column("used_from", Text, nullable=False, server_default=""),  # the address
    Index("api_token_account", "account_id"),
)

# What is hidden from everybody but who is named; lifted ones stay, for the record.
camera_block = Table(
    "camera_block",
    metadata,
    Column("id", Text, primary_key=True),
    Column("camera", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger),  # null: until it is lifted
    Column("reason", Text, nullable=False),
    Column("seen_by", Text, nullable=False),  # JSON: [[account's id, name], …]
    Column("made", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("lifted", BigInteger),
    Column("lifted_by", Text),
    Column("lift_reason", Text),
    Index("camera_block_lifted", "lifted"),
)

# What somebody wants to do with a second person's yes; ended ones stay, for the record.
approval = Table(
    "approval",
    metadata,
    Column("id", Text, primary_key=True),
    Column("wanted", Text, nullable=False),  # JSON: all that it is
    Column("digest", Text, nullable=False),  # of it
    Column("asked", BigInteger, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asker_id", Integer, nullable=False),
    Column("expires", BigInteger, nullable=False),  # the waiting; after a yes, that
    Column("reason", Text, nullable=False),
    Column("yes", Boolean),  # null: not decided
    Column("decided", BigInteger),
    Column("decided_by", Text),
    Column("decider_id", Integer),
    Column("refusal", Text, nullable=False, server_default=""),
    Column("taken_back", BigInteger),
    Column("used", BigInteger),
    Column("used_for", Text, nullable=False, server_default=""),  # such as an export's id
    Index("approval_asked", "asked"),
    Index("approval_asker", "asker_id"),
    Index("approval_used_for", "used_for"),
)

second_factor = Table(
    "second_factor",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # the secret, by a key outside the database
    Column("created", BigInteger, nullable=False),
    Column("confirmed", BigInteger),  # asked since; null: being set up
    Column("last_step", BigInteger, nullable=False),  # of 30 s: no code counts twice
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", LargeBinary(32), primary_key=True),  # unused ones only
)
