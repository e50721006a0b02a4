"""Do the resources fit together? Names must exist, digests are filled in and bound. Pure; used by `apply`."""

from collections.abc import Callable, Mapping

from tidegate.model import AnyResource, Dataset, ExitCode, Grant, Kind, Licence, Project, TidegateError

Known = Mapping[tuple[Kind, str], AnyResource]


def bound(resource: AnyResource, known: Known) -> AnyResource:
    """The resource with the digests of what it refers to filled in.

    Raises:
        TidegateError: ``reference_unknown`` or ``reference_changed``, naming the field.
    """
    binder = BINDERS.get(Kind(resource.kind))
    return binder(resource, known) if binder else resource


def _dataset(dataset: AnyResource, known: Known) -> AnyResource:
    assert isinstance(dataset, Dataset)  # noqa: S101 - for the type checker; BINDERS is keyed by kind
    licence = _find(known, Kind.LICENCE, dataset.spec.licence.name, f"Dataset {dataset.name}: spec.licence.name")
    reference = dataset.spec.licence
    _same_digest(reference.digest, licence.digest(), f"Dataset {dataset.name}: spec.licence.digest")
    spec = dataset.spec.model_copy(update={"licence": reference.model_copy(update={"digest": licence.digest()})})
    return dataset.model_copy(update={"spec": spec})


def _project(project: AnyResource, known: Known) -> AnyResource:
    assert isinstance(project, Project)  # noqa: S101 - for the type checker; BINDERS is keyed by kind
    references = []
    for number, reference in enumerate(project.spec.datasets):
        field = f"Project {project.name}: spec.datasets.{number}"
        dataset = _find(known, Kind.DATASET, reference.name, f"{field}.name")
        _same_digest(reference.digest, dataset.digest(), f"{field}.digest")
        references.append(reference.model_copy(update={"digest": dataset.digest()}))
    return project.model_copy(update={"spec": project.spec.model_copy(update={"datasets": tuple(references)})})


def _grant(grant: AnyResource, known: Known) -> AnyResource:
    assert isinstance(grant, Grant)  # noqa: S101 - for the type checker; BINDERS is keyed by kind
    if grant.spec.project is not None:
        _find(known, Kind.PROJECT, grant.spec.project, f"Grant {grant.name}: spec.project")
    return grant


def _licence(licence: AnyResource, known: Known) -> AnyResource:
    """New terms are a new Licence; the store insists too, but here it is said before anything is written."""
    assert isinstance(licence, Licence)  # noqa: S101 - for the type checker; BINDERS is keyed by kind
    stored = known.get((Kind.LICENCE, licence.name))
    if stored is not None and stored.digest() != licence.digest():
        raise TidegateError(
            "resource_immutable",
            f"Licence {licence.name} exists with other terms.",
            "New terms are a new Licence: register them under a new name.",
        )
    return licence


BINDERS: dict[Kind, Callable[[AnyResource, Known], AnyResource]] = {
    Kind.LICENCE: _licence,
    Kind.DATASET: _dataset,
    Kind.PROJECT: _project,
    Kind.GRANT: _grant,
}


def _find(known: Known, kind: Kind, name: str, field: str) -> AnyResource:
    found = known.get((kind, name))
    if found is None:
        names = ", ".join(sorted(other for other_kind, other in known if other_kind is kind)) or "none yet"
        raise TidegateError(
            "reference_unknown",
            f"{field}: there is no {kind} named {name}.",
            f"Apply it first or in the same file. Known: {names}.",
            ExitCode.NOT_FOUND,
        )
    return found


def _same_digest(given: str | None, actual: str, field: str) -> None:
    if given is not None and given != actual:
        raise TidegateError(
            "reference_changed",
            f"{field}: what it refers to has changed since this was written.",
            "Read it again, and leave the digest out to bind to what stands now.",
        )
