"""A request for release as one immutable value: files, texts, reviews, claims, comments.

The use cases change it by making a new one; the store keeps both in one transaction with the audit record.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from egress_review.domain.status import Status
from tidegate.model import PersonRef, digest_of

DOWNLOAD: Final = "download"


class Severity(StrEnum):
    NOTE = "note"
    FLAG = "flag"
    BLOCK = "block"


class Choice(StrEnum):
    APPROVE = "approve"
    CHANGES = "changes"


@dataclass(frozen=True)
class Finding:
    """What a check saw. `excerpt` is masked by the check; `fingerprint` names this finding in this file."""

    code: str
    kind: str
    severity: Severity
    detail: str
    location: str = ""
    excerpt: str = ""
    remedy: str = ""
    rule: str = ""
    detector: str = ""
    contestable: bool = False
    fingerprint: str = ""


@dataclass(frozen=True)
class OutputFile:
    """One file. `sanitised` is what checkers see and what leaves; `picture` a PNG of it for the browser, if any."""

    name: str
    sha256: str
    size: int
    kind: str = ""
    sanitised: str = ""
    sanitised_size: int = 0
    picture: str = ""
    scanned_turn: int = 0
    findings: tuple[Finding, ...] = ()
    checks: tuple[str, ...] = ()
    withdrawn: bool = False

    @property
    def blocks(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.BLOCK)


@dataclass(frozen=True)
class Texts:
    """What the author says about the files; part of what a vote binds to."""

    purpose: str = ""
    audience: str = ""
    row_meaning: str = ""
    smallest_count: str = ""
    control: str = ""
    code: str = ""


@dataclass(frozen=True)
class Vote:
    """One person's word on one file of one turn, bound to what it was about.

    The ledger holds only a commitment, made with `salt`, until the reviews of the turn are opened.
    """

    file: str
    choice: Choice
    digest: str
    salt: str = ""

    @property
    def commitment(self) -> str:
        return digest_of([self.file, self.choice, self.digest, self.salt])


@dataclass(frozen=True)
class Review:
    """One person's review in one turn; it counts once submitted.

    `opened`: when its person looked at the others'. `voided`: the turn was cut short, so its votes count nowhere.
    """

    person: PersonRef
    turn: int
    votes: tuple[Vote, ...] = ()
    submitted: datetime | None = None
    opened: datetime | None = None
    voided: bool = False

    def vote_on(self, name: str) -> Vote | None:
        return next((vote for vote in self.votes if vote.file == name), None)


@dataclass(frozen=True)
class Claim:
    """A lease on a reviewer's seat; taking it declares that there is no conflict of interest."""

    person: PersonRef
    until: datetime


@dataclass(frozen=True)
class Comment:
    person: PersonRef
    turn: int
    at: datetime
    text: str
    public: bool
    review: bool = False


@dataclass(frozen=True)
class Job:
    """What the worker left: tries, the next one, the last error. `holder` has it until `until`."""

    holder: str = ""
    until: datetime | None = None
    tries: int = 0
    next_try: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Release:
    """Set when released: where the record lies, until when it can be downloaded and by whom."""

    at: datetime
    until: datetime
    per_file: int
    record: str
    attribution: str
    people: tuple[PersonRef, ...]


@dataclass(frozen=True)
class Request:
    id: str
    project: str
    author: PersonRef
    created: datetime
    changed: datetime
    status: Status = Status.DRAFT
    turn: int = 0
    version: int = 1
    texts: Texts = Texts()
    destination: str = DOWNLOAD
    criteria: str = ""
    opened: datetime | None = None
    files: tuple[OutputFile, ...] = ()
    reviews: tuple[Review, ...] = ()
    claims: tuple[Claim, ...] = ()
    comments: tuple[Comment, ...] = ()
    job: Job = Job()
    release: Release | None = None
    reason: str = ""
    decision: str = ""
    noted_holds: tuple[str, ...] = field(default=())

    @property
    def outputs(self) -> tuple[OutputFile, ...]:
        """The files that are to leave."""
        return tuple(file for file in self.files if not file.withdrawn)

    def file(self, name: str) -> OutputFile | None:
        return next((file for file in self.files if file.name == name), None)

    def review_of(self, person: PersonRef, turn: int | None = None) -> Review | None:
        wanted = self.turn if turn is None else turn
        return next((review for review in self.reviews if review.person == person and review.turn == wanted), None)

    def claim_of(self, person: PersonRef, now: datetime) -> Claim | None:
        return next((claim for claim in self.live_claims(now) if claim.person == person), None)

    def live_claims(self, now: datetime) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if now < claim.until)

    def with_file(self, new: OutputFile) -> "Request":
        """The same request with this file added, or in the place of the one of its name."""
        kept = tuple(file for file in self.files if file.name != new.name)
        return replace(self, files=tuple(sorted((*kept, new), key=lambda file: file.name)))

    def with_review(self, new: Review) -> "Request":
        kept = tuple(r for r in self.reviews if (r.person, r.turn) != (new.person, new.turn))
        return replace(self, reviews=(*kept, new))


def binding_digest(request: Request, file: OutputFile) -> str:
    """What a vote on this file binds to: any part changes and the vote stops counting."""
    texts = {name: getattr(request.texts, name) for name in Texts.__dataclass_fields__}
    return digest_of(
        {
            "file": file.sha256,
            "sanitised": file.sanitised,
            "kind": file.kind,
            "name": file.name,
            "findings": sorted(finding.fingerprint or finding.code for finding in file.findings),
            "texts": texts,
            "destination": request.destination,
            "criteria": request.criteria,
        }
    )
