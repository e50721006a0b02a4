"""Who may do what until when. Roles come from grants (or the identity provider), never from a request."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import model_validator

from tidegate.model.base import Resource
from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, Line, PersonRef, ProjectId, Sha256


class Role(StrEnum):
    RESEARCHER = "researcher"
    LEAD = "lead"
    OBSERVER = "observer"
    OUTPUT_CHECKER = "output-checker"
    GOVERNANCE_OFFICER = "governance-officer"
    OPERATOR = "operator"


class Scope(StrEnum):
    PROJECT = "project"
    ENVIRONMENT = "environment"


ROLES_OF: dict[Scope, frozenset[Role]] = {
    Scope.PROJECT: frozenset({Role.RESEARCHER, Role.LEAD, Role.OBSERVER}),
    Scope.ENVIRONMENT: frozenset({Role.OUTPUT_CHECKER, Role.GOVERNANCE_OFFICER, Role.OPERATOR}),
}


class Training(Frozen):
    ref: Line
    until: Instant


class GrantSpec(Frozen):
    """`since` is the first instant it holds, `until` the first at which it no longer does."""

    scope: Scope
    project: ProjectId | None = None
    person: PersonRef
    role: Role
    since: Instant
    until: Instant
    training: Training | None = None
    agreement_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _scope_fits(self) -> Self:
        if (self.scope is Scope.PROJECT) != (self.project is not None):
            msg = "scope project needs a project, scope environment has none"
            raise ValueError(msg)
        if self.role not in ROLES_OF[self.scope]:
            msg = f"role {self.role} is not of scope {self.scope}"
            raise ValueError(msg)
        if self.until <= self.since:
            msg = "until must be later than since"
            raise ValueError(msg)
        return self


class Grant(Resource):
    kind: Literal["Grant"] = "Grant"
    spec: GrantSpec
