"""`ports.Requests` on Django's database. Every write carries its audit records into the same transaction.

Every write begins with the write lock, so what `locked` reads cannot change under it. SQLite takes it as a transaction
begins (`transaction_mode` IMMEDIATE in the settings); in PostgreSQL it is the lock of our chain of the ledger, which
every write of ours needs in the end.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet

from egress_review.adapters.db.models import (
    CommentRow,
    DownloadRow,
    DrawnRow,
    FileRow,
    KeyRow,
    RequestRow,
    ReviewRow,
    VoteRow,
)
from egress_review.adapters.db.rows import columns_of, file_columns, request_of
from egress_review.domain.refusals import refused
from egress_review.domain.request import Comment, OutputFile, Request, Review
from egress_review.domain.status import Status
from egress_review.ports import DownloadCount
from tidegate.ledger import POSTGRES_LOCK, Entry, LedgerTable, Record
from tidegate.model import PersonRef

CHAIN: Final = "egress"
LEDGERS: Final = {"sqlite": LedgerTable(CHAIN, "%s"), "postgresql": LedgerTable(CHAIN, "%s", POSTGRES_LOCK)}
WORK: Final = (Status.SCANNING.value, Status.APPROVED.value, Status.RELEASING.value)
Part = TypeVar("Part", OutputFile, Review, Comment)
LEFT: Final = (Status.RELEASED.value, Status.REVOKED.value)


class DjangoRequests:
    """The register of requests."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        with _writing():
            yield

    def load(self, request_id: str) -> Request | None:
        row = _whole().filter(pk=request_id).first()
        return request_of(row) if row else None

    def find(self, *, project: str | None = None, author: PersonRef | None = None) -> tuple[Request, ...]:
        rows = _whole().order_by("-created")
        if project is not None:
            rows = rows.filter(project=project)
        if author is not None:
            rows = rows.filter(author_issuer=author.issuer, author_subject=author.subject)
        return tuple(request_of(row) for row in rows)

    def count(self, project: str) -> Mapping[Status, int]:
        rows = RequestRow.objects.filter(project=project).values_list("status").annotate(many=Count("pk"))
        return {Status(status): many for status, many in rows}

    def waiting(self, now: datetime) -> tuple[Request, ...]:
        free = Q(job_until__isnull=True) | Q(job_until__lte=now)
        due = Q(job_next__isnull=True) | Q(job_next__lte=now)
        rows = _whole().filter(free & due, status__in=WORK).order_by("changed")
        return tuple(request_of(row) for row in rows)

    def insert(self, request: Request, records: Iterable[Record], now: datetime) -> None:
        with _writing():
            RequestRow.objects.create(id=request.id, **columns_of(request))
            _append(records, now)

    def save(self, before: Request, after: Request, records: Iterable[Record], now: datetime) -> Request:
        saved = replace(after, version=before.version + 1)
        with _writing():
            rows = RequestRow.objects.filter(pk=before.id, version=before.version)
            if not rows.update(**columns_of(saved)):
                raise refused("stale_version")
            _write_files(before, saved)
            _write_reviews(before, saved)
            _write_comments(before, saved)
            _append(records, now)
        return saved

    def keep_lease(self, request_id: str, holder: str, until: datetime) -> bool:
        with _writing():
            row = RequestRow.objects.filter(pk=request_id).first()
            if row is None or row.body["job"]["holder"] != holder:
                return False
            row.body["job"]["until"] = until.isoformat()
            row.job_until = until
            row.save(update_fields=["body", "job_until"])
        return True

    def note(self, record: Record, now: datetime) -> None:
        with _writing():
            _append((record,), now)

    def answered(self, key: str, human: str) -> str | None:
        row = KeyRow.objects.filter(key=key, human=human).first()
        return row.request_id if row else None

    def remember(self, key: str, human: str, request_id: str, now: datetime) -> None:
        KeyRow.objects.create(key=key, human=human, request_id=request_id, at=now)

    def count_download(self, request_id: str, person: PersonRef, file: str, record: Record, now: datetime) -> int:
        with _writing():
            row, _made = DownloadRow.objects.get_or_create(
                request_id=request_id, issuer=person.issuer, subject=person.subject, file=file
            )
            row.served += 1
            row.save(update_fields=["served"])
            _append((record,), now)
        return row.served

    def downloads(self, request_id: str) -> tuple[DownloadCount, ...]:
        rows = DownloadRow.objects.filter(request_id=request_id).order_by("pk")
        return tuple(DownloadCount(PersonRef(issuer=r.issuer, subject=r.subject), r.file, r.served) for r in rows)

    def released_hashes(self, project: str, but: str) -> frozenset[str]:
        rows = FileRow.objects.filter(request__project=project, request__status__in=LEFT).exclude(request_id=but)
        return frozenset(sha256 for pair in rows.values_list("sha256", "sanitised") for sha256 in pair)

    def refers_to(self, sha256: str) -> bool:
        return FileRow.objects.filter(Q(sha256=sha256) | Q(sanitised=sha256) | Q(body__picture=sha256)).exists()

    def add_drawn(self, project: str, person: PersonRef, count: int, record: Record, now: datetime) -> int:
        with _writing():
            row, _made = DrawnRow.objects.get_or_create(project=project, issuer=person.issuer, subject=person.subject)
            DrawnRow.objects.filter(pk=row.pk).update(total=F("total") + count)
            _append((record,), now)
        return self.drawn(project, person)

    def drawn(self, project: str, person: PersonRef) -> int:
        row = DrawnRow.objects.filter(project=project, issuer=person.issuer, subject=person.subject).first()
        return row.total if row else 0

    def entries(self) -> tuple[Entry, ...]:
        """The ledger of this service as stored, for `ledger verify` and tests."""
        with connection.cursor() as cursor:
            return tuple(_ledger().entries(cursor))


