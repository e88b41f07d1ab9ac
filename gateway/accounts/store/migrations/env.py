"""Alembic's entry: runs on the connection that `gateway.accounts.store.migrate` gives it."""

from alembic import context

from gateway.accounts.store import schema

# Without it, somebody only looks at every module there is.
if hasattr(context, "config"):
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=schema.metadata,
        render_as_batch=True,  # SQLite changes tables by making them anew
    )
    context.run_migrations()
