"""The store of one machine: one SQLite file, shared by the processes of `tidegate up`, with the ledger inside it.

One chain per service, so each process names its own. Writers take the lock at once (`BEGIN IMMEDIATE`), so the end of
the chain cannot move under an append.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tidegate.ledger import Entry, LedgerTable, Record, Witness
from tidegate.ledger.verify import Head, Row
from tidegate.model import KINDS, AnyResource, Kind, ProjectStatus
from tidegate.store.port import IMMUTABLE, Account, immutable

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS resources (kind TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, name))",
    "CREATE TABLE IF NOT EXISTS project_status (name TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS accounts (subject TEXT PRIMARY KEY, body TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS host_ids (owner TEXT PRIMARY KEY, host_id INTEGER NOT NULL UNIQUE)",
)
FIRST_HOST_ID = 610_000
LOCK_SECONDS = 15


class SqliteStore:
    """A `ResourceStore` on a file. Opens a connection a call: cheap, and safe in any thread."""

    def __init__(self, path: Path, chain: str) -> None:
        self._path = path
        self._ledger = LedgerTable(chain)
        self._witness = Witness(path.parent / "heads")
        with self._write() as db:
            for statement in SCHEMA:
                db.execute(statement)
            self._ledger.create(db.cursor())

    def get(self, kind: Kind, name: str) -> AnyResource | None:
        with self._read() as db:
            row = db.execute("SELECT body FROM resources WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return KINDS[kind].model_validate_json(row[0]) if row else None

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        with self._read() as db:
            rows = db.execute("SELECT body FROM resources WHERE kind = ? ORDER BY name", (kind,)).fetchall()
        return tuple(KINDS[kind].model_validate_json(body) for (body,) in rows)

    def put(self, resource: AnyResource, record: Record, now: datetime) -> bool:
        (changed,) = self.put_all([(resource, record)], now)
        return changed

    def put_all(self, writes: Sequence[tuple[AnyResource, Record]], now: datetime) -> tuple[bool, ...]:
        """All of these or none, in one transaction; True for each that changed something."""
        entries = []
        with self._write() as db:
            changed = tuple(self._put_one(db, resource) for resource, _ in writes)
            for (_, record), wrote in zip(writes, changed, strict=True):
                if wrote:
                    entries.append(self._ledger.append(db.cursor(), record, now))
        for entry in entries[-1:]:
            self._witness.note(entry)
        return changed

    def _put_one(self, db: sqlite3.Connection, resource: AnyResource) -> bool:
        key = (resource.kind, resource.name)
        body = resource.model_dump_json(by_alias=True)
        row = db.execute("SELECT body FROM resources WHERE kind = ? AND name = ?", key).fetchone()
        if row and row[0] == body:
            return False
        if row and Kind(resource.kind) in IMMUTABLE:
            raise immutable(resource)
        db.execute("INSERT OR REPLACE INTO resources (kind, name, body) VALUES (?, ?, ?)", (*key, body))
        return True

    def project_status(self, name: str) -> ProjectStatus:
        with self._read() as db:
            row = db.execute("SELECT body FROM project_status WHERE name = ?", (name,)).fetchone()
        return ProjectStatus.model_validate_json(row[0]) if row else ProjectStatus()

    def put_project_status(self, name: str, status: ProjectStatus, record: Record, now: datetime) -> bool:
        body = status.model_dump_json()
        with self._write() as db:
            row = db.execute("SELECT body FROM project_status WHERE name = ?", (name,)).fetchone()
            if row and row[0] == body:
                return False
            db.execute("INSERT OR REPLACE INTO project_status (name, body) VALUES (?, ?)", (name, body))
            entry = self._ledger.append(db.cursor(), record, now)
        self._witness.note(entry)
        return True

    def append(self, record: Record, now: datetime) -> None:
        with self._write() as db:
            entry = self._ledger.append(db.cursor(), record, now)
        self._witness.note(entry)

    def generation(self) -> int:
        """Counts ledger entries of every chain: no write goes without one."""
        with self._read() as db:
            (count,) = db.execute("SELECT COUNT(*) FROM ledger").fetchone()
        return int(count)

    def account(self, subject: str) -> Account | None:
        with self._read() as db:
            row = db.execute("SELECT body FROM accounts WHERE subject = ?", (subject,)).fetchone()
        return Account.model_validate_json(row[0]) if row else None

    def accounts(self) -> tuple[Account, ...]:
        with self._read() as db:
            rows = db.execute("SELECT body FROM accounts ORDER BY subject").fetchall()
        return tuple(Account.model_validate_json(body) for (body,) in rows)

    def put_account(self, account: Account, record: Record, now: datetime) -> None:
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO accounts (subject, body) VALUES (?, ?)",
                (account.person.subject, account.model_dump_json()),
            )
            entry = self._ledger.append(db.cursor(), record, now)
        self._witness.note(entry)

    def host_id(self, owner: str) -> int:
        """The uid or gid of this machine reserved for an owner, for example ``kernel/alice/p1``. Never given twice."""
        with self._write() as db:
            row = db.execute("SELECT host_id FROM host_ids WHERE owner = ?", (owner,)).fetchone()
            if row:
                return int(row[0])
            (last,) = db.execute("SELECT MAX(host_id) FROM host_ids").fetchone()
            host_id = FIRST_HOST_ID if last is None else int(last) + 1
            db.execute("INSERT INTO host_ids (owner, host_id) VALUES (?, ?)", (owner, host_id))
        return host_id

    def chains(self) -> tuple[str, ...]:
        with self._read() as db:
            return tuple(name for (name,) in db.execute("SELECT DISTINCT chain FROM ledger ORDER BY chain"))

    def entries(self, chain: str) -> tuple[Entry, ...]:
        with self._read() as db:
            return tuple(LedgerTable(chain).entries(db.cursor()))

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """The ledger's rows by chain, unread, for `verify`."""
        names = self.chains()
        with self._read() as db:
            return {name: tuple(LedgerTable(name).rows(db.cursor())) for name in names}

    def heads(self) -> dict[str, Head]:
        """What the witness saw last, by chain."""
        return self._witness.heads()

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        db = self._open()
        try:
            yield db
        finally:
            db.close()

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        db = self._open()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        finally:
            db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db
