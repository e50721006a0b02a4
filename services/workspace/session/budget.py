"""One budget for all that reaches the browser of one person in one project.

`websocket` and `transform` ask before they send; `drawn` reports to the ledger and reads the total back at
start. What is not known is denied: without the ledger's total nothing is drawn.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """What is counted apart in the ledger."""

    STREAM = "stream"
    DISPLAY = "display"
    ERROR = "error"
    REPLY = "reply"
    STATUS = "status"
    CONTENTS = "contents"
    KERNELS = "kernels"


class Refusal(StrEnum):
    """Why nothing is drawn: a stable code, and the sentence a person reads."""

    UNKNOWN = "drawn_total_unknown"
    SPENT = "drawn_cap_spent"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES: Mapping[Refusal, str] = {
    Refusal.UNKNOWN: "Tidegate cannot read how much this workspace has shown so far, so it shows nothing for now. "
    "It tries again every second; tell the operator if this lasts.",
    Refusal.SPENT: "This workspace has shown as many bytes as the project allows. Files are safe and code runs on. "
    "Ask the governance officer for a larger allowance, or ask for a release.",
}


class Journal(Protocol):
    """Keeps what is drawn but not yet in the ledger, so that a killed server forgets nothing."""

    def write(self, pending: Mapping[str, int]) -> None: ...
    def read(self) -> dict[str, int]: ...


@dataclass(frozen=True)
class Usage:
    """What the person may see of their budget."""

    drawn: int | None
    cap: int


class Budget:
    """Counts bytes by kind. Essential answers (states, acknowledgements) are counted but never refused."""

    def __init__(self, cap: int, journal: Journal) -> None:
        self._cap = cap
        self._journal = journal
        self._pending: Counter[str] = Counter(journal.read())
        self._recorded: int | None = None

    def refusal(self, size: int) -> Refusal | None:
        if self._recorded is None:
            return Refusal.UNKNOWN
        if self._recorded + self._pending.total() + size > self._cap:
            return Refusal.SPENT
        return None

    def draw(self, kind: Kind, size: int, *, essential: bool = False) -> Refusal | None:
        """Count `size` bytes as sent, unless the budget refuses them; the caller sends only on None."""
        refusal = None if essential else self.refusal(size)
        if refusal is None:
            self._pending[kind.value] += size
            self._journal.write(self._pending)
        return refusal

    def pending(self) -> dict[str, int]:
        """What the ledger does not hold yet."""
        return {kind: size for kind, size in self._pending.items() if size}

    def recorded(self, sent: Mapping[str, int], total: int) -> None:
        """The ledger holds `sent` too now, and its total is `total`."""
        self._pending.subtract(sent)
        self._recorded = total
        self._journal.write(self._pending)

    def unknown(self) -> None:
        """The ledger no longer answers: draw nothing until it does."""
        self._recorded = None

    def usage(self) -> Usage:
        drawn = None if self._recorded is None else self._recorded + self._pending.total()
        return Usage(drawn=drawn, cap=self._cap)
