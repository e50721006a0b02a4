"""What an answer of the API server means to us: the one place where its HTTP codes are read. Used by `client`."""

import json
import re
from typing import Any, Final

from tidegate.model import ExitCode, TidegateError

# A field that the kind does not have comes back from server-side apply as 500, not as what it is.
UNKNOWN_FIELD: Final = "failed to create typed patch object"
CODES: Final = {
    400: "cluster_invalid",
    401: "cluster_denied",
    403: "cluster_denied",
    404: "cluster_invalid",
    405: "cluster_invalid",
    409: "cluster_conflict",
    410: "cluster_gone",
    413: "cluster_invalid",
    415: "cluster_invalid",
    422: "cluster_invalid",
}
UNAVAILABLE: Final = "cluster_unavailable"
FIXES: Final = {
    UNAVAILABLE: "It is tried again; look at the API server if this stays.",
    "cluster_denied": "",
    "cluster_conflict": "Read it again and decide anew.",
    "cluster_invalid": "Correct it; nothing was written.",
    "cluster_gone": "List again.",
}
EXITS: Final = {"cluster_denied": ExitCode.DENIED, "cluster_invalid": ExitCode.USAGE}
# A ValidatingAdmissionPolicy answers 422 unless it says otherwise; it is a refusal all the same.
ADMISSION: Final = re.compile(
    r"ValidatingAdmissionPolicy '(?P<policy>[^']*)'.*?denied request: (?P<sentence>.*)", re.DOTALL
)
UNSPOKEN: Final = "Secret"
LONGEST: Final = 2000


def failure(status: int, body: bytes, kind: str, what: str) -> TidegateError:
    """The error for an answer. `what` names the act and the object, for example ``apply Pod tg-a/x``."""
    answer = _answer(body)
    message = _message(answer, kind)
    if refused := ADMISSION.search(message):
        sentence = f"Admission policy {refused['policy']} refused to {what}: {refused['sentence']}"
        return _error("cluster_denied", sentence)
    code = "cluster_invalid" if UNKNOWN_FIELD in message else CODES.get(status, UNAVAILABLE)
    return _error(code, f"The Kubernetes API answered {status} to {what}: {message or 'without a reason'}")


def unreachable(problem: Exception, what: str) -> TidegateError:
    """No answer at all. The address may be said, a request's content never is."""
    return _error(UNAVAILABLE, f"The Kubernetes API did not answer to {what} ({type(problem).__name__})")


def in_watch(status: dict[str, Any], what: str) -> TidegateError:
    """An ERROR line within a watch carries a Status as its object."""
    return failure(int(status.get("code", 0)), json.dumps(status).encode(), "", what)


def _error(code: str, sentence: str) -> TidegateError:
    words = sentence if len(sentence) <= LONGEST else sentence[:LONGEST] + "…"
    return TidegateError(code, words.rstrip(". \n") + ".", FIXES[code], EXITS.get(code, ExitCode.FAILED))


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _message(answer: dict[str, Any], kind: str) -> str:
    """The server's words. Of a Secret only the fields: its values stand in the words."""
    if kind == UNSPOKEN:
        causes = (answer.get("details") or {}).get("causes") or ()
        return ", ".join(str(cause.get("field", "")) for cause in causes) or str(answer.get("reason", ""))
    return str(answer.get("message", ""))
