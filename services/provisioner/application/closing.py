"""Takes a project down for good, once its closing has an Approval of its own, and writes the deletion certificate.

Called by `reconcile` after the cut, which has ended every right and stopped every workspace. The certificate is the
audit record of the write that makes the phase ``deleted``, so neither stands without the other. Requests under review,
released files and the ledger are kept, and so are the salted hashes of identifiers that reviews still need.
"""

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.application.case import Case
from provisioner.domain.conditions import Finding, Kind, Reason, with_condition
from provisioner.domain.progress import Name, done, going_on, is_waiting, running, stopping_of, with_step
from provisioner.domain.verdicts import closing_verdict
from provisioner.ports import Folders
from tidegate.ledger import Event
from tidegate.model import ProjectPhase, ProjectStatus, TidegateError

KEPT = "egress requests, released files, hashed identifiers"


@dataclass(frozen=True)
class Closing:
    folders: Folders
    jitter: Callable[[], float]

    def run(self, case: Case) -> None:
        """Delete what the project had. Waits while a workspace still has to be stopped."""
        before = case.status.step(Name.DELETION)
        if stopping_of(case.status) or is_waiting(before, case.now):
            return
        intent = running(Name.DELETION, "Deleting homes and the copy of the data.", case.now)
        case.write(lambda s: with_step(s, going_on(s.step(Name.DELETION), intent)))
        try:
            self.folders.erase(case.name)
        except TidegateError as error:
            case.fail(Name.DELETION, error, self.jitter())
            return
        certify(case)


def certify(case: Case) -> None:
    """The last write there is of a project."""
    status = case.status
    cohort = status.cohort
    approval = closing_verdict(case.facts.project, case.facts.approvals, case.now).approval

    def change(status: ProjectStatus) -> ProjectStatus:
        status = with_condition(status, Kind.COHORT_READY, Finding(holds=False, reason=Reason.CLOSED), case.now)
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
