"""What people and workspaces may type and name: texts, comments, file names, limits. Pure checks that raise.

Called by the use cases before anything is kept.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from egress_review.domain.refusals import refused
from egress_review.domain.request import Texts

MAX_FILES: Final = 100
MAX_TOTAL_BYTES: Final = 100 * 1024 * 1024
MAX_TEXT: Final = 4000
MAX_NAME_BYTES: Final = 255
TEXT_FIELDS: Final[dict[str, str]] = {
    "purpose": "What the files are for, within the project's approved aims",
    "audience": "Who will see them",
    "row_meaning": "What one row or one mark stands for",
    "smallest_count": "The smallest count, and where it is",
    "control": "What was done against disclosure: rounding, suppression, or why none",
    "code": "The code that made the files",
}
FORBIDDEN_IN_NAMES: Final = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])
PLAIN_WHITESPACE: Final = "\n\r\t"


def read_text(text: object) -> str:
    """One text as it will be kept. Line ends become one kind; control characters are refused."""
    if not isinstance(text, str):
        raise refused("body_invalid", "Texts are plain text.")
    clean = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).strip()
    if len(clean) > MAX_TEXT:
        raise refused("text_too_long")
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in PLAIN_WHITESPACE for char in clean):
        raise refused("text_characters")
    return clean


def read_texts(values: Mapping[str, object]) -> Texts:
    """The texts of a request; unknown fields are refused, missing ones empty."""
    unknown = sorted(set(values) - set(TEXT_FIELDS))
    if unknown:
        raise refused("body_invalid", f"Unknown field: {unknown[0][:40]!r}.")
    return Texts(**{name: read_text(values.get(name, "")) for name in TEXT_FIELDS})


def missing_texts(texts: Texts) -> tuple[str, ...]:
    return tuple(item.name for item in fields(texts) if not getattr(texts, item.name))


def read_reason(text: object, code: str = "reason_missing") -> str:
    reason = read_text(text)
    if not reason:
        raise refused(code)
    return reason


def read_name(name: str, others: Iterable[str]) -> str:
    """A relative file name: NFC, short, nothing invisible, distinct from the others without regard to case."""
    problem = _problem_of_name(name)
    if problem:
        raise refused("name_refused", problem)
    clash = next((other for other in others if other != name and other.casefold() == name.casefold()), None)
    if clash is not None:
        raise refused("name_refused", "It differs only in case from another file of the request.")
    return name


def _problem_of_name(name: str) -> str:
    parts = name.split("/")
    rows = (
        (not name, "It is empty."),
        (unicodedata.normalize("NFC", name) != name, "It is not in Unicode's composed form (NFC)."),
        (len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES, "It is longer than 255 bytes."),
        (any(unicodedata.category(char) in FORBIDDEN_IN_NAMES for char in name), "It holds invisible characters."),
        ("\\" in name, "It holds a backslash."),
        (any(part in {"", ".", ".."} or part != part.strip() for part in parts), "A part of the path is not a name."),
    )
    return next((sentence for applies, sentence in rows if applies), "")
