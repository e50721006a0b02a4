"""The cohort pipeline cut into stages that run apart, each in a job that may reach one destination at most.

Called by `provisioner.loader`. Between two stages everything lies on the volume: a stage that finds its record standing
does nothing, so jobs may be killed, repeated and started again from the first one.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from provisioner.application.cohort import CohortPipeline
from provisioner.application.cohort_run import GATHERED, PULLED, SEALED, Run, Seal
from provisioner.application.gathering import Planned, judged, planned, pulled
from provisioner.domain.manifest import Gathered
from provisioner.domain.selection import Selected
from provisioner.domain.transfer import PullResult
from tidegate.model import TidegateError
from tidegate.model.names import Frozen, Sha256
from tidegate.model.status import CohortStatus

# After these the next pull lists the archive anew: what was pulled is spoiled, or nothing of it may be used.
START_AGAIN: Final = frozenset({"VAULT_DAMAGED", "COHORT_EMPTY"})
COPIES: Final = 2
SPARE_BYTES: Final = 32 * 1024 * 1024
GIGABYTE: Final = 1e9
A = TypeVar("A")


class Pulled(Frozen):
    """The record between pull and gate: what was planned of each data set, and what came."""

    inputs: Sha256
    plans: Sha256
    parts: tuple[Selected, ...]
    results: tuple[PullResult, ...]


def pull(run: Run, capacity_bytes: int) -> None:
    """Everything the selection takes into the volume's vault.

    Raises:
        TidegateError: ``COHORT_TOO_LARGE``, ``COHORT_EMPTY`` or a code of the source.
    """
    if _gathered(run) or _pulled(run) or _sealed(run):
        return
    plans = planned(run)
    _check_room(run, plans, capacity_bytes)
    results = tuple(pulled(run, plans))
    run.write_note(PULLED, Pulled(inputs=run.inputs, plans=plans.digest, parts=plans.parts, results=results))


def gate(run: Run) -> None:
    """A verdict on each pulled file.

    Raises:
        TidegateError: ``COHORT_EMPTY``, ``VAULT_DAMAGED``, ``COHORT_STAGE_MISSING``.
    """
    if _gathered(run) or _sealed(run):
        return
    found = _pulled(run)
    if found is None:
        raise stage_missing("pulled")
    _starting_again(run, lambda: judged(run, Planned(found.parts, found.plans), found.results))


def seal(run: Run, pipeline: CohortPipeline, *, fresh: bool) -> CohortStatus:
    """The read-only view, hashed once more after it was made. `fresh` takes a spoiled one away first.

    Raises:
        TidegateError: ``VAULT_DAMAGED``, ``DISK_FULL``, ``COHORT_CHANGED``, ``COHORT_TAMPERED``,
            ``COHORT_STAGE_MISSING``.
    """
    view = run.parts.shelf.view(run.project.name, run.version)
    if fresh:
        run.parts.shelf.remove(view)
    about = (run.project, run.datasets, run.version, run.now, run.progress)
    status = _starting_again(run, lambda: pipeline.ensure(*about))
    pipeline.verify_view(status)
    return status


def sealed_status(run: Run) -> CohortStatus:
    """What was sealed, for the stage after it."""
    found = _sealed(run)
    if found is None:
        raise stage_missing("sealed")
    return found.status


def stage_missing(what: str) -> TidegateError:
    return TidegateError(
        "COHORT_STAGE_MISSING",
        f"The volume holds no record of what was {what}, so the stage after it cannot begin.",
        "It is begun again from the first stage by itself.",
    )


def _starting_again(run: Run, work: Callable[[], A]) -> A:
    """Forget what was pulled where going on from it would only fail the same way."""
    try:
        return work()
    except TidegateError as error:
        if error.code in START_AGAIN:
            run.parts.shelf.drop_note(run.project.name, run.version, PULLED)
        raise


def _check_room(run: Run, plans: Planned, capacity_bytes: int) -> None:
    """The volume holds each file twice while the view is made. No size known: the disk itself is asked by the pull."""
    need = COPIES * sum(part.plan.total_bytes for part in plans.parts) + SPARE_BYTES
    if capacity_bytes and need > capacity_bytes:
        raise TidegateError(
            "COHORT_TOO_LARGE",
            f"The data of project {run.project.name} needs {need / GIGABYTE:.2f} GB while it is sealed, and its volume "
            f"has {capacity_bytes / GIGABYTE:.2f} GB.",
            "Narrow the selection, or have the operator give cohorts larger volumes; nothing was pulled.",
        )


def _pulled(run: Run) -> Pulled | None:
    found = run.note(Pulled, PULLED)
    return found if found is not None and found.inputs == run.inputs else None


def _gathered(run: Run) -> bool:
    found = run.note(Gathered, GATHERED)
    return found is not None and found.inputs == run.inputs


def _sealed(run: Run) -> Seal | None:
    found = run.note(Seal, SEALED)
    return found if found is not None and found.inputs == run.inputs else None
