"""Local accounts in PostgreSQL, each change with its record in the same transaction. Used by the store on a cluster."""

from datetime import datetime
from typing import Any, Final

from tidegate.ledger import Record
from tidegate.model import PersonRef
from tidegate.store.port import Account
from tidegate.store.postgres.ledger import PostgresLedger

COLUMNS: Final = "subject, issuer, display_name, disabled"
HASH: Final = "password_hash"
CHANGE: Final = (
    "UPDATE accounts SET issuer = %s, display_name = %s, password_hash = %s, disabled = %s WHERE subject = %s"
)
ADD: Final = "INSERT INTO accounts (issuer, display_name, password_hash, disabled, subject) VALUES (%s, %s, %s, %s, %s)"


class PostgresAccounts:
    """With `hashes` false the hashes are not read: the role of the egress service may not, and has no use for them."""

    def __init__(self, ledger: PostgresLedger, *, hashes: bool = True) -> None:
        self._ledger = ledger
        self._select = f"SELECT {COLUMNS}, {HASH if hashes else repr('')} FROM accounts"  # noqa: S608 - constant text

    def account(self, subject: str) -> Account | None:
        with self._ledger.database.transaction() as rows:
            row = rows.execute(f"{self._select} WHERE subject = %s", (subject,)).fetchone()
        return _account(row) if row else None

    def accounts(self) -> tuple[Account, ...]:
        with self._ledger.database.transaction() as rows:
            return tuple(_account(row) for row in rows.execute(f"{self._select} ORDER BY subject").fetchall())

    def put_account(self, account: Account, record: Record, now: datetime) -> None:
        who = account.person
        values = (who.issuer, account.display_name, account.password_hash, account.disabled, who.subject)
        with self._ledger.database.transaction() as rows:
            if not rows.execute(CHANGE, values).count:
                rows.execute(ADD, values)
            self._ledger.append_in(rows, record, now)


def _account(row: tuple[Any, ...]) -> Account:
    subject, issuer, display_name, disabled, password_hash = row
    return Account(
        person=PersonRef(issuer=issuer, subject=subject),
        display_name=display_name,
        password_hash=password_hash,
        disabled=disabled,
    )
