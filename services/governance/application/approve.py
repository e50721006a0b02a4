"""`tidegate approve`: an officer's verdict on a project or on its closing, bound to the digest of just that.

While the stage of a project is ``closing``, the verdict is about the closing. The policy is asked about work alone: an
ended licence must never be what keeps its data here.
"""

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
    Stage,
    Subject,
    TidegateError,
    Verdict,
)
from tidegate.model.names import Frozen


class Ruling(Frozen):
    """What an officer says: which verdict, why, and until when (None: as long as the project).

    `deletion_meant` must be said with the approval of a closing, which cannot be taken back.
    """

    verdict: Verdict = Verdict.APPROVE
    reason: str
    until: datetime | None = None
    deletion_meant: bool = False


class Given(Frozen):
    """An Approval as it was written. `decision` is what the policy said of the work; a closing is not its business."""

    approval: Approval
    decision: Decision | None

    @property
    def of_closing(self) -> bool:
        return self.decision is None


def approve(
    register: Register, policy: ProjectPolicy, name: str, actor: PersonRef, ruling: Ruling, now: datetime
) -> Given:
    """Write the Approval of a project, or of its closing, as it stands now.

    Raises:
        TidegateError: ``project_unknown``, ``not_an_officer``, ``same_person``, ``verdict_unfit``,
            ``deletion_not_confirmed``, or the policy's own code where it denies what an officer cannot lift; nothing is
            written then.
    """
    project = _project(register, name)
    check_may_approve(project, actor, officers(cast("tuple[Grant, ...]", register.list(Kind.GRANT)), now))
    decision = None
    if _is_closing(project):
        _check_closing(project, ruling)
    else:
        decision = policy.project_approve(project, actor, now)
        if ruling.verdict is Verdict.APPROVE and decision.outcome is Outcome.DENY:
            raise _denied(project, decision)
    given = Given(approval=_approval(register, project, actor, ruling, now), decision=decision)
    register.put_all([(given.approval, _record(given))], now)
    return given


def _is_closing(project: Project) -> bool:
    return project.spec.stage is Stage.CLOSING


def _check_closing(project: Project, ruling: Ruling) -> None:
    if ruling.verdict is Verdict.EXTEND:
        raise TidegateError(
            "verdict_unfit",
            f"Project {project.name} is to be closed; a closing has no end that could be extended.",
            "Apply the project with `stage: submitted` to go on with the work.",
            ExitCode.USAGE,
        )
    if ruling.verdict is Verdict.APPROVE and not ruling.deletion_meant:
        raise TidegateError(
            "deletion_not_confirmed",
            f"This closes {project.name} for good: its copy of the data, all homes and the shared folder are deleted.",
            "Say --yes if that is meant.",
            ExitCode.USAGE,
        )


def _record(given: Given) -> Record:
    approval, decision = given.approval.spec, given.decision
    asked = (
        {"outcome": decision.outcome, "revision": decision.revision, "input": decision.input_digest} if decision else {}
    )
    return Record(
        event=Event.APPROVAL_GIVEN,
        actor=Actor.person(approval.by),
        subject=f"Project/{approval.subject.name}",
        detail={
            "approval": given.approval.name,
            "of": "closing" if given.of_closing else "work",
            "verdict": approval.verdict,
            "digest": approval.subject.digest,
            **asked,
        },
    )


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
    digest = project.closing_digest() if _is_closing(project) else project.digest()
    subject = Subject(kind="Project", name=project.name, digest=digest)
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