@contextmanager
def _writing() -> Iterator[None]:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(POSTGRES_LOCK, [CHAIN])
        yield


def _ledger() -> LedgerTable:
    return LEDGERS[connection.vendor]


def _whole() -> "QuerySet[RequestRow]":
    return RequestRow.objects.prefetch_related("files", "reviews__votes", "comments")


def _append(records: Iterable[Record], now: datetime) -> None:
    """Part of the surrounding transaction, whose write lock keeps the end of the chain in its place."""
    with connection.cursor() as cursor:
        for record in records:
            _ledger().append(cursor, record, now)


def _write_files(before: Request, after: Request) -> None:
    gone = {file.name for file in before.files} - {file.name for file in after.files}
    FileRow.objects.filter(request_id=after.id, name__in=gone).delete()
    for file in _new(before.files, after.files):
        FileRow.objects.update_or_create(request_id=after.id, name=file.name, defaults=file_columns(file))


def _write_reviews(before: Request, after: Request) -> None:
    for review in _new(before.reviews, after.reviews):
        row, _made = ReviewRow.objects.update_or_create(
            request_id=after.id,
            turn=review.turn,
            issuer=review.person.issuer,
            subject=review.person.subject,
            defaults={"submitted": review.submitted, "opened": review.opened, "voided": review.voided},
        )
        for vote in review.votes:
            values = {"choice": vote.choice.value, "digest": vote.digest, "salt": vote.salt}
            VoteRow.objects.update_or_create(review=row, file=vote.file, defaults=values)


def _write_comments(before: Request, after: Request) -> None:
    for comment in _new(before.comments, after.comments):
        CommentRow.objects.create(
            request_id=after.id,
            issuer=comment.person.issuer,
            subject=comment.person.subject,
            turn=comment.turn,
            at=comment.at,
            text=comment.text,
            public=comment.public,
            review=comment.review,
        )


def _new(before: tuple[Part, ...], after: tuple[Part, ...]) -> list[Part]:
    return [item for item in after if item not in before]
