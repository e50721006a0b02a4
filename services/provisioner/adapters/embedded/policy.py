"""The opening's question to policy, asked of whatever engine this machine has."""

from datetime import datetime

from tidegate.model import Decision, Project
from tidegate.policy import Policy, project_approve
from tidegate.policy.port import Point, Register


class EmbeddedPolicy:
    def __init__(self, policy: Policy, store: Register) -> None:
        self._policy = policy
        self._store = store

    def decide(self, project: Project, now: datetime) -> Decision:
        envelope = project_approve(self._store, project, now)
        return self._policy.decide(Point.PROJECT_APPROVE, envelope, now)
