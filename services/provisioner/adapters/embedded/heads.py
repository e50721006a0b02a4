"""The last entry of every other chain of this machine, read without writing; for the cross-anchors."""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

LAST = "SELECT chain, seq, digest FROM ledger AS l WHERE seq = (SELECT MAX(seq) FROM ledger WHERE chain = l.chain)"


class EmbeddedHeads:
    """`own` is the chain of this process; anchoring it in itself would say nothing."""

    def __init__(self, databases: tuple[Path, ...], own: str) -> None:
        self._databases = databases
        self._own = own

    def heads(self) -> Mapping[str, str]:
        rows = [row for path in self._databases if path.exists() for row in _last(path)]
        return {chain: f"{seq}:{digest}" for chain, seq, digest in rows if chain != self._own}


def _last(path: Path) -> list[tuple[str, int, str]]:
    """A database without a ledger yet has no heads."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        exists = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'ledger'").fetchone()
        return db.execute(LAST).fetchall() if exists else []
