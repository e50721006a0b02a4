"""The opening's question to policy, asked of whatever engine this machine has.

A machine without an engine must still end what is over, so the engine is opened at the first question and not at the
start; until it can be, every answer is a refusal.
"""

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from tidegate.model import Decision, Outcome, Project, TidegateError
from tidegate.model.decision import Denial
from tidegate.policy import Code, Point, Policy, Register, project_approve

log = structlog.get_logger("provisioner")


class EmbeddedPolicy:
    def __init__(self, opened: Callable[[Register], Policy], store: Register) -> None:
        self._open = opened
        self._store = store
        self._lock = threading.Lock()
        self._policy: Policy | None = None

    def decide(self, project: Project, now: datetime) -> Decision:
        try:
            policy = self._current()
        except TidegateError as error:
            log.warning("no policy engine", code=error.code, sentence=error.sentence, fix=error.fix)
            return Decision(outcome=Outcome.DENY, deny=(Denial(code=Code.POLICY_UNAVAILABLE),))
        return policy.decide(Point.PROJECT_APPROVE, project_approve(self._store, project, now), now)

    def _current(self) -> Policy:
        with self._lock:
            if self._policy is None:
                self._policy = self._open(self._store)
            return self._policy
