"""What follows from everything else in a status: the phase, Ready, Suspended, Expiring and when to look again.

`settled` is applied to every status before it is written, so no write can leave them behind.
"""

from datetime import datetime

from provisioner.domain.conditions import MEANING, Finding, Kind, Reason, is_true, not_retained, with_condition
from provisioner.domain.ends import End, ahead, earliest, ended, expiring, starts, warnings
from provisioner.domain.facts import Facts, missing_parts
from provisioner.domain.phases import Situation, phase_of
from provisioner.domain.progress import Name, with_step, without_step
from provisioner.domain.spawn import KEEPS_RIGHTS, access_of
from provisioner.domain.verdicts import Standing, closing_verdict, project_verdict
from tidegate.model import ProjectPhase, ProjectStatus, Stage, Step, StepState, TidegateError, offered, to_text

APPROVAL_REASON: dict[Standing, Reason] = {
    Standing.MISSING: Reason.APPROVAL_MISSING,
    Standing.STALE: Reason.SPEC_CHANGED,
    Standing.GIVEN: Reason.GIVEN,
    Standing.REFUSED: Reason.REFUSED,
    Standing.REVOKED: Reason.REVOKED,
}
READY_REASON: dict[ProjectPhase, Reason] = {
    ProjectPhase.INCOMPLETE: Reason.PART_MISSING,
    ProjectPhase.PENDING_APPROVAL: Reason.NOT_APPROVED,
    ProjectPhase.PENDING_CREATION: Reason.IN_PROGRESS,
    ProjectPhase.DEPLOYED: Reason.DEPLOYED,
    ProjectPhase.SUSPENDED: Reason.SUSPENDED,
    ProjectPhase.PENDING_DELETION: Reason.CLOSING,
    ProjectPhase.DELETED: Reason.CLOSED,
}


def is_closing(facts: Facts, now: datetime) -> bool:
    """Whether the stage is closing and an Approval of the closing stands."""
    verdict = closing_verdict(facts.project, facts.approvals, now)
    return facts.project.spec.stage is Stage.CLOSING and verdict.standing is Standing.GIVEN


def judged(facts: Facts, status: ProjectStatus, now: datetime) -> ProjectStatus:
    """The status with everything that dated facts and specs alone decide: Complete, Approved and what follows."""
    status = with_condition(status, Kind.COMPLETE, _completeness(facts), now)
    status = with_condition(status, Kind.APPROVED, _approval(facts, now), now)
    status = _with_closing_asked(facts, status, now)
    return settled(facts, status, now)


def _with_closing_asked(facts: Facts, status: ProjectStatus, now: datetime) -> ProjectStatus:
    """Tells whoever asked for the closing that it waits for its own Approval; takes that back with the stage."""
    if facts.project.spec.stage is not Stage.CLOSING:
        return without_step(not_retained(status, now), Name.DELETION)
    if is_closing(facts, now) or status.phase is ProjectPhase.DELETED:
        return status
    message = "The closing waits for an Approval of its own."
    return with_step(status, Step(name=Name.DELETION, state=StepState.WAITING, message=message, since=now))


def _completeness(facts: Facts) -> Finding:
    if facts.project.spec.stage is Stage.DRAFT:
        return Finding(holds=False, reason=Reason.DRAFT)
    lacks = missing_parts(facts)
    if lacks:
        return Finding(holds=False, reason=Reason.PART_MISSING, message=" ".join(lacks))
    try:
        offered(facts.project.spec.resources, facts.profiles)
    except TidegateError as error:
        return Finding(holds=False, reason=Reason.NOT_OFFERED, message=f"{error.sentence} {error.fix}")
    return Finding(holds=True, reason=Reason.ALL_PARTS_REGISTERED)


def _approval(facts: Facts, now: datetime) -> Finding:
    verdict = project_verdict(facts.project, facts.approvals, now)
    reason = APPROVAL_REASON[verdict.standing]
    message = f"{MEANING[reason]} ({verdict.approval})" if verdict.approval else ""
    return Finding(holds=verdict.standing is Standing.GIVEN, reason=reason, message=message)


