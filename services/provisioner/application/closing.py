"""Takes a project down for good, once its closing has an Approval of its own, and writes the deletion certificate.

Called by `reconcile` after the cut, which has ended every right and stopped every workspace. The certificate is the
audit record of the write that makes the phase ``deleted``, so neither stands without the other. Requests under review,
released files and the ledger are kept, and so are the salted hashes of identifiers that reviews still need.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provisioner.application.case import Case
from provisioner.domain.conditions import Finding, Kind, Reason, not_retained, with_condition
from provisioner.domain.progress import Name, done, going_on, is_waiting, running, stopping_of, with_step
from provisioner.domain.verdicts import closing_verdict
from provisioner.ports import Folders, Ground, Retention
from tidegate.ledger import Event
from tidegate.model import ProjectPhase, ProjectStatus, Step, StepState, TidegateError

KEPT = "egress requests, released files, hashed identifiers"
RETAINED = "requests_open"


@dataclass(frozen=True)
class Closing:
    """`retention` is None where requests and what they need outlive the project anyway."""

    folders: Folders
    jitter: Callable[[], float]
    retention: Retention | None = None
    ground: Ground | None = None

    def run(self, case: Case) -> None:
        """Delete what the project had. Waits while a workspace still has to be stopped."""
        before = case.status.step(Name.DELETION)
        if stopping_of(case.status) or is_waiting(before, case.now):
            return
        try:
            if before is None or before.code != RETAINED:
                self._erase(case)
        except TidegateError as error:
            case.fail(Name.DELETION, error, self.jitter())
            return
        try:
            waiting = self.retention.awaiting(case.name) if self.retention is not None else {}
        except TidegateError as error:
            doubt(case, error, self.jitter())
            return
        if waiting:
            retain(case, waiting)
        else:
            certify(case)

    def release(self, project: str) -> None:
        """After the certificate, and again after every start: a kill may have come between the two."""
        if self.ground is not None:
            self.ground.release(project)

    def _erase(self, case: Case) -> None:
        intent = running(Name.DELETION, "Deleting homes and the copy of the data.", case.now)
        case.write(lambda s: with_step(s, going_on(s.step(Name.DELETION), intent)))
        self.folders.erase(case.name, case.now)


def retain(case: Case, waiting: Mapping[str, int]) -> None:
    """Copies and homes are gone; what reviewers still need is not, and the certificate waits for them."""
    states = ", ".join(f"{many} {state}" for state, many in sorted(waiting.items()))
    message = (
        f"{sum(waiting.values())} of its requests still await review or release ({states}); "
        "an officer closes each of them, and then the certificate follows."
    )
    step = Step(name=Name.DELETION, state=StepState.WAITING, code=RETAINED, message=message, since=case.now)
    found = Finding(holds=True, reason=Reason.REQUESTS_OPEN, message=message)
    case.write(lambda s: with_step(with_condition(s, Kind.RETAINED, found, case.now), step))


def doubt(case: Case, error: TidegateError, jitter: float) -> None:
    """Requests that cannot be counted may be there: the certificate waits, and the step says when we ask again."""
    found = Finding(holds=True, reason=Reason.REQUESTS_UNKNOWN, message=f"{error.sentence} {error.fix}".strip())
    case.fail(Name.DELETION, error, jitter, also=lambda s: with_condition(s, Kind.RETAINED, found, case.now))


def certify(case: Case) -> None:
    """The last write there is of a project."""
    status = case.status
    cohort = status.cohort
    approval = closing_verdict(case.facts.project, case.facts.approvals, case.now).approval

    def change(status: ProjectStatus) -> ProjectStatus:
        status = with_condition(status, Kind.COHORT_READY, Finding(holds=False, reason=Reason.CLOSED), case.now)
        status = not_retained(status, case.now)
        empty = {"phase": ProjectPhase.DELETED, "cohort": None, "deployed_digest": None, "steps": ()}
        return with_step(
            status.model_copy(update=empty), done(Name.DELETION, "Deleted; the ledger certifies it.", case.now)
        )

    case.write(
        change,
        Event.PROJECT_CLOSED,
        approval=approval,
        digest=case.facts.project.closing_digest(),
        homes=", ".join(case.facts.people),
        cohort_version=cohort.version if cohort else 0,
        cohort_manifest=cohort.manifest_sha256 if cohort else "",
        cohort_files=cohort.files if cohort else 0,
        kept=KEPT,
    )
