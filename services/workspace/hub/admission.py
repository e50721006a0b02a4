"""May this person open this project's workspace now? Asked by the spawner afresh at every start, however it was asked.

Guard clauses, each with its own code: a project named, a right to start that has not ended, the policy's decision, and
the sealed cohort in its place, which is a folder on one machine and a read-only claim on Kubernetes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from tidegate.model import (
    AnyResource,
    Decision,
    ExitCode,
    Grant,
    GrantSpec,
    Kind,
    PersonRef,
    Project,
    ProjectStatus,
    SpawnRight,
    TidegateError,
    to_text,
)
from tidegate.model.status import CohortStatus
from tidegate.objects.sealed_view import MANIFEST, fault_of

ASK_THE_LEAD: Final = "Ask the project's lead, whom the start page names, or a governance officer."
SEE_START_PAGE: Final = "The start page says what it waits for."
MADE_AGAIN: Final = "It is checked and made again by itself; try again in a minute, then tell the operator."
Decide = Callable[[str, PersonRef, datetime], Decision]
# Raises unless what was sealed is where the workspace will mount it from.
InPlace = Callable[[CohortStatus, str], None]


@dataclass(frozen=True)
class Admission:
    """A start that is allowed, and what it rests on."""

    project: Project
    person: PersonRef
    right: SpawnRight
    cohort: CohortStatus
    decision: Decision

    @property
    def until(self) -> datetime:
        ends = (self.right.until, self.project.spec.ends, self.decision.deadline)
        return min(end for end in ends if end is not None)


class Projects(Protocol):
    """The part of the store that admission reads."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def project_status(self, name: str) -> ProjectStatus: ...


def check_start(
    store: Projects, decide: Decide, project_name: str, person: PersonRef, now: datetime, in_place: InPlace
) -> Admission:
    """The admission, or the reason against it.

    Raises:
        TidegateError: ``server_name_required``, ``spawn_right_missing``, ``spawn_right_ended``,
            ``spawn_right_withheld``, ``cohort_not_ready``, ``cohort_changed``, or the policy's own code.
    """
    if not project_name:
        raise _refused("server_name_required", "A workspace belongs to a project; open it from the start page.")
    status = store.project_status(project_name)
    right = _live_right(store, project_name, person, now)
    project = store.get(Kind.PROJECT, project_name)
    if not isinstance(project, Project):
        raise _refused("spawn_right_missing", f"There is no project {project_name} open to you.", ASK_THE_LEAD)
    decision = _allowed(decide(project_name, person, now), project_name)
    cohort = _sealed(status, project_name)
    in_place(cohort, project_name)
    return Admission(project, person, right, cohort, decision)


def _live_right(store: Projects, project: str, person: PersonRef, now: datetime) -> SpawnRight:
    rights = [right for right in store.project_status(project).spawn_rights if right.person == person]
    if not rights:
        raise _no_right(store, project, person, now)
    latest = max(rights, key=lambda right: right.until)
    if latest.until <= now:
        raise _ended(project, latest.until, latest.because)
    return latest


def _no_right(store: Projects, project: str, person: PersonRef, now: datetime) -> TidegateError:
    """Who holds or held a grant is told what stands in the way; to all others no project is there."""
    held = [grant.spec for grant in store.list(Kind.GRANT) if isinstance(grant, Grant)]
    own = [spec for spec in held if spec.project == project and spec.person == person]
    if not own:
        # The same words whether the project exists or not: its name may be nobody else's business.
        return _refused("spawn_right_missing", f"There is no project {project} open to you.", ASK_THE_LEAD)
    ends = max(_end_of(spec) for spec in own)
    if ends[0] <= now:
        return _ended(project, *ends)
    return _refused("spawn_right_withheld", f"The project {project} is not ready to be worked in.", SEE_START_PAGE)


def _end_of(spec: GrantSpec) -> tuple[datetime, str]:
    ends = [(spec.until, "your grant ended")]
    if spec.training is not None:
        ends.append((spec.training.until, "your training ended"))
    return min(ends)


def _ended(project: str, at: datetime, because: str) -> TidegateError:
    sentence = f"Your access to {project} ended at {to_text(at)}: {because}."
    return _refused("spawn_right_ended", sentence, f"What you made is kept. {ASK_THE_LEAD}")


def _allowed(decision: Decision, project: str) -> Decision:
    if decision.allowed:
        return decision
    first = decision.deny[0] if decision.deny else None
    code = first.code if first else "policy_" + decision.outcome.value
    why = "; ".join(_reason(denial.detail or denial.code, denial.clause) for denial in decision.deny)
    raise _refused(code, f"The policy does not let a workspace of {project} start: {why or 'no reason given'}.")


def _reason(text: str, clause: str) -> str:
    return text.rstrip(".") + (f" (clause {clause})" if clause else "")


def _sealed(status: ProjectStatus, project: str) -> CohortStatus:
    cohort = status.cohort
    if cohort is None or not cohort.manifest_sha256:
        raise _refused("cohort_not_ready", f"The images of {project} are not ready yet.", SEE_START_PAGE)
    return cohort


def sealed_folder(cohort: CohortStatus, project: str) -> None:
    """The view that was sealed, looking as it did when the provisioner last hashed all of it."""
    if not (Path(cohort.path) / MANIFEST).is_file():
        raise cohort_missing(project)
    if fault := fault_of(cohort):
        raise cohort_changed(project, fault)


def cohort_missing(project: str) -> TidegateError:
    return _refused("cohort_not_ready", f"The images of {project} are not in place.", MADE_AGAIN)


def cohort_changed(project: str, fault: str) -> TidegateError:
    return _refused("cohort_changed", f"The copy of the images of {project} is not mounted: {fault}.", MADE_AGAIN)


def _refused(code: str, sentence: str, fix: str = "") -> TidegateError:
    return TidegateError(code, sentence, fix, ExitCode.DENIED)
