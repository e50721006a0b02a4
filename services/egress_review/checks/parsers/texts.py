"""Tables and plain text. One family: csv, tsv, txt, md and log differ by what the reader makes of them."""

import csv
import io
from typing import Final

from egress_review.checks.decode import other_readings, text_of
from egress_review.checks.parts import NotThisType, Parsed, Text

DELIMITERS: Final = {"csv": ",;|\t", "tsv": "\t"}
PLAIN: Final = frozenset({"txt", "md", "log"})
FAMILY: Final = PLAIN | set(DELIMITERS)
csv.field_size_limit(2**31 - 1)


def parse_plain(kind: str, data: bytes, location: str) -> Parsed:
    return Parsed(kind, texts=[Text(location, text) for text in (text_of(data), *other_readings(data))])


def parse_table(kind: str, data: bytes, location: str) -> Parsed:
    """A table whose rows all have as many cells as the first.

    Raises:
        NotThisType: no delimiter gives such a table.
    """
    text = text_of(data)
    rows = _rectangle(text, DELIMITERS[kind])
    parsed = Parsed(kind, texts=[Text(location, text) for text in (text, *other_readings(data))])
    for number, row in enumerate(rows, 1):
        cells = (cell for cell in row if " " in cell or "," in cell or "^" in cell)
        parsed.texts += [Text(f"{location} > row {number}", cell, whole=True) for cell in cells]
    columns = zip(*rows, strict=True)
    parsed.columns = [Text(f"{location} > column {n}", "\n".join(cells)) for n, cells in enumerate(columns, 1)]
    return parsed


def count_rows(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _rectangle(text: str, delimiters: str) -> list[list[str]]:
    """Rows by the first delimiter that gives several columns; else one column, if the first finds nothing to split."""
    single: list[list[str]] = []
    for delimiter in delimiters:
        try:
            rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if row]
        except csv.Error:
            continue
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1}:
            return rows
        if widths == {1} and delimiter == delimiters[0]:
            single = rows
    if not single:
        raise NotThisType
    return single
