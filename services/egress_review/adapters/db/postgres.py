"""PostgreSQL under the register: the connection, the rights of the service's role, and whether it is migrated.

The owner's role makes the tables, in a schema of their own, and gives the service no more than each needs. The ledger's
table is the store's; the service may add to its own chain there.
"""

from typing import Any, Final, cast

from django.db import Error as DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tidegate.model import TidegateError

ROLE: Final = "tidegate_egress"
SCHEMA: Final = "egress"
CONNECT_SECONDS: Final = 5
OPTIONS: Final = (
    f"-c search_path={SCHEMA},tidegate -c statement_timeout=15s -c lock_timeout=10s "
    "-c idle_in_transaction_session_timeout=60s"
)
READ_AND_ADD: Final = ("SELECT", "INSERT")
AND_CHANGE: Final = (*READ_AND_ADD, "UPDATE")
AND_REMOVE: Final = (*AND_CHANGE, "DELETE")
RIGHTS: Final[dict[str, tuple[str, ...]]] = {
    "django_migrations": ("SELECT",),
    "django_session": AND_REMOVE,
    "egress_commentrow": READ_AND_ADD,
    "egress_downloadrow": AND_CHANGE,
    "egress_drawnrow": AND_CHANGE,
    "egress_filerow": AND_REMOVE,
    "egress_keyrow": READ_AND_ADD,
    "egress_requestrow": AND_CHANGE,
    "egress_reviewrow": AND_CHANGE,
    "egress_voterow": AND_CHANGE,
}
# Named by libpq, and by Django for the same thing.
NAMES: Final = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
KEPT_ALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20000}


def database_of(url: str) -> dict[str, Any]:
    """Django's entry for a libpq URL. What else the URL says, ``sslmode`` above all, goes to the driver."""
    parts = dict(conninfo_to_dict(url))
    named = {NAMES[name]: str(parts.pop(name)) for name in NAMES if name in parts}
    options = {**KEPT_ALIVE, "connect_timeout": CONNECT_SECONDS, **parts, "options": OPTIONS}
    return {"ENGINE": "django.db.backends.postgresql", **named, "CONN_MAX_AGE": 0, "OPTIONS": options}


def give_rights(connection: BaseDatabaseWrapper) -> None:
    """As the owner, after each migration: exactly the rights of the table, on exactly these tables."""
    role, schema = sql.Identifier(ROLE), sql.Identifier(SCHEMA)
    with connection.cursor() as cursor:
        for statement in (
            "REVOKE ALL ON SCHEMA {schema} FROM {role}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
            "GRANT USAGE ON SCHEMA {schema} TO {role}",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        ):
            cursor.execute(_text(sql.SQL(statement).format(schema=schema, role=role), connection))
        for table, verbs in RIGHTS.items():
            grant = sql.SQL("GRANT {verbs} ON {table} TO {role}").format(
                verbs=sql.SQL(", ").join(map(sql.SQL, verbs)), table=sql.Identifier(SCHEMA, table), role=role
            )
            cursor.execute(_text(grant, connection))


def check_migrated(connection: BaseDatabaseWrapper) -> None:
    """Raises ``database_not_migrated`` or ``database_unavailable``."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise TidegateError(
            "database_unavailable", f"The database does not answer ({type(error).__name__}).", "It is tried again."
        ) from error
    finally:
        connection.close()
    if missing:
        raise TidegateError(
            "database_not_migrated",
            "The tables of review are not those of this version.",
            "The chart's migration Job makes them; look at its log.",
        )


def _text(statement: sql.Composable, connection: BaseDatabaseWrapper) -> str:
    return statement.as_string(cast("Any", connection.connection))
