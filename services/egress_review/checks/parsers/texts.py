"""Tables and plain text. One family: csv, tsv, txt, md and log differ by what the reader makes of them."""

import csv
import io
from typing import Final

from egress_review.checks.decode import text_of
from egress_review.checks.parts import NotThisType, Parsed, Text

DELIMITERS: Final = {"csv": ",;|\t", "tsv": "\t"}
PLAIN: Final = frozenset({"txt", "md", "log"})
FAMILY: Final = PLAIN | set(DELIMITERS)
csv.field_size_limit(2**31 - 1)


def parse_plain(kind: str, data: bytes, location: str) -> Parsed:
    return Parsed(kind, texts=[Text(location, text_of(data))])


def parse_table(kind: str, data: bytes, location: str) -> Parsed:
    """A table whose rows all have as many cells as the first.

    Raises:
        NotThisType: no delimiter gives such a table.
    """
    text = text_of(data)
    rows = _rectangle(text, DELIMITERS[kind])
    parsed = Parsed(kind, texts=[Text(location, text)])
    for number, row in enumerate(rows, 1):
        cells = (cell for cell in row if " " in cell or "," in cell or "^" in cell)
        parsed.texts += [Text(f"{location} > row {number}", cell, whole=True) for cell in cells]
    return parsed


def count_rows(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _rectangle(text: str, delimiters: str) -> list[list[str]]:
    for delimiter in delimiters:
        try:
            rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if row]
        except csv.Error:
            continue
        if rows and len({len(row) for row in rows}) == 1 and (len(rows[0]) > 1 or delimiter == delimiters[-1]):
            return rows
    raise NotThisType
