"""Reads what is known about a project from the store; called at the start of every look."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from provisioner.domain.facts import Facts, facts_of
from tidegate.model import ONE_MACHINE, AnyResource, Approval, Cohort, Dataset, Grant, Kind, Licence, Profile, Project
from tidegate.store import ResourceStore

R = TypeVar("R", bound=AnyResource)


def observe(store: ResourceStore, key: str, profiles: Sequence[Profile] = ONE_MACHINE) -> Facts | None:
    """The facts of the project of this name, or None where there is no such project."""
    project = store.get(Kind.PROJECT, key)
    if not isinstance(project, Project):
        return None
    facts = facts_of(
        project,
        _all(store, Kind.DATASET, Dataset),
        _all(store, Kind.LICENCE, Licence),
        _all(store, Kind.GRANT, Grant),
        _all(store, Kind.APPROVAL, Approval),
    )
    return replace(facts, profiles=tuple(profiles))


def cohorts_of(store: ResourceStore, project: str) -> tuple[Cohort, ...]:
    """Every version there has been of this project's cohort, oldest first."""
    own = (cohort for cohort in _all(store, Kind.COHORT, Cohort) if cohort.spec.project == project)
    return tuple(sorted(own, key=lambda cohort: cohort.spec.version))


def _all(store: ResourceStore, kind: Kind, of: type[R]) -> list[R]:
    return [item for item in store.list(kind) if isinstance(item, of)]
