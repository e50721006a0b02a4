"""What of a project still waits here, for the provisioner that wants to close it. Asked through `web.retained`."""

from collections.abc import Mapping
from dataclasses import dataclass

from egress_review.domain.status import ACTIVE, AWAITING, Status
from egress_review.ports import Ports
from tidegate.model import Stage


@dataclass(frozen=True)
class Retained:
    """`awaiting` requests need somebody's decision or their release; `states` are those of all that are not final.

    While `closing` is False review does not know yet that the project closes, and more may be submitted at any moment.
    """

    project: str
    closing: bool
    awaiting: int
    states: Mapping[Status, int]


def retained(ports: Ports, project: str) -> Retained:
    """A project that is no longer registered holds all its requests, and takes no more."""
    found = ports.people.project(project)
    counted = {status: many for status, many in ports.requests.count(project).items() if status in ACTIVE}
    return Retained(
        project=project,
        closing=found is None or found.spec.stage is Stage.CLOSING,
        awaiting=sum(many for status, many in counted.items() if status in AWAITING),
        states=counted,
    )
