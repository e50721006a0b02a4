"""Which version of the cohort a project needs: the one that stands, or the next when what it is made of has changed."""

from collections.abc import Sequence

from provisioner.domain.facts import Facts
from tidegate.model import Cohort, CohortSpec, Metadata, digest_of
from tidegate.model.cohort import CohortDataset


def wanted_cohort(facts: Facts, known: Sequence[Cohort]) -> Cohort:
    """The cohort of these facts; `known` are all versions there have been, oldest first."""
    version = known[-1].spec.version if known else 1
    wanted = _cohort(facts, version)
    if known and known[-1].spec != wanted.spec:
        return _cohort(facts, version + 1)
    return wanted


def _cohort(facts: Facts, version: int) -> Cohort:
    papers = {licence.name: licence.digest() for licence in facts.licences}
    spec = CohortSpec(
        project=facts.project.name,
        datasets=tuple(
            CohortDataset(name=item.name, digest=item.digest(), licence_digest=papers[item.spec.licence.name])
            for item in facts.datasets
        ),
        selection_digest=digest_of(facts.project.spec.selection.model_dump(mode="json")),
        version=version,
    )
    return Cohort(metadata=Metadata(name=f"{facts.project.name}-v{version}"), spec=spec)
