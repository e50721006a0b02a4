"""The only way to ask. Whatever goes wrong is a refusal with a reason; `decide` never raises.

Asked by the controller at each look, by the hub before each start, and by egress review before each release.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Self

from pydantic import ConfigDict, ValidationError, model_validator

from tidegate.model import Decision, Outcome, digest_of
from tidegate.policy.codes import Code, Denial
from tidegate.policy.envelope import Envelope, read_envelope
from tidegate.policy.port import Bundle, Engine, EngineOf, Point, Refused

SKEW: Final = timedelta(seconds=5)
log = logging.getLogger(__name__)


class Answer(Decision):
    """What a well-formed engine says; anything else counts as a failed one. Its rules call the version `version`."""

    model_config = ConfigDict(alias_generator=None)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (self.outcome is Outcome.DENY) != bool(self.deny):
            msg = "a refusal has reasons, and nothing else has"
            raise ValueError(msg)
        for denial in self.deny:
            Code(denial.code)
        return self


class Policy:
    """Asks an engine, built anew whenever the bundle changes, and refuses whatever it cannot be sure of.

    Args:
        engine_of: makes an engine from a bundle.
        bundle_now: gives the bundle of the licences as they are registered at this moment.
    """

    def __init__(self, engine_of: EngineOf, bundle_now: Callable[[], Bundle]) -> None:
        self._engine_of = engine_of
        self._bundle_now = bundle_now
        self._lock = threading.Lock()
        self._built: tuple[str, Engine] | None = None

    def decide(self, point: Point | str, envelope: Envelope | Mapping[str, Any], now: datetime) -> Decision:
        """The answer for this moment; a refusal where it cannot be had. `now` is the asker's clock, in UTC."""
        digest = ""
        try:
            payload = _payload(point, envelope, now)
            digest = digest_of(payload)
            answer = self._ask(Point(point), payload, now)
        except Refused as refused:
            log.warning("policy refused by the wrapper", extra={"point": str(point), "code": refused.code.value})
            reason = Denial(code=refused.code, detail=refused.detail)
            return Decision(outcome=Outcome.DENY, deny=(reason,), input_digest=digest)
        except Exception:
            log.exception("policy wrapper failed", extra={"point": str(point)})
            return Decision(outcome=Outcome.DENY, deny=(Denial(code=Code.POLICY_ERROR),), input_digest=digest)
        return answer.model_copy(update={"input_digest": digest})

    def _ask(self, point: Point, payload: Mapping[str, Any], now: datetime) -> Decision:
        bundle, engine = self._current()
        try:
            raw = engine.evaluate(point, payload)
        except Refused:
            raise
        except Exception as error:
            log.exception("policy engine failed", extra={"point": point.value})
            raise Refused(Code.POLICY_ERROR) from error
        return _checked(raw, bundle, point, now)

    def _current(self) -> tuple[Bundle, Engine]:
        try:
            bundle = self._bundle_now()
            key = bundle.version + bundle.revision
            with self._lock:
                if self._built is None or self._built[0] != key:
                    self._built = (key, self._engine_of(bundle))
                return bundle, self._built[1]
        except Exception as error:
            log.exception("policy engine unavailable")
            raise Refused(Code.POLICY_UNAVAILABLE) from error


def _payload(point: Point | str, envelope: Envelope | Mapping[str, Any], now: datetime) -> dict[str, Any]:
    try:
        question = read_envelope(envelope)
    except ValidationError as error:
        raise Refused(Code.INPUT_INVALID, _where(error)) from error
    except Exception as error:
        raise Refused(Code.INPUT_INVALID, "it is not plain data") from error
    if question.point != point:
        raise Refused(Code.INPUT_INVALID, "it is a question for another decision")
    if abs(datetime.fromisoformat(question.now) - now) > SKEW:
        raise Refused(Code.INPUT_INVALID, "its time is not the time now")
    return question.model_dump(mode="json")


def _where(error: ValidationError) -> str:
    """The first field that is wrong; never its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"]) or "the whole"


def _checked(raw: object, bundle: Bundle, point: Point, now: datetime) -> Decision:
    try:
        answer = Answer.model_validate_json(json.dumps(_renamed(raw)))
    except (ValueError, TypeError) as error:
        log.exception("policy engine answered out of form", extra={"point": point.value})
        raise Refused(Code.POLICY_ERROR) from error
    if (answer.policy_version, answer.revision) != (bundle.version, bundle.revision):
        raise Refused(Code.POLICY_STALE)
    if answer.allowed and not _still_ahead(answer, point, now):
        raise Refused(Code.POLICY_ERROR)
    return Decision(**dict(answer))


def _still_ahead(answer: Decision, point: Point, now: datetime) -> bool:
    """A start without an end, or anything allowed after its end, is not an answer to act on."""
    if answer.deadline is None:
        return point is not Point.WORKSPACE_START
    return answer.deadline > now


def _renamed(raw: object) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        msg = "the answer is no object"
        raise TypeError(msg)
    complete = {"outcome", "deny", "obligations", "deadline", "version", "revision"}
    if set(raw) != complete:
        msg = "the answer has other fields than agreed"
        raise ValueError(msg)
    return {("policy_version" if key == "version" else str(key)): value for key, value in raw.items()}
