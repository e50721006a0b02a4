"""An approval is an object bound to the digest of what was approved; change the subject and it no longer counts."""

from enum import StrEnum
from typing import Literal

from tidegate.model.base import Resource
from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, PersonRef, ResourceName, Sha256, Text


class Verdict(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"
    REVOKE = "revoke"
    EXTEND = "extend"


class Subject(Frozen):
    kind: Literal["Licence", "Dataset", "Project", "Grant"]
    name: ResourceName
    digest: Sha256


class ApprovalSpec(Frozen):
    subject: Subject
    verdict: Verdict
    by: PersonRef
    at: Instant
    reason: Text
    until: Instant | None = None
    decision_id: Sha256 | None = None


class Approval(Resource):
    """Immutable, and kept as long as its subject."""

    kind: Literal["Approval"] = "Approval"
    spec: ApprovalSpec
