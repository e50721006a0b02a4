"""Bounded pieces of untrusted values. Called by the guard, the notebook rules and the release rules."""

import re
from typing import Final

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
MAX_COUNT: Final = 10_000_000


def clipped(value: object, limit: int) -> str:
    """The text, or its beginning and how much is missing; nothing for what is no text."""
    if not isinstance(value, str):
        return ""
    if len(value) <= limit:
        return value
    return f"{value[:limit]}\n[Tidegate: {len(value) - limit:,} more characters are not shown]\n"


def identifier(value: object) -> str:
    """A short name of plain characters, or nothing."""
    return value if isinstance(value, str) and _IDENTIFIER.match(value) else ""


def count(value: object) -> int | None:
    """A small whole number, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else None


def fields(value: object) -> dict[str, object]:
    """The value if it is a mapping with text keys, else an empty one."""
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def text_of(value: object) -> str:
    """Text, or the lines a notebook file may split it into."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""
