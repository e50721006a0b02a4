"""From a refusal to an HTTP status: the one place. Used by the pages, the intake and the upload gate."""

from typing import Final

from egress_review.domain.refusals import Kind, RefusalError

STATUS_OF: Final[dict[Kind, int]] = {
    Kind.NOT_VISIBLE: 404,
    Kind.FORBIDDEN: 403,
    Kind.CONFLICT: 409,
    Kind.INPUT: 422,
    Kind.TOO_LARGE: 413,
    Kind.UNAVAILABLE: 503,
}
OF_CODE: Final[dict[str, int]] = {"token_unknown": 401, "disk_full": 507, "policy_denied": 409}


def status_of(error: RefusalError) -> int:
    return OF_CODE.get(error.code, STATUS_OF[error.refusal.kind])


def body_of(error: RefusalError) -> dict[str, str]:
    """What a program reads: code, sentence and the rule behind it."""
    return {"code": error.code, "sentence": error.sentence, "rule": error.refusal.rule}
