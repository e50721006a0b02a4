"""`ports.Retention` on one machine: the register of requests, read without writing. Asked before a certificate."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.model import TidegateError

COUNT: Final = "SELECT status, COUNT(*) FROM egress_requestrow WHERE project = ? GROUP BY status"
TABLE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'egress_requestrow'"
# As review has it: what its author has in hand is frozen with the project, what is over needs nothing.
NOT_AWAITING: Final = frozenset({"draft", "returned", "released", "revoked", "rejected", "withdrawn", "expired"})


@dataclass(frozen=True)
class ReviewsRegister:
    """`path` is review's database; where there is none, or no table in it, nobody ever asked for a release."""

    path: Path

    def awaiting(self, project: str) -> dict[str, int]:
        """As the port says.

        Raises:
            TidegateError: ``review_unavailable``.
        """
        if not self.path.exists():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as db:
                rows = db.execute(COUNT, [project]).fetchall() if db.execute(TABLE).fetchone() else []
        except sqlite3.Error as error:
            raise TidegateError(
                "review_unavailable",
                f"Review's database could not be asked what of project {project} still waits there.",
                "Nothing is certified before it answers; it is asked again by itself.",
            ) from error
        return {status: many for status, many in rows if status not in NOT_AWAITING}
