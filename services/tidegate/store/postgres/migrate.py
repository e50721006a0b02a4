"""Brings the database up to date: plain SQL files, in order, each once. Run as the owner's role before the services.

`python -m tidegate.store.postgres` is the job of the chart; `create_roles` is for whoever runs the server.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import Connection, sql

from tidegate.model import TidegateError

FOLDER: Final = files("tidegate.store.postgres") / "migrations"
OWNER: Final = "tidegate_owner"
SERVICES: Final = ("tidegate_provisioner", "tidegate_hub", "tidegate_egress", "tidegate_governance")
FIRST: Final = (
    "CREATE SCHEMA IF NOT EXISTS tidegate",
    """CREATE TABLE IF NOT EXISTS tidegate.migrations
    (name text PRIMARY KEY, sha256 text NOT NULL, at timestamptz NOT NULL DEFAULT now())""",
)
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('tidegate.migrations'))"


def migrate(url: str) -> tuple[str, ...]:
    """Apply what is missing; the names of what was applied. Safe to repeat and to run twice at once.

    Raises:
        TidegateError: ``database_roles_missing``, ``migration_changed``, ``database_unavailable``.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            _check_roles(connection)
            return _apply_missing(connection)
    except psycopg.OperationalError as error:
        raise TidegateError(
            "database_unavailable", f"The database does not answer ({type(error).__name__}).", "Is it up?"
        ) from error


def create_roles(url: str, database: str, passwords: Mapping[str, str]) -> None:
    """As a superuser: the roles with these passwords, and a database of the owner's that nobody else enters.

    Safe to repeat: a role that is there gets its password anew.

    Args:
        url: of any database of the server, as somebody who may create roles.
        database: the name of the database to make.
        passwords: one for the owner and one for each of `SERVICES`.
    """
    name = sql.Identifier(database)
    services = sql.SQL(", ").join(map(sql.Identifier, SERVICES))
    with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        for role in (OWNER, *SERVICES):
            _create_role(connection, role, passwords[role])
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(OWNER)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, services))


def _create_role(connection: Connection[Any], role: str, password: str) -> None:
    """The server gets the password as a SCRAM verifier, so that it stands in none of its logs."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


def _check_roles(connection: Connection[Any]) -> None:
    found = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    missing = [role for role in SERVICES if role not in found]
    if missing:
        raise TidegateError(
            "database_roles_missing",
            f"The database has no role {', '.join(missing)}.",
            "Create them with a password each; the operator's guide has the statements.",
        )


def _apply_missing(connection: Connection[Any]) -> tuple[str, ...]:
    connection.execute(LOCK)
    for statement in FIRST:
        connection.execute(statement)
    known = dict(connection.execute("SELECT name, sha256 FROM tidegate.migrations").fetchall())
    return tuple(name for name, text in migrations().items() if _apply(connection, name, text, known.get(name)))


def migrations() -> dict[str, str]:
    """Every migration by name, in order."""
    scripts = sorted((item for item in FOLDER.iterdir() if item.name.endswith(".sql")), key=lambda item: item.name)
    return {item.name: item.read_text(encoding="utf-8") for item in scripts}


def _apply(connection: Connection[Any], name: str, text: str, known: str | None) -> bool:
    digest = hashlib.sha256(text.encode()).hexdigest()
    if known == digest:
        return False
    if known is not None:
        raise TidegateError(
            "migration_changed", f"Migration {name} was applied with other content.", "Restore it; add a new one."
        )
    connection.execute(text.encode())
    connection.execute("INSERT INTO tidegate.migrations (name, sha256) VALUES (%s, %s)", (name, digest))
    return True
