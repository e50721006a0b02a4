"""Whether the sealed images are where a workspace will mount them from: the read-only claim of the project's namespace.

Called at each start through admission. The claim comes back from the loader with one access mode, on a volume of its
own; a claim that could be written to is none.
"""

from collections.abc import Callable
from typing import Final

from tidegate.cluster.names import cohort_claim, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref, Resource
from tidegate.model.status import CohortStatus
from workspace.hub.admission import cohort_changed, cohort_missing

CLAIM: Final = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
READ_ONLY: Final = ["ReadOnlyMany"]


def sealed_claim(api: ClusterApi) -> Callable[[CohortStatus, str], None]:
    """The check of admission.

    Raises:
        TidegateError: ``cohort_not_ready``, ``cohort_changed``, or the cluster's own when it cannot be asked.
    """

    def check(cohort: CohortStatus, project: str) -> None:
        claim = api.get(Ref(CLAIM, cohort_claim(cohort.version, read_only=True), namespace_of(project)))
        if claim is None or claim.get("status", {}).get("phase") != "Bound":
            raise cohort_missing(project)
        if fault := _fault(claim):
            raise cohort_changed(project, fault)

    return check


def _fault(claim: Manifest) -> str:
    if claim["spec"].get("accessModes") != READ_ONLY:
        return "its volume could be written to"
    if claim["metadata"].get("deletionTimestamp"):
        return "its volume is being removed"
    return ""
