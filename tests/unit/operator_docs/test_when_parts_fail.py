"""The page on parts that fail is the table the cluster's tests hold a running cluster to, and nothing else."""

import pytest

from cluster.killed_table import ACTS, PAGE, PARTS, WORKS, Part, is_as_expected, page


def test_the_page_is_written_from_the_table() -> None:
    """After a change: PYTHONPATH=tests python -m cluster.killed_table."""
    assert page() == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_each_part_says_what_goes_on_and_how_it_comes_back(part: Part) -> None:
    assert part.goes_on
    assert part.back
    assert set(part.expected) <= set(ACTS)
    assert all(told.seen != WORKS for told in part.expected.values())


@pytest.mark.parametrize(
    ("expected", "seen", "same"),
    [(WORKS, WORKS, True), (WORKS, "503 works", False), ("503", "503 a page", True), ("503", WORKS, False)],
)
def test_what_works_has_to_work_and_what_does_not_has_to_say_it(expected: str, seen: str, *, same: bool) -> None:
    assert is_as_expected(expected, seen) is same
