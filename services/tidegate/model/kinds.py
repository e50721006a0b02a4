"""From a parsed YAML document to a resource, with errors that name the field."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from tidegate.model.approval import Approval
from tidegate.model.base import API_VERSION
from tidegate.model.cohort import Cohort
from tidegate.model.dataset import Dataset
from tidegate.model.errors import ExitCode, TidegateError
from tidegate.model.grant import Grant
from tidegate.model.licence import Licence
from tidegate.model.project import Project

AnyResource = Licence | Dataset | Project | Grant | Approval | Cohort


class Kind(StrEnum):
    LICENCE = "Licence"
    DATASET = "Dataset"
    PROJECT = "Project"
    GRANT = "Grant"
    APPROVAL = "Approval"
    COHORT = "Cohort"


KINDS: dict[Kind, type[AnyResource]] = {
    Kind.LICENCE: Licence,
    Kind.DATASET: Dataset,
    Kind.PROJECT: Project,
    Kind.GRANT: Grant,
    Kind.APPROVAL: Approval,
    Kind.COHORT: Cohort,
}


def read_resource(document: object, where: str) -> AnyResource:
    """One YAML document as a resource.

    Args:
        document: what the YAML parser gave.
        where: file and place, for the error's sentence.

    Raises:
        TidegateError: ``resource_invalid``, naming every wrong, missing or unknown field.
    """
    if not isinstance(document, Mapping):
        raise _invalid(where, "it is not a mapping with apiVersion, kind, metadata and spec")
    kind = document.get("kind")
    if kind not in tuple(Kind):  # a tuple: what was given may not be hashable
        raise _invalid(where, f"kind {kind!r} is not one of {', '.join(Kind)}")
    if "apiVersion" not in document:  # what we make ourselves carries it by itself; what is given must say it
        raise _invalid(where, f"apiVersion is missing; it is {API_VERSION}")
    try:
        return KINDS[Kind(kind)].model_validate(document)
    except ValidationError as error:
        raise _invalid(where, "; ".join(_problem(dict(item)) for item in error.errors())) from error


def _problem(item: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in item["loc"]) or "the document"
    return f"{path}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _invalid(where: str, problem: str) -> TidegateError:
    return TidegateError(
        "resource_invalid",
        f"{where}: {problem}.",
        "Correct it and apply the file again; nothing was written.",
        ExitCode.USAGE,
    )
