"""`ports.Views`: what the checkers see of a file, decoded from the copy that is to leave.

Reads text and tables itself with the standard library; pictures were drawn in the sandbox when the file was scanned.
"""

import csv
import io
import itertools
import json
from dataclasses import dataclass
from typing import Final

from egress_review.domain.request import OutputFile
from tidegate.objects import ObjectStore

DELIMITERS: Final[dict[str, str]] = {"csv": ",", "tsv": "\t"}
TEXTS: Final = frozenset({"txt", "md", "json", "csv", "tsv", "log"})
CELL: Final = 500
COLUMNS: Final = 100
MOST_READ: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class StoreViews:
    quarantine: ObjectStore

    def rows(self, file: OutputFile, limit: int) -> tuple[tuple[str, ...], ...] | None:
        delimiter = DELIMITERS.get(file.kind)
        if delimiter is None:
            return None
        reader = csv.reader(io.StringIO(self._decoded(file), newline=""), delimiter=delimiter)
        try:
            return tuple(tuple(cell[:CELL] for cell in row[:COLUMNS]) for row in itertools.islice(reader, limit))
        except csv.Error:
            return None

    def text(self, file: OutputFile, limit: int) -> str | None:
        if file.kind not in TEXTS:
            return None
        text = self._decoded(file)
        return (_indented(text) if file.kind == "json" else text)[:limit]

    def picture(self, file: OutputFile) -> bytes | None:
        if not file.picture or not self.quarantine.verify(file.picture):
            return None
        with self.quarantine.open(file.picture) as stream:
            return stream.read()

    def _decoded(self, file: OutputFile) -> str:
        with self.quarantine.open(file.sanitised or file.sha256) as stream:
            return stream.read(MOST_READ).decode("utf-8-sig", errors="replace")


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
