"""`tidegate approve`: an officer's verdict on a project, bound to its digest, after asking the policy."""

from datetime import datetime
from typing import cast

from governance.domain.officers import check_may_approve, officers
from governance.ports import ProjectPolicy, Register
from tidegate.ledger import Actor, Event, Record
from tidegate.model import (
    Approval,
    ApprovalSpec,
    Decision,
    ExitCode,
    Grant,
    Kind,
    Metadata,
    Outcome,
    PersonRef,
    Project,
    Subject,
    TidegateError,
    Verdict,
)
from tidegate.model.names import Frozen


class Ruling(Frozen):
    """What an officer says: which verdict, why, and until when (None: as long as the project)."""

    verdict: Verdict = Verdict.APPROVE
    reason: str
    until: datetime | None = None


def approve(
    register: Register, policy: ProjectPolicy, name: str, actor: PersonRef, ruling: Ruling, now: datetime
) -> tuple[Approval, Decision]:
    """Write the Approval of a project as it stands now.

    Raises:
        TidegateError: ``project_unknown``, ``not_an_officer``, ``same_person``, or the policy's own code where it
            denies what an officer cannot lift; nothing is written then.
    """
    project = _project(register, name)
    check_may_approve(project, actor, officers(cast("tuple[Grant, ...]", register.list(Kind.GRANT)), now))
    decision = policy.project_approve(project, actor, now)
    if ruling.verdict is Verdict.APPROVE and decision.outcome is Outcome.DENY:
        raise _denied(project, decision)
    approval = _approval(register, project, actor, ruling, now)
    record = Record(
        event=Event.APPROVAL_GIVEN,
        actor=Actor.person(actor),
        subject=f"Project/{name}",
        detail={
            "approval": approval.name,
            "verdict": ruling.verdict,
            "digest": project.digest(),
            "outcome": decision.outcome,
            "revision": decision.revision,
            "input": decision.input_digest,
        },
    )
    register.put_all([(approval, record)], now)
    return approval, decision


def _project(register: Register, name: str) -> Project:
    found = register.get(Kind.PROJECT, name)
    if found is None:
        raise TidegateError(
            "project_unknown",
            f"There is no project named {name}.",
            "`tidegate get projects` lists them.",
            ExitCode.NOT_FOUND,
        )
    return cast("Project", found)


def _approval(register: Register, project: Project, actor: PersonRef, ruling: Ruling, now: datetime) -> Approval:
    taken = {approval.name for approval in register.list(Kind.APPROVAL)}
    number = next(n for n in range(1, len(taken) + 2) if f"{project.name}-{n}" not in taken)
    subject = Subject(kind="Project", name=project.name, digest=project.digest())
    spec = ApprovalSpec(
        subject=subject, verdict=ruling.verdict, by=actor, at=now, reason=ruling.reason, until=ruling.until
    )
    return Approval(metadata=Metadata(name=f"{project.name}-{number}"), spec=spec)


def _denied(project: Project, decision: Decision) -> TidegateError:
    first = decision.deny[0] if decision.deny else None
    reasons = "; ".join(
        f"{denial.code}{f' ({denial.dataset})' if denial.dataset else ''}"
        f"{f', clause {denial.clause}' if denial.clause else ''}{f': {denial.detail}' if denial.detail else ''}"
        for denial in decision.deny
    )
    return TidegateError(
        first.code if first else "undecided",
        f"The policy refuses project {project.name}: {reasons or 'no rule decides it'}.",
        "Change the project or the licence's record; an approval cannot lift this.",
        ExitCode.DENIED,
    )
