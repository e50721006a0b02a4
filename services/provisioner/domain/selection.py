"""Which files of a plan a project may have. The cohort pipeline asks before a pull and again after the gate.

Nothing leaves the count: a line that is not taken carries the code of the reason.
"""

from dataclasses import dataclass
from typing import Final

from provisioner.domain.plan import Plan, PlanLine
from tidegate.model import Dataset
from tidegate.model.project import Selection

NOT_SELECTED: Final = "NOT_SELECTED"
SUBJECT_NOT_FOUND: Final = "SUBJECT_NOT_FOUND"
OWNER_NOT_LICENSED: Final = "OWNER_NOT_LICENSED"


@dataclass(frozen=True, slots=True)
class Selected:
    """`not_found` counts subjects that were asked for and have no file."""

    plan: Plan
    not_selected: tuple[PlanLine, ...]
    not_licensed: tuple[PlanLine, ...]
    not_found: int


def select(plan: Plan, selection: Selection, dataset: Dataset, datasets: tuple[Dataset, ...]) -> Selected:
    """Lines of the subjects asked for, and only those that the licence of `dataset` really covers.

    XNAT shows a shared experiment inside other projects too; its licence is its owner's. It is taken only where another
    of the project's data sets, approved with it, covers the owner, and under the very same licence: the file would be
    delivered and released under the terms of the data set it was reached through.
    """
    asked = frozenset(selection.subjects)
    wanted = [line for line in plan.lines if not asked or line.subject in asked]
    owners = {line.owner_project for line in wanted}
    licensed = {owner for owner in owners if _same_licence(owner, dataset, datasets)}
    owned = [line for line in wanted if line.owner_project in licensed]
    found = {line.subject for line in wanted}
    return Selected(
        plan=Plan(plan.server, plan.dataset, tuple(owned), plan.left_out),
        not_selected=_without(plan.lines, wanted),
        not_licensed=_without(wanted, owned),
        not_found=len(asked - found),
    )


def _same_licence(owner: str, dataset: Dataset, datasets: tuple[Dataset, ...]) -> bool:
    """Whether all that is registered of this XNAT project stands under the licence of `dataset`, and something is."""
    server = dataset.spec.xnat.server
    if owner == dataset.spec.xnat.project:
        return True
    of_owner = [d for d in datasets if (d.spec.xnat.server, d.spec.xnat.project) == (server, owner)]
    return bool(of_owner) and all(d.spec.licence == dataset.spec.licence for d in of_owner)


def takes_modality(selection: Selection, modality: str) -> bool:
    """Whether a file of this modality, as the gate read it from the file itself, was asked for."""
    return not selection.modalities or modality in selection.modalities


def _without(lines: "tuple[PlanLine, ...] | list[PlanLine]", taken: list[PlanLine]) -> tuple[PlanLine, ...]:
    kept = set(taken)
    return tuple(line for line in lines if line not in kept)
