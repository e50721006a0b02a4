"""What the Approvals of one subject add up to. An Approval counts only for the digest it names.

Read by `ends`, `spawn` and `conditions`. Later Approvals win; one given by the requester of a project never counts, and
one dated in the future does not count yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.model import Approval, Project, Verdict
from tidegate.model.names import PersonRef


class Standing(StrEnum):
    MISSING = "missing"
    STALE = "stale"
    GIVEN = "given"
    REFUSED = "refused"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Judged:
    """Where a subject stands, by which Approval, from when, and until when if a date was set."""

    standing: Standing
    approval: str = ""
    at: datetime | None = None
    until: datetime | None = None


def approve(_: Judged, approval: Approval) -> Judged:
    return Judged(Standing.GIVEN, approval.name, approval.spec.at, approval.spec.until)


def refuse(_: Judged, approval: Approval) -> Judged:
    return Judged(Standing.REFUSED, approval.name, approval.spec.at)


def revoke(_: Judged, approval: Approval) -> Judged:
    return Judged(Standing.REVOKED, approval.name, approval.spec.at)


def extend(before: Judged, approval: Approval) -> Judged:
    """An extension moves the date of what was approved; it approves nothing by itself and names its new date."""
    if before.standing is not Standing.GIVEN or approval.spec.until is None:
        return before
    return Judged(Standing.GIVEN, approval.name, before.at, approval.spec.until)


EFFECT: dict[Verdict, Callable[[Judged, Approval], Judged]] = {
    Verdict.APPROVE: approve,
    Verdict.REFUSE: refuse,
    Verdict.REVOKE: revoke,
    Verdict.EXTEND: extend,
}


def judge(
    approvals: Sequence[Approval],
    kind: str,
    name: str,
    digest: str,
    now: datetime,
    *,
    requester: PersonRef | None = None,
) -> Judged:
    """What the Approvals (in any order) say of this subject now."""
    counted = [a for a in approvals if (a.spec.subject.kind, a.spec.subject.name) == (kind, name)]
    counted = [a for a in counted if a.spec.at <= now and a.spec.by != requester]
    judged = Judged(Standing.MISSING)
    for approval in sorted(counted, key=lambda a: (a.spec.at, a.name)):
        if approval.spec.subject.digest == digest:
            judged = EFFECT[approval.spec.verdict](judged, approval)
        elif judged.standing is Standing.MISSING and approval.spec.verdict is Verdict.APPROVE:
            judged = Judged(Standing.STALE, approval.name, approval.spec.at)
    return judged


def project_verdict(project: Project, approvals: Sequence[Approval], now: datetime) -> Judged:
    """Whether this very spec may be worked on."""
    return judge(approvals, "Project", project.name, project.digest(), now, requester=project.spec.requester)


def closing_verdict(project: Project, approvals: Sequence[Approval], now: datetime) -> Judged:
    """Whether this very spec may be closed: an Approval of its own, on the digest that includes the stage."""
    return judge(approvals, "Project", project.name, project.closing_digest(), now, requester=project.spec.requester)
