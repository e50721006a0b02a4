"""The condition types of a project and the reasons they can carry, as documented constants.

`with_condition` keeps `since` while the status of a condition stands, so a pass that finds nothing new writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.model import Condition, ProjectStatus


class Kind(StrEnum):
    COMPLETE = "Complete"
    APPROVED = "Approved"
    POLICY_ALLOWED = "PolicyAllowed"
    NETWORK_ISOLATED = "NetworkIsolated"
    COHORT_READY = "CohortReady"
    READY = "Ready"
    SUSPENDED = "Suspended"
    EXPIRING = "Expiring"
    DRIFTED = "Drifted"
    RETAINED = "Retained"


class Reason(StrEnum):
    DRAFT = "Draft"
    PART_MISSING = "PartMissing"
    NOT_OFFERED = "NotOffered"
    ALL_PARTS_REGISTERED = "AllPartsRegistered"

    APPROVAL_MISSING = "ApprovalMissing"
    SPEC_CHANGED = "SpecChanged"
    REFUSED = "Refused"
    REVOKED = "Revoked"
    GIVEN = "Given"

    ALLOWED = "Allowed"
    DENIED = "Denied"
    NEEDS_HUMAN = "NeedsHuman"
    POLICY_UNAVAILABLE = "PolicyUnavailable"

    PROVED = "Proved"
    REACHED = "Reached"
    PROBE_FAILED = "ProbeFailed"
    FENCE_FAILED = "FenceFailed"

    SEALED = "Sealed"
    PULLING = "Pulling"
    COHORT_FAILED = "CohortFailed"
    COHORT_TAMPERED = "CohortTampered"

    DEPLOYED = "Deployed"
    IN_PROGRESS = "InProgress"
    STEP_FAILED = "StepFailed"
    NOT_APPROVED = "NotApproved"
    SUSPENDED = "Suspended"
    CLOSING = "Closing"
    CLOSED = "Closed"

    ENDED = "Ended"
    POLICY_SAYS_NO = "PolicySaysNo"
    NOT_SUSPENDED = "NotSuspended"

    ENDS_SOON = "EndsSoon"
    NOTHING_ENDS_SOON = "NothingEndsSoon"

    DRIFT_MENDED = "DriftMended"
    AS_RENDERED = "AsRendered"

    REQUESTS_OPEN = "RequestsOpen"
    REQUESTS_UNKNOWN = "RequestsUnknown"
    NOTHING_RETAINED = "NothingRetained"


MEANING: dict[Reason, str] = {
    Reason.DRAFT: "The project is a draft; nothing is made until it is submitted.",
    Reason.PART_MISSING: "A data set or licence it names is not registered as named.",
    Reason.NOT_OFFERED: "This environment does not give what the project asks for; the message says what it gives.",
    Reason.ALL_PARTS_REGISTERED: "Everything the project names is registered.",
    Reason.APPROVAL_MISSING: "No Approval names this project yet.",
    Reason.SPEC_CHANGED: "The project was changed after it was approved; the change needs its own Approval.",
    Reason.REFUSED: "An officer refused it.",
    Reason.REVOKED: "An officer took the Approval back.",
    Reason.GIVEN: "An Approval for exactly this spec stands.",
    Reason.ALLOWED: "Policy allows the project.",
    Reason.DENIED: "Policy denies the project; the message names the codes.",
    Reason.NEEDS_HUMAN: "Policy leaves the decision to an officer.",
    Reason.POLICY_UNAVAILABLE: "The policy engine did not answer; nothing new is opened meanwhile.",
    Reason.PROVED: "The probe ran inside a sandbox and reached nothing outside.",
    Reason.REACHED: "The probe reached the machine's network from inside a sandbox: the isolation does not hold.",
    Reason.PROBE_FAILED: "The probe could not be run, so nothing is known about the isolation.",
    Reason.FENCE_FAILED: "What keeps the project apart could not be made or mended.",
    Reason.SEALED: "The read-only copy of the data is sealed.",
    Reason.PULLING: "The data is being pulled and checked.",
    Reason.COHORT_FAILED: "The data could not be pulled or did not pass its checks.",
    Reason.COHORT_TAMPERED: "The copy of the data is not what was sealed; it was taken away and is made again.",
    Reason.DEPLOYED: "Workspaces can be started.",
    Reason.IN_PROGRESS: "The steps are running.",
    Reason.STEP_FAILED: "A step failed and is tried again; the step says why and when.",
    Reason.NOT_APPROVED: "The project waits for its Approval.",
    Reason.SUSPENDED: "The project is suspended.",
    Reason.CLOSING: "The project is being closed.",
    Reason.CLOSED: "The project is closed and its copies are deleted.",
    Reason.ENDED: "A date has passed.",
    Reason.POLICY_SAYS_NO: "Policy no longer allows the project.",
    Reason.NOT_SUSPENDED: "Nothing suspends the project.",
    Reason.ENDS_SOON: "Something ends within 30 days; the message says what.",
    Reason.NOTHING_ENDS_SOON: "Nothing ends within 30 days.",
    Reason.DRIFT_MENDED: "Something that guards the project was changed by others and put back; the message names it.",
    Reason.AS_RENDERED: "Everything that guards the project is as it was made.",
    Reason.REQUESTS_OPEN: "Requests of the closed project still await review; what they need is kept.",
    Reason.REQUESTS_UNKNOWN: "Whether requests of the closed project still await review cannot be told; all is kept.",
    Reason.NOTHING_RETAINED: "Nothing of the project is kept that must go.",
}


@dataclass(frozen=True)
class Finding:
    """What one look found of a condition. An empty message stands for the meaning of the reason."""

    holds: bool
    reason: Reason
    message: str = ""


def with_condition(status: ProjectStatus, kind: Kind, finding: Finding, now: datetime) -> ProjectStatus:
    """The status with this condition set; `since` moves only when true becomes false or the reverse."""
    before = status.condition(kind)
    made = Condition(
        type=kind,
        status=finding.holds,
        reason=finding.reason,
        message=finding.message or MEANING[finding.reason],
        since=before.since if before is not None and before.status is finding.holds else now,
    )
    known = {c.type: c for c in status.conditions} | {str(kind): made}
    return status.model_copy(update={"conditions": tuple(known[k] for k in Kind if k in known)})


def not_retained(status: ProjectStatus, now: datetime) -> ProjectStatus:
    """Nothing holds a certificate back any more; said only where something did."""
    nothing = Finding(holds=False, reason=Reason.NOTHING_RETAINED)
    return status if status.condition(Kind.RETAINED) is None else with_condition(status, Kind.RETAINED, nothing, now)


def is_true(status: ProjectStatus, kind: Kind) -> bool:
    """Whether the condition is known and true."""
    found = status.condition(kind)
    return found is not None and found.status
