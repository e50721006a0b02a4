"""The tables. Uniqueness that the rules promise (one review per request, turn and person) is held here as well."""

from datetime import datetime  # noqa: TC003 - Django reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    # Django's fields are generic for the type checker only.
    Chars = models.CharField[str, str]
    Texts = models.TextField[str, str]
    Whole = models.PositiveIntegerField[int, int]
    Large = models.BigIntegerField[int, int]
    Flag = models.BooleanField[bool, bool]
    Moment = models.DateTimeField[datetime, datetime]
    Maybe = models.DateTimeField[datetime | None, datetime | None]
    Json = models.JSONField[Any, Any]
    Of = models.ForeignKey


class RequestRow(models.Model):
    """A request. What no query asks for lies in `body` as JSON."""

    id: "Chars" = models.CharField(primary_key=True, max_length=40)
    project: "Chars" = models.CharField(max_length=40, db_index=True)
    author_issuer: "Chars" = models.CharField(max_length=200)
    author_subject: "Chars" = models.CharField(max_length=80, db_index=True)
    status: "Chars" = models.CharField(max_length=24, db_index=True)
    turn: "Whole" = models.PositiveIntegerField()
    version: "Whole" = models.PositiveIntegerField()
    created: "Moment" = models.DateTimeField()
    changed: "Moment" = models.DateTimeField()
    job_until: "Maybe" = models.DateTimeField(null=True)
    job_next: "Maybe" = models.DateTimeField(null=True)
    body: "Json" = models.JSONField()
    files: "RelatedManager[FileRow]"
    reviews: "RelatedManager[ReviewRow]"
    comments: "RelatedManager[CommentRow]"

    def __str__(self) -> str:
        return f"RequestRow {self.pk}"


class FileRow(models.Model):
    request: "Of[RequestRow, RequestRow]" = models.ForeignKey(
        RequestRow, on_delete=models.CASCADE, related_name="files"
    )
    name: "Chars" = models.CharField(max_length=255)
    sha256: "Chars" = models.CharField(max_length=64, db_index=True)
    sanitised: "Chars" = models.CharField(max_length=64, blank=True, db_index=True)
    body: "Json" = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["request", "name"], name="one_file_a_name")]

    def __str__(self) -> str:
        return f"FileRow {self.pk}"


class ReviewRow(models.Model):
    request: "Of[RequestRow, RequestRow]" = models.ForeignKey(
        RequestRow, on_delete=models.CASCADE, related_name="reviews"
    )
    turn: "Whole" = models.PositiveIntegerField()
    issuer: "Chars" = models.CharField(max_length=200)
    subject: "Chars" = models.CharField(max_length=80)
    submitted: "Maybe" = models.DateTimeField(null=True)
    opened: "Maybe" = models.DateTimeField(null=True)
    voided: "Flag" = models.BooleanField(default=False)
    votes: "RelatedManager[VoteRow]"

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "turn", "issuer", "subject"], name="one_review_a_person_a_turn")
        ]

    def __str__(self) -> str:
        return f"ReviewRow {self.pk}"


class VoteRow(models.Model):
    review: "Of[ReviewRow, ReviewRow]" = models.ForeignKey(ReviewRow, on_delete=models.CASCADE, related_name="votes")
    file: "Chars" = models.CharField(max_length=255)
    choice: "Chars" = models.CharField(max_length=16)
    digest: "Chars" = models.CharField(max_length=64)
    salt: "Chars" = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["review", "file"], name="one_vote_a_file")]

    def __str__(self) -> str:
        return f"VoteRow {self.pk}"


class CommentRow(models.Model):
    request: "Of[RequestRow, RequestRow]" = models.ForeignKey(
        RequestRow, on_delete=models.CASCADE, related_name="comments"
    )
    issuer: "Chars" = models.CharField(max_length=200)
    subject: "Chars" = models.CharField(max_length=80)
    turn: "Whole" = models.PositiveIntegerField()
    at: "Moment" = models.DateTimeField()
    text: "Texts" = models.TextField()
    public: "Flag" = models.BooleanField()
    review: "Flag" = models.BooleanField()

    def __str__(self) -> str:
        return f"CommentRow {self.pk}"


class DownloadRow(models.Model):
    request: "Of[RequestRow, RequestRow]" = models.ForeignKey(
        RequestRow, on_delete=models.CASCADE, related_name="downloads"
    )
    issuer: "Chars" = models.CharField(max_length=200)
    subject: "Chars" = models.CharField(max_length=80)
    file: "Chars" = models.CharField(max_length=255)
    served: "Whole" = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "issuer", "subject", "file"], name="one_count_a_person_a_file")
        ]

    def __str__(self) -> str:
        return f"DownloadRow {self.pk}"


class DrawnRow(models.Model):
    """Bytes a workspace has drawn on its person's screen."""

    project: "Chars" = models.CharField(max_length=40)
    issuer: "Chars" = models.CharField(max_length=200)
    subject: "Chars" = models.CharField(max_length=80)
    total: "Large" = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "issuer", "subject"], name="one_total_a_workspace")
        ]

    def __str__(self) -> str:
        return f"DrawnRow {self.pk}"


class KeyRow(models.Model):
    """An idempotency key: one press of one button by one person."""

    key: "Chars" = models.CharField(max_length=80)
    human: "Chars" = models.CharField(max_length=300)
    request_id: "Chars" = models.CharField(max_length=40)
    at: "Moment" = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "human"], name="one_answer_a_key")]

    def __str__(self) -> str:
        return f"KeyRow {self.pk}"
