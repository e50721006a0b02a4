"""What is known about one project when it is looked at: plain resources, no clock and no reads.

Made by `application.observe` from the store, read by every other module of this domain. The order in which the store
lists things never matters: `facts_of` sorts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tidegate.model import (
    ONE_MACHINE,
    Approval,
    Dataset,
    Grant,
    Licence,
    PersonRef,
    Profile,
    Project,
    Resource,
    Role,
)

R = TypeVar("R", bound=Resource)

# Observers see what was released; they start no workspace.
WORKING_ROLES = frozenset({Role.RESEARCHER, Role.LEAD})


@dataclass(frozen=True)
class Facts:
    """`profiles` are those of this environment; everything else is what governance wrote."""

    project: Project
    datasets: tuple[Dataset, ...] = ()
    licences: tuple[Licence, ...] = ()
    grants: tuple[Grant, ...] = ()
    approvals: tuple[Approval, ...] = ()
    profiles: tuple[Profile, ...] = ONE_MACHINE

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone who holds or held a grant to work here: each has a home until the project closes."""
        return tuple(sorted({grant.spec.person.subject for grant in self.grants}))

    @property
    def persons(self) -> tuple[PersonRef, ...]:
        """The same, with who vouches for each."""
        return tuple(sorted({grant.spec.person for grant in self.grants}, key=lambda p: (p.subject, p.issuer)))


def facts_of(
    project: Project,
    datasets: Iterable[Dataset],
    licences: Iterable[Licence],
    grants: Iterable[Grant],
    approvals: Iterable[Approval],
) -> Facts:
    """Of everything in the store, what concerns this project."""
    wanted = {ref.name for ref in project.spec.datasets}
    own_datasets = _by_name(item for item in datasets if item.name in wanted)
    papers = {item.spec.licence.name for item in own_datasets}
    own_licences = _by_name(item for item in licences if item.name in papers)
    own_grants = _by_name(g for g in grants if g.spec.project == project.name and g.spec.role in WORKING_ROLES)
    subjects = {(kind_of(item), item.name) for item in (project, *own_datasets, *own_licences, *own_grants)}
    own_approvals = [a for a in approvals if (a.spec.subject.kind, a.spec.subject.name) in subjects]
    return Facts(
        project=project,
        datasets=own_datasets,
        licences=own_licences,
        grants=own_grants,
        approvals=tuple(sorted(own_approvals, key=lambda a: (a.spec.at, a.name))),
    )


def kind_of(resource: Resource) -> str:
    """The name of its kind, as an Approval's subject writes it."""
    return type(resource).__name__


def missing_parts(facts: Facts) -> tuple[str, ...]:
    """What a complete project still lacks, each as a sentence."""
    by_name = {item.name: item for item in facts.datasets}
    lacks: list[str] = []
    for ref in facts.project.spec.datasets:
        dataset = by_name.get(ref.name)
        lacks += _lacks("data set", ref.name, ref.digest, dataset)
        if dataset is not None:
            paper = dataset.spec.licence
            lacks += _lacks("licence", paper.name, paper.digest, _named(facts.licences, paper.name))
    return tuple(dict.fromkeys(lacks))


def _lacks(what: str, name: str, digest: str | None, found: Resource | None) -> list[str]:
    if found is None:
        return [f"The {what} {name} is not registered."]
    if digest is not None and found.digest() != digest:
        return [f"The {what} {name} is registered with other content than was asked for."]
    return []


def _named(items: Sequence[R], name: str) -> R | None:
    return next((item for item in items if item.name == name), None)


def _by_name(items: Iterable[R]) -> tuple[R, ...]:
    return tuple(sorted(items, key=lambda item: item.name))
