"""A walk that was cut off looks at the request it finds and goes on with it, or takes it back and asks anew."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from egress_review.domain.status import Status
from tidegate.demo.report import Report
from tidegate.demo.review import Asked, Review
from tidegate.demo.walk import DISGUISED, RESULTS, Walk
from tidegate.model import TidegateError

HALF = frozenset({"table.csv"})


@dataclass
class Desk:
    """Stands for the review pages: one open request, and what the walk did with it."""

    open: Asked | None
    made: frozenset[str] = RESULTS
    done: list[str] = field(default_factory=list)

    def open_request(self, _author: object) -> Asked | None:
        return self.open

    def withdraw(self, _author: object, request: str) -> None:
        self.done.append(f"withdraw {request}")
        self.open = None

    def submit(self, _author: object, request: str, _texts: object) -> None:
        self.done.append(f"submit {request}")

    def wait_until(self, _author: object, _request: str, *wanted: Status) -> Status:
        return wanted[0]

    def findings(self, _author: object, _request: str) -> list[str]:
        return ["DICOM.EMBEDDED"]


class Tried(Walk):
    """A walk whose notebook answers at once."""

    desk: Desk

    def _desk(self) -> Review:
        return cast("Review", self.desk)

    def _cell(self, code: str) -> str:
        if "release(" in code:
            self.desk.done.append("ask")
            self.desk.open = Asked("new", Status.DRAFT, self.desk.made)
        return ""


def walk(found: Asked | None, made: frozenset[str] = RESULTS) -> Any:
    tried = Tried(Path("state"), Path("objects"), "", "", Report())
    tried.desk = Desk(found, made)
    return tried


@pytest.mark.parametrize(
    ("found", "done"),
    [
        (None, ["ask", "submit new"]),
        (Asked("old", Status.DRAFT, RESULTS), ["submit old"]),
        (Asked("old", Status.SCANNING, RESULTS), ["submit old"]),
        (Asked("old", Status.DRAFT, HALF), ["withdraw old", "ask", "submit new"]),
        (Asked("old", Status.DRAFT, frozenset()), ["withdraw old", "ask", "submit new"]),
        (Asked("old", Status.RETURNED, DISGUISED), ["withdraw old", "ask", "submit new"]),
    ],
)
def test_release_goes_on_with_its_own_request_only(found: Asked | None, done: list[str]) -> None:
    tried = walk(found)
    tried._submitted(RESULTS)
    assert tried.desk.done == done


@pytest.mark.parametrize(
    ("status", "tried_again"),
    [(Status.DRAFT, True), (Status.RETURNED, True), (Status.SCANNING, False), (Status.APPROVED, False)],
)
def test_dicom_is_not_tried_over_a_release_that_is_on_its_way(status: Status, *, tried_again: bool) -> None:
    tried = walk(Asked("old", status, RESULTS), DISGUISED)
    tried._try_dicom()
    expected = ["withdraw old", "ask", "submit new", "withdraw new"] if tried_again else []
    assert tried.desk.done == expected


def test_request_that_holds_other_files_than_asked_for_is_not_submitted() -> None:
    tried = walk(None, HALF)
    with pytest.raises(TidegateError) as refused:
        tried._submitted(RESULTS)
    assert refused.value.code == "no_draft"
    assert tried.desk.done == ["ask"]
