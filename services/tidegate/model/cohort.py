"""One version of one project's copy of the data, made by the provisioner alone."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.model.base import Resource
from tidegate.model.names import Frozen, ProjectId, ResourceName, Sha256


class CohortDataset(Frozen):
    name: ResourceName
    digest: Sha256
    licence_digest: Sha256


class CohortSpec(Frozen):
    project: ProjectId
    datasets: tuple[CohortDataset, ...]
    selection_digest: Sha256
    version: Annotated[int, Field(ge=1)]


class Cohort(Resource):
    kind: Literal["Cohort"] = "Cohort"
    spec: CohortSpec
