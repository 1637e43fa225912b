"""Alembic's entry: runs our migrations on the connection that `store.migrate` hands over.

On the command line (`alembic -x database=URL …`) it opens one itself.
"""

from alembic import context
from sqlalchemy import Connection

from sparseift.errors import InvalidValue
from store.migrate import VERSION_TABLE, include_name, transaction
from store.sessions import Database
from store.tables import Base


def run(connection: Connection) -> None:
    """Run the migrations that Alembic was asked for, in the connection's transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        include_name=include_name,
        render_as_batch=True,  # SQLite alters few things in place
        transactional_ddl=True,  # SQLite too, since we begin its transactions ourselves
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Run on the connection handed over, or on the one that the command line names."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    url = context.get_x_argument(as_dictionary=True).get("database")
    if not isinstance(url, str) or context.is_offline_mode():
        raise InvalidValue("Migrations run on a database: alembic -x database=URL upgrade head (there is no --sql).")
    database = Database(url)
    with transaction(database) as connection:
        run(connection)
    database.close()


main()
