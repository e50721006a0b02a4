"""One connection to PostgreSQL for a process, made anew when it breaks. Used by the ledger and the accounts.

The address may change under a running service (a rotated password): it is read again for each connection.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import psycopg
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tidegate.model import TidegateError

CONNECT_SECONDS: Final = 5
OPTIONS: Final = (
    "-c search_path=tidegate -c statement_timeout=15s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"
)
# A server that is gone shows within some 20 seconds.
KEPT_ALIVE: Final = "keepalives_idle=10 keepalives_interval=3 keepalives_count=3 tcp_user_timeout=20000"


class Rows:
    """A cursor for SQL that stands in our own modules; `tidegate.ledger.table.Executor` with what a store needs."""

    def __init__(self, cursor: Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    def execute(self, sql: str, params: Sequence[Any] = (), /) -> "Rows":
        self._cursor.execute(sql.encode(), params)
        return self

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._cursor.fetchone()

    @property
    def count(self) -> int:
        """Rows the last statement touched."""
        return self._cursor.rowcount


class Database:
    """Safe in any thread: one transaction at a time."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._lock = threading.RLock()
        self._connection: Connection[tuple[Any, ...]] | None = None

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The database whose libpq URL stands in a file, as mounted secrets do."""
        return cls(lambda: url_in(path))

    @contextmanager
    def transaction(self) -> Iterator[Rows]:
        """All of it or nothing.

        Raises:
            TidegateError: ``database_unavailable`` (try again) or ``database_denied`` (this role may not).
        """
        with self._lock:
            try:
                connection = self._alive()
                with connection.transaction(), connection.cursor() as cursor:
                    yield Rows(cursor)
            except psycopg.errors.InsufficientPrivilege as error:
                raise TidegateError("database_denied", f"The database refused: {_words(error)}.") from error
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self.close()
                raise _unavailable(error) from error

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _alive(self) -> Connection[tuple[Any, ...]]:
        """The connection, tried first: after a restart of the server the old one only looks open."""
        if self._connection is not None:
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error:
                self.close()
        if self._connection is None:
            self._connection = psycopg.connect(
                make_conninfo(
                    self._url(), **conninfo_to_dict(KEPT_ALIVE), options=OPTIONS, connect_timeout=CONNECT_SECONDS
                ),
                autocommit=True,
            )
        return self._connection


def url_in(path: Path) -> str:
    """A libpq URL from a file. Raises ``database_url_missing``."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TidegateError(
            "database_url_missing", f"The database's address cannot be read from {path}: {error.strerror}."
        ) from error


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or type(error).__name__


def _unavailable(error: psycopg.Error) -> TidegateError:
    """The driver's own words may name the address with its password, so they stay in the chain of causes."""
    return TidegateError(
        "database_unavailable",
        f"The database does not answer ({error.sqlstate or type(error).__name__}).",
        "It is tried again; look at PostgreSQL if this stays.",
    )
