"""No event is a promise only: each is written by some code, and some test looks for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.ledger import Event

ROOT = Path(__file__).resolve().parents[3]
# Where events are named or read, not written.
NOT_WRITERS = {"events.py", "verify.py"}


def named_in(folder: Path, leave: set[str]) -> Iterator[str]:
    """Every `X` of an `Event.X`, and every event written out as text."""
    for path in folder.rglob("*.py"):
        if path.name in leave:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event":
                yield node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


WRITTEN = set(named_in(ROOT / "services", NOT_WRITERS))
TESTED = set(named_in(ROOT / "tests", set()))


@pytest.mark.parametrize("event", Event)
def test_an_event_is_written_by_some_code(event: Event) -> None:
    assert event.name in WRITTEN


@pytest.mark.parametrize("event", Event)
def test_an_event_is_looked_for_by_some_test(event: Event) -> None:
    said = {event.name, event.value, event.value.partition(":")[2]}
    assert said & TESTED, f"no test looks for {event}"
