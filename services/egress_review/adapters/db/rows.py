"""From rows to our values and back. Rows never leave this package."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from egress_review.adapters.db.models import CommentRow, FileRow, RequestRow, ReviewRow
from egress_review.domain.request import Choice, Claim, Comment, Job, OutputFile, Release, Request, Review, Texts, Vote
from egress_review.domain.status import Status
from tidegate.model import PersonRef


@dataclass(frozen=True)
class Body:
    """The parts of a request that no query asks for."""

    texts: Texts
    destination: str
    criteria: str
    opened: datetime | None
    claims: tuple[Claim, ...]
    job: Job
    release: Release | None
    reason: str
    decision: str
    noted_holds: tuple[str, ...]


BODY: Final = TypeAdapter(Body)
FILE: Final = TypeAdapter(OutputFile)
IN_BODY: Final = tuple(Body.__dataclass_fields__)


def columns_of(request: Request) -> dict[str, Any]:
    """The columns of a request's own row."""
    return {
        "project": request.project,
        "author_issuer": request.author.issuer,
        "author_subject": request.author.subject,
        "status": request.status.value,
        "turn": request.turn,
        "version": request.version,
        "created": request.created,
        "changed": request.changed,
        "job_until": request.job.until,
        "job_next": request.job.next_try,
        "body": BODY.dump_python(Body(**{name: getattr(request, name) for name in IN_BODY}), mode="json"),
    }


def file_columns(file: OutputFile) -> dict[str, Any]:
    return {"sha256": file.sha256, "sanitised": file.sanitised, "body": FILE.dump_python(file, mode="json")}


def request_of(row: RequestRow) -> Request:
    body = BODY.validate_python(row.body)
    return Request(
        id=row.id,
        project=row.project,
        author=PersonRef(issuer=row.author_issuer, subject=row.author_subject),
        created=row.created,
        changed=row.changed,
        status=Status(row.status),
        turn=row.turn,
        version=row.version,
        files=tuple(_file(file) for file in sorted(row.files.all(), key=lambda file: file.name)),
        reviews=tuple(_review(review) for review in sorted(row.reviews.all(), key=lambda review: review.pk)),
        comments=tuple(_comment(comment) for comment in sorted(row.comments.all(), key=lambda comment: comment.pk)),
        **{name: getattr(body, name) for name in IN_BODY},
    )


def _file(row: FileRow) -> OutputFile:
    return FILE.validate_python(row.body)


def _review(row: ReviewRow) -> Review:
    votes = (Vote(v.file, Choice(v.choice), v.digest, v.salt) for v in sorted(row.votes.all(), key=lambda v: v.file))
    return Review(
        person=PersonRef(issuer=row.issuer, subject=row.subject),
        turn=row.turn,
        votes=tuple(votes),
        submitted=row.submitted,
        opened=row.opened,
        voided=row.voided,
    )


def _comment(row: CommentRow) -> Comment:
    person = PersonRef(issuer=row.issuer, subject=row.subject)
    return Comment(person, row.turn, row.at, row.text, public=row.public, review=row.review)