def settled(facts: Facts, status: ProjectStatus, now: datetime) -> ProjectStatus:
    """The status with phase, summary conditions and the next look computed afresh."""
    phase = phase_of(situation_of(facts, status, now))
    status = status.model_copy(update={"phase": phase})
    status = with_condition(status, Kind.READY, _readiness(status), now)
    status = with_condition(status, Kind.SUSPENDED, _suspension(facts, status, now), now)
    status = with_condition(status, Kind.EXPIRING, _expiry(facts, now), now)
    following = next_look(facts, status, now)
    return status.model_copy(
        update={
            "next_at": following.at if following else None,
            "next_because": following.because if following else "",
        }
    )


def situation_of(facts: Facts, status: ProjectStatus, now: datetime) -> Situation:
    return Situation(
        deleted=status.phase is ProjectPhase.DELETED,
        closing=is_closing(facts, now),
        complete=is_true(status, Kind.COMPLETE),
        ended=ended(facts, now) is not None,
        approved=is_true(status, Kind.APPROVED),
        refused=_refused(facts, status, now),
        built=_built(facts, status),
    )


def next_look(facts: Facts, status: ProjectStatus, now: datetime) -> End | None:
    """The next instant at which something changes by itself."""
    if status.phase is ProjectPhase.DELETED:
        return None
    tries = [End(s.next_try, f"the step {s.name} is tried again") for s in status.steps if s.next_try is not None]
    stop = access_of(facts, status, now).stop if status.deployed_digest else None
    candidates = (*ahead(facts, now), *starts(facts, now), *warnings(facts, now), *tries, *((stop,) if stop else ()))
    return earliest(end for end in candidates if end.at > now)


def _refused(facts: Facts, status: ProjectStatus, now: datetime) -> bool:
    condition = status.condition(Kind.POLICY_ALLOWED)
    if condition is None or condition.status:
        return False
    if condition.reason not in KEEPS_RIGHTS:
        return True
    stop = access_of(facts, status, now).stop
    return stop is not None and stop.at <= now


def _built(facts: Facts, status: ProjectStatus) -> bool:
    proved = is_true(status, Kind.NETWORK_ISOLATED) and is_true(status, Kind.COHORT_READY)
    return proved and status.deployed_digest == facts.project.digest()


def _readiness(status: ProjectStatus) -> Finding:
    reason = READY_REASON[status.phase]
    complete = status.condition(Kind.COMPLETE)
    if status.phase is ProjectPhase.INCOMPLETE and complete is not None and not complete.status:
        return Finding(holds=False, reason=Reason(complete.reason), message=complete.message)
    if status.phase is ProjectPhase.PENDING_CREATION and any(s.state is StepState.FAILED for s in status.steps):
        reason = Reason.STEP_FAILED
    return Finding(holds=status.phase is ProjectPhase.DEPLOYED, reason=reason)


def _suspension(facts: Facts, status: ProjectStatus, now: datetime) -> Finding:
    if status.phase is not ProjectPhase.SUSPENDED:
        return Finding(holds=False, reason=Reason.NOT_SUSPENDED)
    over = ended(facts, now)
    if over is not None:
        return Finding(holds=True, reason=Reason.ENDED, message=f"Since {to_text(over.at)}: {over.because}.")
    policy = status.condition(Kind.POLICY_ALLOWED)
    return Finding(holds=True, reason=Reason.POLICY_SAYS_NO, message=policy.message if policy else "")


def _expiry(facts: Facts, now: datetime) -> Finding:
    end = expiring(facts, now)
    if end is None:
        return Finding(holds=False, reason=Reason.NOTHING_ENDS_SOON)
    return Finding(holds=True, reason=Reason.ENDS_SOON, message=f"At {to_text(end.at)} {end.because}.")
