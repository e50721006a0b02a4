"""From a refusal to an HTTP status: the one place. Used by the pages, the intake and the upload gate."""

from typing import Final

from django.db import Error as DatabaseError

from egress_review.domain.refusals import Kind, RefusalError, refused
from tidegate.model import TidegateError

STATUS_OF: Final[dict[Kind, int]] = {
    Kind.NOT_VISIBLE: 404,
    Kind.FORBIDDEN: 403,
    Kind.CONFLICT: 409,
    Kind.INPUT: 422,
    Kind.TOO_LARGE: 413,
    Kind.UNAVAILABLE: 503,
}
OF_CODE: Final[dict[str, int]] = {"token_unknown": 401, "disk_full": 507, "policy_denied": 409}


# What a use case may meet beside a refusal: something we stand on does not answer.
TROUBLE: Final = (TidegateError, DatabaseError)
NOT_NOW: Final = 503


def status_of(error: TidegateError) -> int:
    if not isinstance(error, RefusalError):
        return NOT_NOW
    return OF_CODE.get(error.code, STATUS_OF[error.refusal.kind])


def body_of(error: TidegateError) -> dict[str, str]:
    """What a program reads: code, sentence and the rule behind it."""
    rule = error.refusal.rule if isinstance(error, RefusalError) else ""
    return {"code": error.code, "sentence": error.sentence, "rule": rule}


def told(error: Exception) -> TidegateError:
    """Trouble in our words: those of a database's driver may name its address."""
    return error if isinstance(error, TidegateError) else refused("database_unavailable")
