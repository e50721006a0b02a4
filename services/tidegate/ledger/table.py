"""The ledger as one table in whatever database a service has, written inside the service's own transaction.

Called by the stores with their open cursor: `append` runs in the transaction of the write it records.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from tidegate.ledger.record import GENESIS, Entry, Record, seal

CREATE = (
    "CREATE TABLE IF NOT EXISTS ledger (chain TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, "
    "previous TEXT NOT NULL, record TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (chain, seq))"
)
# SQLite's half of 'append-only'; the hash chain finds what goes round it.
APPEND_ONLY = tuple(
    f"CREATE TRIGGER IF NOT EXISTS ledger_no_{verb.lower()} BEFORE {verb} ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
# Holds the end of a chain still until the transaction ends; SQLite locks its whole file instead.
POSTGRES_LOCK = "SELECT pg_advisory_xact_lock(hashtext('tidegate.ledger.' || %s))"
COLUMNS = "chain, seq, at, previous, record, digest"


class Executor(Protocol):
    """A sqlite3 cursor or a Django cursor."""

    def fetchall(self) -> list[Any]: ...

    def execute(self, sql: str, params: Sequence[Any] = ..., /) -> Any: ...  # noqa: ANN401 - the two answer differently


class LedgerTable:
    """Reads and appends one chain.

    Args:
        chain: whose entries.
        mark: the parameter mark of the driver: ``?`` (sqlite3) or ``%s`` (Django, psycopg).
        lock: a statement, given the chain, that keeps others from appending to it until the transaction ends.
    """

    def __init__(self, chain: str, mark: str = "?", lock: str = "") -> None:
        self.chain = chain
        self._mark = mark
        self._lock = lock

    def create(self, db: Executor) -> None:
        for statement in (CREATE, *APPEND_ONLY):
            db.execute(statement)

    def append(self, db: Executor, record: Record, now: datetime) -> Entry:
        """Add a record at the end. Without a `lock` of its own the surrounding transaction holds the write lock."""
        if self._lock:
            db.execute(self._lock, (self.chain,))
        last = self._rows(db, f"WHERE chain = {self._mark} ORDER BY seq DESC LIMIT 1", (self.chain,))
        seq, previous = (last[0].seq + 1, last[0].digest) if last else (1, GENESIS)
        entry = seal(self.chain, seq, now, previous, record)
        values = (
            self.chain,
            seq,
            entry.model_dump(mode="json")["at"],
            previous,
            record.model_dump_json(),
            entry.digest,
        )
        marks = ", ".join([self._mark] * len(values))
        db.execute(f"INSERT INTO ledger ({COLUMNS}) VALUES ({marks})", values)  # noqa: S608 - marks only
        return entry

    def rows(self, db: Executor) -> list[tuple[str, int, str, str, str, str]]:
        """The stored rows in order, unread, for `verify`: an edited one may no longer be an entry."""
        db.execute(f"SELECT {COLUMNS} FROM ledger WHERE chain = {self._mark} ORDER BY seq", (self.chain,))  # noqa: S608
        return [tuple(row) for row in db.fetchall()]

    def entries(self, db: Executor) -> Iterator[Entry]:
        """All entries in order, as stored; `verify` judges them."""
        yield from self._rows(db, f"WHERE chain = {self._mark} ORDER BY seq", (self.chain,))

    def _rows(self, db: Executor, where: str, params: Sequence[object]) -> list[Entry]:
        db.execute(f"SELECT {COLUMNS} FROM ledger {where}", params)  # noqa: S608 - constant text
        rows = db.fetchall()
        return [
            Entry.model_validate({"chain": c, "seq": s, "at": at, "previous": p, "record": json.loads(r), "digest": d})
            for c, s, at, p, r, d in rows
        ]
