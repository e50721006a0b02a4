"""What is asked for: a purpose, an organisation, data sets, resources and the rules of the way out."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from tidegate.model.base import Resource, digest_of
from tidegate.model.clock import Instant
from tidegate.model.later import Growing, later, unsaid
from tidegate.model.licence import DuoCode, MondoCode
from tidegate.model.names import Frozen, Line, PersonRef, ProfileName, ProjectId, ResourceName, Sha256, Text

MEBIBYTE = 1024 * 1024
STANDARD: Final = "standard"


class Stage(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    CLOSING = "closing"


class ProjectPurpose(Growing):
    """`diseases` are MONDO codes, needed where a licence is for research on a named disease only."""

    codes: Annotated[tuple[DuoCode, ...], Field(min_length=1)]
    text: Text
    commercial: bool = False
    ethics_ref: Line | None = None
    diseases: tuple[MondoCode, ...] = later(())


class DatasetRef(Frozen):
    name: ResourceName
    digest: Sha256 | None = None


class Selection(Frozen):
    """Which part of the data sets. Empty means all of it."""

    subjects: tuple[Line, ...] = ()
    modalities: tuple[Line, ...] = ()


class Resources(Frozen):
    """Limits of one person's sandbox. Memory and storage in MiB, `cpus` in cores, `gpu` in whole ones.

    `profile` names what the environment runs it on.
    """

    # Written only where they are not the default: an Approval given before there were any binds as it did, and whoever
    # reads or checks without knowing them meets nothing unknown.
    later: ClassVar[dict[str, int | str]] = {"gpu": 0, "profile": STANDARD}

    cpus: Annotated[float, Field(gt=0, le=64)] = 1.0
    memory_mib: Annotated[int, Field(ge=256, le=1_048_576)] = 2048
    storage_mib: Annotated[int, Field(ge=16, le=10_485_760)] = 1024
    pids: Annotated[int, Field(ge=32, le=32768)] = 512
    gpu: Annotated[int, Field(ge=0, le=64, json_schema_extra=unsaid)] = 0
    profile: Annotated[ProfileName, Field(json_schema_extra=unsaid)] = STANDARD

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        known: dict[str, Any] = written(self)
        return {key: value for key, value in known.items() if key not in self.later or value != self.later[key]}


class ProjectPolicy(Frozen):
    """Rules of the way out; part of the spec, so an Approval binds them too. Byte counts are bytes."""

    destinations: Annotated[tuple[ResourceName, ...], Field(min_length=1)] = ("download",)
    drawn_bytes: Annotated[int, Field(ge=0)] = 64 * MEBIBYTE
    network: Literal["none", "loopback"] = "none"
    permitted_types: tuple[Line, ...] = ("csv", "txt", "json", "png", "jpeg", "md")
    max_file_bytes: Annotated[int, Field(gt=0, le=16 * MEBIBYTE)] = 16 * MEBIBYTE


class ProjectSpec(Frozen):
    title: Line
    organisation: Line
    requester: PersonRef
    lead: PersonRef
    purpose: ProjectPurpose
    datasets: Annotated[tuple[DatasetRef, ...], Field(min_length=1)]
    selection: Selection = Selection()
    tier: Annotated[int, Field(ge=0, le=4)]
    resources: Resources = Resources()
    policy: ProjectPolicy = ProjectPolicy()
    reviewers: Annotated[int, Field(ge=2, le=5)] = 2
    ends: Instant
    stage: Stage = Stage.SUBMITTED


class ProjectMetadata(Frozen):
    """A project's name is its namespace, its server's name and its folder: `[a-z][a-z0-9-]`, 2 to 29 characters."""

    name: ProjectId

    @model_validator(mode="after")
    def _no_double_hyphen(self) -> Self:
        if "--" in self.name:
            msg = "a project name has no double hyphen"
            raise ValueError(msg)
        return self


class Project(Resource):
    undigested: ClassVar[frozenset[str]] = frozenset({"stage"})

    kind: Literal["Project"] = "Project"
    metadata: ProjectMetadata  # type: ignore[assignment]  # narrower than Metadata on purpose
    spec: ProjectSpec

    def closing_digest(self) -> str:
        """What an Approval of the closing binds to: the spec with its stage. No Approval of the work can close."""
        return digest_of({**self.spec_json(), "stage": Stage.CLOSING})
