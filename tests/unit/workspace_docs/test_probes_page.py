"""The page of probes names tests that exist, and every control it speaks of is one."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
PAGE = TESTS.parent / "docs" / "developer" / "workspace-probes.md"
NAMED = re.compile(r"`(?P<file>[a-z_/]+\.py)?::(?P<test>test_\w+)`")
HEADING = ["probe", "shown by", "with the lock removed"]


def rows() -> list[list[str]]:
    """The cells of every row of every table of the page, headings left out."""
    lines = (line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [row for row in cells if row != HEADING]


def named(row: list[str]) -> Iterator[tuple[str, str]]:
    """The tests of a row; one without a file is of the file named before it."""
    file = ""
    for match in NAMED.finditer(" ".join(row)):
        file = match["file"] or file
        yield file, match["test"]


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0])[:50])
def test_every_row_names_tests_that_exist(row: list[str]) -> None:
    assert len(row) == len(HEADING)
    found = list(named(row))
    assert found
    assert [f"{file}::{test}" for file, test in found if test not in names_in(file)] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0])[:50])
def test_every_row_says_what_happens_without_the_lock(row: list[str]) -> None:
    assert row[2]
    assert bool(NAMED.search(row[2])) or not row[2].startswith("control")


def test_no_test_is_named_in_a_way_that_is_not_looked_up() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"test_\w+`", text)) == len(NAMED.findall(text))
