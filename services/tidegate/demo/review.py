"""The review pages as the walk's people use them: find the request, press the buttons shown, read what it says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from egress_review.domain.status import STATUS_WORDS, Status
from tidegate.demo.browser import Person
from tidegate.model import TidegateError

WAIT_SECONDS: Final = 120
FINAL: Final = {Status.RELEASED, Status.REVOKED, Status.REJECTED, Status.WITHDRAWN, Status.EXPIRED}
BY_WORDS: Final = {words: status for status, words in STATUS_WORDS.items()}


@dataclass(frozen=True)
class Asked:
    """A request as its page shows it: its address, where it stands, and the names of its files."""

    address: str
    status: Status
    files: frozenset[str]


@dataclass(frozen=True)
class Review:
    """The review service at its public address, without a slash at the end."""

    url: str

    def open_request(self, author: Person) -> Asked | None:
        """The author's one request that is not at an end, if there is one."""
        links = author.open(f"{self.url}/").links("/r/")
        found = (self.look(author, link) for link in links)
        return next((asked for asked in found if asked.status not in FINAL), None)

    def look(self, person: Person, request: str) -> Asked:
        page = person.open(request)
        return Asked(request, BY_WORDS[page.value("State")], frozenset(page.row_heads()))

    def status(self, person: Person, request: str) -> Status:
        return self.look(person, request).status

    def submit(self, author: Person, request: str, texts: dict[str, str]) -> None:
        """Complete the draft and submit it, unless that was done before."""
        page = author.open(request)
        if page.has_form("/do/submit"):
            author.send(page, "/do/submit", texts)

    def wait_until(self, person: Person, request: str, *wanted: Status) -> Status:
        """Look again until the request is in one of these states."""
        return self._wait(lambda: self.status(person, request), lambda status: status in wanted)

    def findings(self, person: Person, request: str) -> list[str]:
        """Codes of the findings that block."""
        return person.open(request).beside("tg-tag--bad")

    def withdraw(self, author: Person, request: str) -> None:
        author.send(author.open(request), "/do/withdraw")

    def approve_all(self, checker: Person, request: str) -> None:
        """Claim, look at each file, approve each, submit the review; whatever of it is not done yet."""
        page = checker.open(request)
        if page.has_form("/do/claim"):
            page = checker.send(page, "/do/claim")
        if not page.has_form("/do/vote"):
            return
        for view in page.links("/view/"):
            checker.open(view)
        votes = {name: "approve" for name in page.field_names("/do/vote") if name.startswith("vote:")}
        page = checker.send(page, "/do/vote", votes)
        if page.has_form("/do/review"):
            checker.send(page, "/do/review")

    def release(self, checker: Person, request: str) -> None:
        """Press the last button, and wait for the service to have stored and read back every file."""
        page = checker.open(request)
        if page.has_form("/do/approve"):
            checker.send(page, "/do/approve")
        self.wait_until(checker, request, Status.RELEASED)

    def download(self, person: Person, request: str) -> dict[str, bytes]:
        """Each released file by its name, with the record and the duties beside it."""
        page = person.open(request)
        links = page.links("/download/") + page.links("/beside/")
        if not links:
            raise TidegateError("nothing_to_download", f"{request} offers no file: {page.text[:300]}")
        return {link.rsplit("/", 1)[-1]: person.fetch(link) for link in links}

    def hashes(self, person: Person, request: str) -> list[str]:
        """The SHA-256 of each file as the page shows them."""
        return [code for code in person.open(request).codes() if len(code) == 64]  # noqa: PLR2004 - of a SHA-256

    def _wait(self, look: Callable[[], Status], enough: Callable[[Status], bool]) -> Status:
        deadline = time.monotonic() + WAIT_SECONDS
        while not enough(status := look()):
            if time.monotonic() > deadline:
                raise TidegateError("too_late", f"After {WAIT_SECONDS} s the request is still in {status}.")
            time.sleep(0.2)
        return status
