"""How Alembic is run here: always by `storage.database.migrate`, on the connection it gives."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,  # revisions spell their tables out; nothing is generated
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
