"""`ports.Views`: what the checkers see of a file, decoded from the copy that is to leave.

Reads text and tables itself, as the scan read them; pictures were drawn in the sandbox when the file was scanned. What
a browser would not draw is spelled out, and what a view leaves out is counted: nobody approves what hides.
"""

import csv
import io
import itertools
import unicodedata
from dataclasses import dataclass
from typing import Final

from egress_review.checks.decode import draws_nothing, text_of
from egress_review.checks.parts import NotThisType
from egress_review.domain.request import OutputFile
from tidegate.objects import ObjectStore

DELIMITERS: Final[dict[str, str]] = {"csv": ",", "tsv": "\t"}
TEXTS: Final = frozenset({"txt", "md", "json", "csv", "tsv", "log"})
PICTURES: Final = frozenset({"png", "jpeg"})
CELL: Final = 500
COLUMNS: Final = 100
DRAWN: Final = frozenset(" \t\n\r")
UNSEEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp"})


@dataclass(frozen=True)
class StoreViews:
    quarantine: ObjectStore

    def rows(self, file: OutputFile, limit: int) -> tuple[tuple[str, ...], ...] | None:
        delimiter = DELIMITERS.get(file.kind)
        if delimiter is None:
            return None
        reader = csv.reader(io.StringIO(self._decoded(file), newline=""), delimiter=delimiter)
        try:
            shown = tuple(_row(cells) for cells in itertools.islice(reader, limit))
            more = sum(1 for _ in reader)
        except csv.Error:
            return None
        return (*shown, (f"[{more} more rows]",)) if more else shown

    def text(self, file: OutputFile, limit: int) -> str | None:
        return _shown(self._decoded(file), limit) if file.kind in TEXTS else None

    def picture(self, file: OutputFile) -> bytes | None:
        if not file.picture or not self.quarantine.verify(file.picture):
            return None
        with self.quarantine.open(file.picture) as stream:
            return stream.read()

    def _decoded(self, file: OutputFile) -> str:
        with self.quarantine.open(file.sanitised or file.sha256) as stream:
            content = stream.read()
        try:
            return text_of(content)
        except NotThisType:
            return content.decode("utf-8", "backslashreplace")


def _row(cells: list[str]) -> tuple[str, ...]:
    shown = tuple(_shown(cell, CELL) for cell in cells[:COLUMNS])
    more = len(cells) - COLUMNS
    return (*shown, f"[{more} more columns]") if more > 0 else shown


def _shown(text: str, limit: int) -> str:
    """Up to the limit as it stands, JSON too: reading it would drop a key given twice, and digits."""
    more = len(text) - limit
    return _spelled(text[:limit]) + (f" [{more} more characters]" if more > 0 else "")


def _spelled(text: str) -> str:
    """Characters that draw nothing, or look like a space and are none, by their number."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate({ord(char): f"[U+{ord(char):04X}]" for char in set(text) if _unseen(char)})


def _unseen(char: str) -> bool:
    return char not in DRAWN and (draws_nothing(char) or unicodedata.category(char) in UNSEEN)
